//! From lines to groups. First every line is understood by itself, then the settings are made: those of the whole
//! process, on them the default group, and on that each other group. So no line is judged twice, and the place of a
//! global parameter does not matter.

use super::line::{self, Expanded, Kind, LineFault};
use super::place::place;
use super::remark::{Remark, Spot};
use super::said::{self, say};
use super::{Configuration, Examined, Group, Set, pattern};
use crate::config::Settings;
use crate::config::bind::{Bind, BindAddress, Service};
use crate::config::param::{self, Argument, Directive, Param, ParamFaultKind, Scope};
use crate::config::patterns::{PatternLine, Patterns};
use crate::config::zenv::Zenv;
use crate::limits::{
    CONFIG_BINDS_MAX, CONFIG_GROUPS_MAX, CONFIG_LINE_MAX, CONFIG_PATTERNS_MAX, CONFIG_REMARKS_MAX,
};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// A line of the file.
#[derive(Clone, Copy)]
struct Row<'a> {
    number: usize,
    text: &'a str,
}

/// A line that sets something.
struct Statement<'a> {
    row: Row<'a>,
    group: usize,
    param: &'static Param,
    /// Name and value, as [`param::apply_at`] takes them, and how long the name is there.
    line: Expanded,
    name: Range<usize>,
}

/// What stands in a group besides settings.
struct Draft {
    /// The line that begins it; the whole file for the default group.
    spot: Spot,
    binds: Vec<Bind>,
    /// Addresses at the old port.
    old: Vec<(BindAddress, Spot)>,
    /// It has a Bind line, right or wrong.
    listens: bool,
    set: Vec<Set>,
}

impl Draft {
    fn new(spot: Spot) -> Draft {
        Draft { spot, binds: Vec::new(), old: Vec::new(), listens: false, set: Vec::new() }
    }
}

/// Reads one file.
pub(super) struct Builder<'a> {
    file: &'a str,
    octets: &'a [u8],
    zenv: &'a Zenv,
    statements: Vec<Statement<'a>>,
    drafts: Vec<Draft>,
    patterns: Vec<PatternLine>,
    binds: usize,
    errors: Vec<Remark>,
    warnings: Vec<Remark>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(file: &'a str, octets: &'a [u8], zenv: &'a Zenv) -> Builder<'a> {
        Builder {
            file,
            octets,
            zenv,
            statements: Vec::new(),
            drafts: Vec::from([Draft::new(Spot::whole(file))]),
            patterns: Vec::new(),
            binds: 0,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn read(mut self, plain: &Settings, port: Option<u16>) -> Examined {
        for (index, octets) in self.octets.split(|octet| *octet == b'\n').enumerate() {
            let number = index + 1;
            let octets = octets.strip_suffix(b"\r").unwrap_or(octets);
            match core::str::from_utf8(octets) {
                Ok(text) => self.read_line(Row { number, text }),
                Err(fault) => {
                    let good = fault.valid_up_to();
                    let text = String::from_utf8_lossy(octets);
                    // The first replacement stands where the good text ends.
                    let spot = Spot::new(self.file, number, &text, good..good + 3);
                    self.errors.push(spot.error("this is no UTF-8 text", ""));
                }
            }
            // That is no configuration: nothing is gained by the rest.
            if self.errors.len() >= CONFIG_REMARKS_MAX {
                break;
            }
        }
        let settings = self.settings(plain);
        let groups = self.groups(settings, port);
        for remarks in [&mut self.errors, &mut self.warnings] {
            remarks.sort_by_key(|remark| (remark.spot.line, remark.spot.column));
            remarks.truncate(CONFIG_REMARKS_MAX);
        }
        let configuration = Configuration { groups, zenv: self.zenv.clone(), warnings: self.warnings };
        Examined { configuration, errors: self.errors }
    }

    fn spot(&self, row: Row<'_>, at: Range<usize>) -> Spot {
        Spot::new(self.file, row.number, row.text, at)
    }

    fn error(&mut self, row: Row<'_>, at: Range<usize>, what: impl Into<String>, hint: impl Into<String>) {
        self.errors.push(self.spot(row, at).error(what, hint));
    }

    fn warn(&mut self, row: Row<'_>, at: Range<usize>, what: impl Into<String>, hint: impl Into<String>) {
        self.warnings.push(self.spot(row, at).warning(what, hint));
    }

    fn read_line(&mut self, row: Row<'a>) {
        let kind = line::kind(row.text);
        if kind == Kind::Nothing {
            return;
        }
        if row.text.len() > CONFIG_LINE_MAX {
            let what = format!("the line is longer than {CONFIG_LINE_MAX} octets");
            return self.error(row, 0..1, what, "");
        }
        if let Some(at) = row.text.find(|c: char| c.is_control() && c != '\t') {
            return self.error(row, at..at + 1, "this is a control character", "");
        }
        match kind {
            Kind::Nothing => {}
            Kind::Param(name) => self.read_param(row, name),
            Kind::Pattern if self.patterns.len() >= CONFIG_PATTERNS_MAX => {
                let what = format!("there are more than {CONFIG_PATTERNS_MAX} pattern lines");
                self.error(row, 0..row.text.len(), what, "");
            }
            Kind::Pattern => match pattern::read(row.text) {
                Ok(line) => self.patterns.push(line),
                Err(LineFault { at, what, hint }) => self.error(row, at, what, hint),
            },
        }
    }

    fn read_param(&mut self, row: Row<'a>, name: Range<usize>) {
        let word = &row.text[name.clone()];
        let Some(param) = param::find(word) else {
            // The table says it best; nothing is set, as nothing is called so.
            let fault = param::apply_at(&mut Settings::new(""), word).err();
            let kind = fault.map_or(ParamFaultKind::NoName, |(_, kind)| kind);
            let (what, hint) = say(&kind);
            return self.error(row, name, what, hint);
        };
        let value = match line::expand(row.text, name.end, param.raw, self.zenv) {
            Ok(value) => value,
            Err(LineFault { at, what, hint }) => return self.error(row, at, what, hint),
        };
        match param.argument {
            Argument::Directive(directive) => self.obey(row, name, param, directive, &value),
            Argument::Switch(_)
            | Argument::Whole { .. }
            | Argument::Seconds { .. }
            | Argument::Text { .. }
            | Argument::Words { .. }
            | Argument::Obsolete => {
                let group = self.drafts.len() - 1;
                self.statements.push(Statement { row, group, param, line: value, name });
            }
        }
    }

    /// Obeys a line that sets nothing.
    fn obey(
        &mut self,
        row: Row<'a>,
        name: Range<usize>,
        param: &'static Param,
        directive: Directive,
        value: &Expanded,
    ) {
        let service = match directive {
            Directive::NewGroup => {
                let text = value.text.trim_matches([' ', '\t']);
                if !text.is_empty() {
                    let at = value.text.len() - value.text.trim_start().len();
                    let at = value.origin(at..at + text.len());
                    self.error(row, at, "newgroup takes no value", "");
                }
                if self.drafts.len() >= CONFIG_GROUPS_MAX {
                    let what = format!("there are more than {CONFIG_GROUPS_MAX} groups");
                    self.error(row, name, what, "");
                } else {
                    let spot = self.spot(row, name);
                    self.drafts.push(Draft::new(spot));
                }
                return;
            }
            Directive::OldBind => None,
            Directive::Bind(service) => Some(service),
        };
        self.drafts.last_mut().expect("the default group is always there").listens = true;
        let (address, port) = match place(&value.text, service.is_some()) {
            Ok(place) => place,
            Err((at, unfit)) => {
                let kind = param.unfit(&value.text[at.clone()], unfit);
                let (what, hint) = say(&kind);
                let at = if at.is_empty() && value.text.trim().is_empty() {
                    row.text.len()..row.text.len()
                } else {
                    value.origin(at)
                };
                return self.error(row, at, what, hint);
            }
        };
        self.binds += 1;
        if self.binds > CONFIG_BINDS_MAX {
            let what = format!("there are more than {CONFIG_BINDS_MAX} places to listen");
            return self.error(row, name, what, "");
        }
        if !param.instead.is_empty() {
            self.warn(row, name, format!("{} is {}", param.name, param.instead), "");
        }
        let spot = self.spot(row, whole(value));
        let draft = self.drafts.last_mut().expect("the default group is always there");
        match service {
            Some(service) => {
                let port = port.unwrap_or(service.port());
                draft.binds.push(Bind { service, address, port, spot });
            }
            None => draft.old.push((address, spot)),
        }
    }

    /// The settings of all groups.
    fn settings(&mut self, plain: &Settings) -> Vec<Settings> {
        let mut base = plain.clone();
        let lines: Patterns = core::mem::take(&mut self.patterns).into_iter().collect();
        base.source_routes |= self.zenv.get("ALLOWSOURCEROUTE").is_some();
        let statements = core::mem::take(&mut self.statements);
        let is_global = |statement: &&Statement<'_>| statement.param.scope == Scope::Global;
        for statement in statements.iter().filter(is_global) {
            self.set(&mut base, statement);
        }
        let own = |statement: &&Statement<'_>| !is_global(statement);
        for statement in statements.iter().filter(|one| own(one) && one.group == 0) {
            self.set(&mut base, statement);
        }
        let mut all = Vec::from([base]);
        for _ in 1..self.drafts.len() {
            all.push(all[0].clone());
        }
        for statement in statements.iter().filter(|one| own(one) && one.group > 0) {
            self.set(&mut all[statement.group], statement);
        }
        // Behind helo-pattern: most files end in a line for `*`, behind which nothing would ever count.
        for settings in &mut all {
            let own = core::mem::replace(&mut settings.patterns, lines.clone());
            if !own.lines().is_empty() {
                settings.patterns = own.lines().iter().chain(lines.lines()).cloned().collect();
            }
        }
        all
    }

    fn set(&mut self, settings: &mut Settings, statement: &Statement<'_>) {
        let Statement { row, param, line, name, group } = statement;
        let word = &row.text[name.clone()];
        let text = format!("{word}{}", line.text);
        match said::apply(settings, Some(param), &text) {
            Ok(warnings) => {
                let group = if param.scope == Scope::Global { 0 } else { *group };
                // No log shows more of a secret than its name.
                let end = if param.is_secret() { name.end } else { whole(line).end };
                let spot = self.spot(*row, name.start..end.max(name.end));
                self.drafts[group].set.push(Set { param: param.name, spot });
                for what in warnings {
                    self.warn(*row, name.clone(), what, "");
                }
            }
            Err((at, what, hint)) => {
                // Within the value: the name is as it was written.
                let at = if line.text.trim().is_empty() {
                    name.end..name.end
                } else {
                    line.origin(at.start.saturating_sub(word.len())..at.end.saturating_sub(word.len()))
                };
                if param.is_secret() {
                    let mut spot = Spot::new(self.file, row.number, &row.text[..name.end], name.clone());
                    spot.column = row.text[..at.start].chars().count() + 1;
                    self.errors.push(spot.error(what, hint));
                } else {
                    self.error(*row, at, what, hint);
                }
            }
        }
    }

    /// The groups with their binds.
    fn groups(&mut self, settings: Vec<Settings>, port: Option<u16>) -> Vec<Group> {
        let drafts = core::mem::take(&mut self.drafts);
        let mut groups = Vec::new();
        let second = drafts.get(1).map(|draft| draft.spot.clone());
        for (draft, settings) in drafts.into_iter().zip(settings) {
            let Draft { spot, mut binds, mut old, listens, set } = draft;
            let old_port = port.or(settings.sockets.old_port).unwrap_or(Service::Smtp.port());
            if !listens {
                match &second {
                    None => old.push((self.default_address(), spot)),
                    Some(second) if spot.line == 0 => self.errors.push(second.clone().error(
                        "the default group listens nowhere",
                        "everything before the first newgroup is a group, too, and needs a Bind line",
                    )),
                    Some(_) => self.errors.push(spot.error(
                        "this group listens nowhere",
                        "where there are several groups, each needs a Bind line",
                    )),
                }
            }
            for (address, spot) in old {
                if settings.sockets.old_smtps {
                    let (service, port) = (Service::SmtpS, Service::SmtpS.port());
                    binds.push(Bind { service, address: address.clone(), port, spot: spot.clone() });
                }
                binds.push(Bind { service: Service::Smtp, address, port: old_port, spot });
            }
            groups.push(Group { settings, binds, set });
        }
        self.check_binds(&groups);
        groups
    }

    /// Where a file without a Bind line listens.
    fn default_address(&mut self) -> BindAddress {
        let zenv = self.zenv;
        let Some(text) = zenv.get("BINDADDR") else { return BindAddress::Everywhere };
        BindAddress::read(text).unwrap_or_else(|| {
            let what = format!("BINDADDR of the ZENV file is \"{}\"", text.escape_debug());
            let hint = format!("it takes {}", BindAddress::WANTED);
            self.errors.push(Spot::whole(self.file).error(what, hint));
            BindAddress::Everywhere
        })
    }

    fn check_binds(&mut self, groups: &[Group]) {
        let mut seen: Vec<&Bind> = Vec::new();
        for group in groups {
            for bind in &group.binds {
                if bind.service == Service::SmtpS && !group.settings.tls.offered {
                    let what = format!("{} needs use-tls in its group", bind.service.param());
                    self.errors.push(bind.spot.clone().error(what, "add PARAM use-tls, or use BindSmtp"));
                }
                let same = |other: &&&Bind| other.address == bind.address && other.port == bind.port;
                if bind.port != 0
                    && let Some(other) = seen.iter().find(same)
                {
                    let what = format!(
                        "{} port {} is taken by line {} already",
                        bind.address, bind.port, other.spot.line
                    );
                    self.errors
                        .push(bind.spot.clone().error(what, "each address and port can be given once"));
                }
                seen.push(bind);
            }
        }
    }
}

/// The octets of the line that a value stands in, without the blanks around it.
fn whole(value: &Expanded) -> Range<usize> {
    let begin = value.text.len() - value.text.trim_start().len();
    value.origin(begin..value.text.trim_end().len().max(begin))
}
