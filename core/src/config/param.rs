//! The parameters of the configuration, one row each: names, scope, value, bounds, default, what it does, how it is
//! set. The parser, the list of parameters and the manual are made from these rows. Reads no file and knows no
//! other line of the configuration than `NAME VALUE`.

mod fault;
mod rows;
mod table;
mod words;

pub(super) use fault::echo;
pub use fault::{NoteKind, ParamFault, ParamFaultKind, ParamNote, Unfit};
pub(crate) use words::split;

use super::Settings;
use super::bind::{BindAddress, Service};
use crate::now::{Duration, micros};
use crate::server::tarpit::millionths;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What a setter of a text says: done, or the octet of the value, counted from 0, at which it is unfit, and why.
pub type Checked = Result<(), (usize, Unfit)>;

/// What a setter of words says: done, perhaps with a remark, or the index of the word that is unfit, and why.
pub type CheckedWords = Result<Option<&'static str>, (usize, Unfit)>;

/// For whom a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// For the whole process, wherever it stands.
    Global,
    /// For the group in which it stands; in the default group for all that come after it.
    Group,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name as the manual writes it. Names are compared without regard to case.
    pub name: &'static str,
    /// Other names under which it is accepted.
    pub spellings: &'static [&'static str],
    /// The value it takes.
    pub argument: Argument,
    /// The value that holds when nobody sets it, as text; empty when there is none to write.
    pub default: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    /// For whom it holds.
    pub scope: Scope,
    /// Its value is everything behind one blank: leading blanks, quotes and `#` belong to it.
    pub raw: bool,
    /// What to write today, where the parameter is an old one; empty otherwise.
    pub instead: &'static str,
}

/// A line that asks for a place or a group and sets nothing: only the reader of the file knows what to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directive {
    /// `newgroup`.
    NewGroup,
    /// `BindAddress`.
    OldBind,
    /// `BindSmtp` and its kin.
    Bind(Service),
}

/// The value of a parameter: its form, its bounds, and where it goes.
#[derive(Clone, Copy, Debug)]
pub enum Argument {
    /// No value: naming the parameter is all.
    Switch(fn(&mut Settings)),
    /// A whole number from `least` to `most`. One below `floor` is taken as `floor`, with a note.
    Whole {
        /// The smallest number that is taken at all.
        least: u64,
        /// The smallest number that is used.
        floor: u64,
        /// The greatest number.
        most: u64,
        /// What is counted, in the plural.
        unit: &'static str,
        /// Where it goes.
        set: fn(&mut Settings, u64),
    },
    /// Seconds, with at most six digits behind the point.
    Seconds {
        /// The shortest time.
        least: Duration,
        /// The longest time.
        most: Duration,
        /// Where it goes.
        set: fn(&mut Settings, Duration),
    },
    /// Something of its own form.
    Text {
        /// How the manual writes the value, such as `initial exponent toplimit`.
        form: &'static str,
        /// What is wanted, in words.
        wanted: &'static str,
        /// Checks the value, which may be empty, then sets it. An unfit one changes nothing.
        set: fn(&mut Settings, &str) -> Checked,
    },
    /// Words with blanks between them, or in quotes.
    Words {
        /// How the manual writes the value.
        form: &'static str,
        /// What is wanted, in words.
        wanted: &'static str,
        /// How few and how many words there may be.
        count: (usize, usize),
        /// Checks the words and sets what they say. Unfit ones change nothing.
        set: fn(&mut Settings, &[&str]) -> CheckedWords,
    },
    /// Not a setting.
    Directive(Directive),
    /// Anything: the parameter means nothing any more.
    Obsolete,
}

impl Argument {
    /// How the manual writes the value; empty for a switch.
    pub fn form(&self) -> &'static str {
        match self {
            Argument::Switch(_) => "",
            Argument::Whole { .. } => "N",
            Argument::Seconds { .. } => "SECONDS",
            Argument::Text { form, .. } | Argument::Words { form, .. } => form,
            Argument::Directive(Directive::NewGroup) => "",
            Argument::Directive(Directive::OldBind) => "ADDRESS",
            Argument::Directive(Directive::Bind(_)) => "ADDRESS [PORT]",
            Argument::Obsolete => "[...]",
        }
    }

    /// What is wanted, in words, with its bounds.
    pub fn wanted(&self) -> String {
        match self {
            Argument::Switch(_) => "no value".to_string(),
            Argument::Whole { floor, most, unit, .. } => {
                format!("a whole number of {unit} from {floor} to {most}")
            }
            Argument::Seconds { least, most, .. } => {
                format!("seconds from {} to {}, such as 30 or 0.5", seconds(*least), seconds(*most))
            }
            Argument::Text { wanted, .. } | Argument::Words { wanted, .. } => (*wanted).to_string(),
            Argument::Directive(Directive::NewGroup) => "no value".to_string(),
            Argument::Directive(Directive::OldBind) => BindAddress::WANTED.to_string(),
            Argument::Directive(Directive::Bind(_)) => {
                format!("{}, and perhaps a port from 0 to 65535", BindAddress::WANTED)
            }
            Argument::Obsolete => "anything".to_string(),
        }
    }
}

impl Param {
    /// Whether `name` is one of the parameter's names.
    pub fn is_called(&self, name: &str) -> bool {
        self.names().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Whether this version acts on it; otherwise it is read, checked and kept.
    pub fn acts(&self) -> bool {
        !rows::LATER.contains(&self.name)
    }

    /// All its names, the manual's first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        core::iter::once(self.name).chain(self.spellings.iter().copied())
    }

    /// Whether its value is not to be shown: it holds a secret.
    pub(crate) fn is_secret(&self) -> bool {
        self.name.ends_with("-cluster")
    }

    /// What is said about a value that is not fit.
    pub(crate) fn unfit(&self, value: &str, unfit: Unfit) -> ParamFaultKind {
        ParamFaultKind::Unfit {
            name: self.name,
            given: if self.is_secret() { String::new() } else { fault::echo(value) },
            unfit,
            wanted: self.argument.wanted(),
        }
    }

    const fn global(mut self) -> Param {
        self.scope = Scope::Global;
        self
    }

    const fn raw(mut self) -> Param {
        self.raw = true;
        self
    }

    const fn instead(mut self, instead: &'static str) -> Param {
        self.instead = instead;
        self
    }

    /// Sets it. A value that is not fit changes nothing; the octet at which it is unfit comes back.
    fn set(&self, settings: &mut Settings, value: &str) -> Result<Option<ParamNote>, (usize, Unfit)> {
        let mut remark = self.instead;
        match &self.argument {
            Argument::Text { set, .. } => set(settings, value)?,
            Argument::Switch(_) if !value.is_empty() => return Err((0, Unfit::Unwanted)),
            Argument::Switch(set) => set(settings),
            Argument::Whole { .. } | Argument::Seconds { .. } if value.is_empty() => {
                return Err((0, Unfit::Missing));
            }
            Argument::Whole { least, floor, most, set, .. } => {
                let given = whole(value, *least, *most).map_err(|unfit| (0, unfit))?;
                let used = given.max(*floor);
                set(settings, used);
                if used != given {
                    return Ok(Some(ParamNote { name: self.name, kind: NoteKind::Raised { given, used } }));
                }
            }
            Argument::Seconds { least, most, set } => {
                let micros = millionths(value).map_err(|fault| (0, Unfit::Decimal(fault)))?;
                let span = Duration::from_micros(micros);
                if span < *least || span > *most {
                    return Err((0, Unfit::OutOfRange));
                }
                set(settings, span);
            }
            Argument::Words { count: (least, most), set, .. } => {
                let words = split(value).map_err(|at| (at, Unfit::OpenQuote))?;
                if words.len() < *least {
                    return Err((value.len(), Unfit::Missing));
                }
                if let Some(word) = words.get(*most) {
                    return Err((word.at, Unfit::Unwanted));
                }
                let texts: Vec<&str> = words.iter().map(|word| word.text).collect();
                let at = |index: usize| words.get(index).map_or(value.len(), |word| word.at);
                remark =
                    set(settings, &texts).map_err(|(index, unfit)| (at(index), unfit))?.unwrap_or(remark);
            }
            Argument::Directive(_) => return Err((0, Unfit::OnlyInFile)),
            Argument::Obsolete => {}
        }
        Ok((!remark.is_empty()).then_some(ParamNote { name: self.name, kind: NoteKind::Old(remark) }))
    }
}

/// All parameters, in the order in which a list shows them.
pub fn table() -> &'static [Param] {
    &ALL
}

/// The parameter of this name.
pub(crate) fn find(name: &str) -> Option<&'static Param> {
    table().iter().find(|param| param.is_called(name))
}

static ALL: [Param; COUNT] = {
    let mut all = [table::TABLE[0]; COUNT];
    let (mut at, mut part) = (0, 0);
    while part < PARTS.len() {
        let mut row = 0;
        while row < PARTS[part].len() {
            all[at] = PARTS[part][row];
            at += 1;
            row += 1;
        }
        part += 1;
    }
    all
};

/// The rows, file by file, in the order of the list.
const PARTS: [&[Param]; 6] = [
    rows::places::ROWS,
    table::TABLE,
    rows::dialogue::ROWS,
    rows::manners::ROWS,
    rows::services::ROWS,
    rows::tls::ROWS,
];

const COUNT: usize = {
    let (mut count, mut part) = (0, 0);
    while part < PARTS.len() {
        count += PARTS[part].len();
        part += 1;
    }
    count
};

/// Sets what one line `NAME VALUE` says; the word `PARAM` is not part of it. The note, if there is one, is for
/// the operator. A line that is not fit changes nothing.
pub fn apply(settings: &mut Settings, line: &str) -> Result<Option<ParamNote>, ParamFault> {
    apply_at(settings, line).map_err(|(at, kind)| ParamFault { column: column(line, at), kind })
}

/// As [`apply`]; a fault comes with the octet of the line, counted from 0, at which it is.
pub(crate) fn apply_at(
    settings: &mut Settings,
    line: &str,
) -> Result<Option<ParamNote>, (usize, ParamFaultKind)> {
    let text = line.trim_ascii_start();
    let (name, rest) = text.split_at(text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len()));
    let name_at = line.len() - text.len();
    if name.is_empty() {
        return Err((0, ParamFaultKind::NoName));
    }
    let Some(param) = find(name) else {
        let kind = ParamFaultKind::Unknown { name: fault::echo(name), near: fault::nearest(name) };
        return Err((name_at, kind));
    };
    let value = if param.raw { rest.get(1..).unwrap_or(rest) } else { rest.trim_ascii_start() };
    let value_at = line.len() - value.len();
    let value = value.trim_ascii_end();
    param.set(settings, value).map_err(|(at, unfit)| (value_at + at, param.unfit(value, unfit)))
}

/// The column, counted in characters from 1, of the octet `at` of a line.
fn column(line: &str, at: usize) -> usize {
    1 + line.char_indices().take_while(|(index, _)| *index < at).count()
}

/// Reads a whole number within its bounds.
fn whole(word: &str, least: u64, most: u64) -> Result<u64, Unfit> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    if digits.is_empty() || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(Unfit::NotWhole);
    }
    // What does not parse now is negative or beyond 64 bits.
    match word.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(Unfit::OutOfRange),
    }
}

/// A time in seconds, with as many decimals as it needs.
fn seconds(span: Duration) -> String {
    let micros = micros(span);
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests;
