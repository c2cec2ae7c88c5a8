//! From lines to groups. First every line is understood by itself, then the settings are made: those of the whole
//! process, on them the default group, and on that each other group. So no line is judged twice, and the place of a
//! global parameter does not matter.

use super::line::{self, Expanded, Kind, LineFault};
use super::place::place;
use super::remark::{Page, Remark};
use super::{Configuration, Group, pattern};
use crate::config::Settings;
use crate::config::bind::{Bind, BindAddress, Service};
use crate::config::param::{self, Argument, Directive, NoteKind, Param, ParamFault, ParamFaultKind, Scope};
use crate::config::patterns::{PatternLine, Patterns};
use crate::config::zenv::Zenv;
use crate::limits::{
    CONFIG_BINDS_MAX, CONFIG_GROUPS_MAX, CONFIG_LINE_MAX, CONFIG_PATTERNS_MAX, CONFIG_REMARKS_MAX,
};
use alloc::format;
use alloc::string::{String, ToString};
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
    line: usize,
    binds: Vec<Bind>,
    /// Addresses at the old port.
    old: Vec<(BindAddress, usize)>,
}

impl Draft {
    fn new(line: usize) -> Draft {
        Draft { line, binds: Vec::new(), old: Vec::new() }
    }
}

/// Reads one file.
pub(super) struct Builder<'a> {
    page: Page<'a>,
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
            page: Page { file },
            octets,
            zenv,
            statements: Vec::new(),
            drafts: Vec::from([Draft::new(1)]),
            patterns: Vec::new(),
            binds: 0,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn read(mut self, plain: &Settings, port: Option<u16>) -> Result<Configuration, Vec<Remark>> {
        for (index, octets) in self.octets.split(|octet| *octet == b'\n').enumerate() {
            let number = index + 1;
            let octets = octets.strip_suffix(b"\r").unwrap_or(octets);
            match core::str::from_utf8(octets) {
                Ok(text) => self.read_line(Row { number, text }),
                Err(fault) => {
                    let good = fault.valid_up_to();
                    let text = String::from_utf8_lossy(octets);
                    let what = "this is no UTF-8 text".to_string();
                    // The first replacement stands where the good text ends.
                    let error = self.page.error(number, &text, good..good + 3, what, String::new());
                    self.errors.push(error);
                }
            }
            if self.errors.len() >= CONFIG_REMARKS_MAX {
                return Err(self.errors);
            }
        }
        let settings = self.settings(plain);
        let groups = self.groups(settings, port);
        self.errors.sort_by_key(|remark| (remark.line, remark.column));
        self.errors.truncate(CONFIG_REMARKS_MAX);
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        self.warnings.sort_by_key(|remark| (remark.line, remark.column));
        self.warnings.truncate(CONFIG_REMARKS_MAX);
        Ok(Configuration { groups, zenv: self.zenv.clone(), warnings: self.warnings })
    }

    /// An error about a whole line; line 0 is the whole file.
    fn error_of_line(&mut self, number: usize, what: String, hint: &str) {
        let line = self.octets.split(|octet| *octet == b'\n').nth(number.wrapping_sub(1)).unwrap_or_default();
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        self.errors.push(self.page.error(number, text, 0..text.len(), what, hint.into()));
    }

    fn error(&mut self, row: Row<'_>, at: Range<usize>, what: impl Into<String>, hint: impl Into<String>) {
        self.errors.push(self.page.error(row.number, row.text, at, what.into(), hint.into()));
    }

    fn warn(&mut self, row: Row<'_>, at: Range<usize>, what: impl Into<String>, hint: impl Into<String>) {
        self.warnings.push(self.page.warning(row.number, row.text, at, what.into(), hint.into()));
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
                    self.drafts.push(Draft::new(row.number));
                }
                return;
            }
            Directive::OldBind => None,
            Directive::Bind(service) => Some(service),
        };
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
        let draft = self.drafts.last_mut().expect("the default group is always there");
        match service {
            Some(service) => {
                let port = port.unwrap_or(service.port());
                draft.binds.push(Bind { service, address, port, line: row.number });
            }
            None => draft.old.push((address, row.number)),
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
        let Statement { row, param, line, name, .. } = statement;
        let word = &row.text[name.clone()];
        let text = format!("{word}{}", line.text);
        match param::apply_at(settings, &text) {
            Ok(note) => {
                if let Some(note) = note {
                    let what = match note.kind {
                        NoteKind::Raised { given, used } => {
                            format!("{}: {given} is too small, {used} is used", note.name)
                        }
                        NoteKind::Old(instead) => format!("{}: {instead}", note.name),
                    };
                    self.warn(*row, name.clone(), what, "");
                }
                if !param.acts() {
                    let what = format!("{} is kept; this version does not act on it yet", param.name);
                    self.warn(*row, name.clone(), what, "");
                }
            }
            Err((at, kind)) => {
                let (what, hint) = say(&kind);
                // Within the value: the name is as it was written.
                let at = at.saturating_sub(word.len());
                let rest = &line.text[at.min(line.text.len())..];
                let length =
                    if rest.trim().is_empty() { 0 } else { rest.find([' ', '\t']).unwrap_or(rest.len()) };
                let at = if length == 0 && line.text.trim().is_empty() {
                    name.end..name.end
                } else {
                    line.origin(at..at + length)
                };
                if param.is_secret() {
                    // No log shows more of it than its name.
                    let text = row.text[..name.end].to_string();
                    let mut error = self.page.error(row.number, &text, name.clone(), what, hint);
                    error.column = row.text[..at.start].chars().count() + 1;
                    self.errors.push(error);
                } else {
                    self.error(*row, at, what, hint);
                }
            }
        }
    }

    /// The groups with their binds.
    fn groups(&mut self, settings: Vec<Settings>, port: Option<u16>) -> Vec<Group> {
        let drafts = core::mem::take(&mut self.drafts);
        let several = drafts.len() > 1;
        let mut groups = Vec::new();
        for (draft, settings) in drafts.into_iter().zip(settings) {
            let Draft { line, mut binds, old } = draft;
            let old_port = port.or(settings.sockets.old_port).unwrap_or(Service::Smtp.port());
            let mut old = old;
            if binds.is_empty() && old.is_empty() {
                if several {
                    let (which, hint) = match line {
                        1 => ("the default group", "everything before the first newgroup is a group, too"),
                        _ => ("this group", "where there are several groups, each needs a Bind line"),
                    };
                    self.error_of_line(line, format!("{which} listens nowhere"), hint);
                } else {
                    old.push((self.default_address(), 0));
                }
            }
            for (address, line) in old {
                if settings.sockets.old_smtps {
                    let (service, port) = (Service::SmtpS, Service::SmtpS.port());
                    binds.push(Bind { service, address: address.clone(), port, line });
                }
                binds.push(Bind { service: Service::Smtp, address, port: old_port, line });
            }
            groups.push(Group { settings, binds, line });
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
            self.error_of_line(0, what, &hint);
            BindAddress::Everywhere
        })
    }

    fn check_binds(&mut self, groups: &[Group]) {
        let mut seen: Vec<&Bind> = Vec::new();
        for group in groups {
            for bind in &group.binds {
                if bind.service == Service::SmtpS && !group.settings.tls.offered {
                    let what = format!("{} needs use-tls in its group", bind.service.param());
                    self.error_of_line(bind.line, what, "");
                }
                let same = |other: &&&Bind| other.address == bind.address && other.port == bind.port;
                if bind.port != 0
                    && let Some(other) = seen.iter().find(same)
                {
                    let what = format!(
                        "{} port {} is taken by line {} already",
                        bind.address, bind.port, other.line
                    );
                    self.error_of_line(bind.line, what, "each address and port can be given once");
                }
                seen.push(bind);
            }
        }
    }
}

/// A fault as what is wrong and what to do.
fn say(kind: &ParamFaultKind) -> (String, String) {
    let text = ParamFault { column: 1, kind: kind.clone() }.to_string();
    match text.split_once("; ") {
        Some((what, hint)) => (what.to_string(), hint.to_string()),
        None => (text, String::new()),
    }
}
