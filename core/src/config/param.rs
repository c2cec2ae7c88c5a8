//! The parameters of the configuration, one row each: names, value, bounds, default, what it does, how it is
//! set. The parser, the list of parameters and the manual are made from these rows. Reads no file and knows no
//! other line of the configuration than `NAME VALUE`.

mod fault;
mod manners;
mod table;

pub use fault::{ParamFault, ParamFaultKind, ParamNote, Unfit};

use super::Settings;
use crate::now::{Duration, micros};
use crate::server::tarpit::millionths;
use alloc::format;
use alloc::string::{String, ToString};

/// What a setter of a text says: done, or the octet of the value, counted from 0, at which it is unfit, and why.
pub type Checked = Result<(), (usize, Unfit)>;

/// One parameter.
#[derive(Debug)]
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
}

/// The value of a parameter: its form, its bounds, and where it goes.
#[derive(Debug)]
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
}

impl Argument {
    /// How the manual writes the value; empty for a switch.
    pub fn form(&self) -> &'static str {
        match self {
            Argument::Switch(_) => "",
            Argument::Whole { .. } => "N",
            Argument::Seconds { .. } => "SECONDS",
            Argument::Text { form, .. } => form,
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
            Argument::Text { wanted, .. } => (*wanted).to_string(),
        }
    }
}

impl Param {
    /// Whether `name` is one of the parameter's names.
    pub fn is_called(&self, name: &str) -> bool {
        self.names().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// All its names, the manual's first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        core::iter::once(self.name).chain(self.spellings.iter().copied())
    }

    /// Sets it. A value that is not fit changes nothing; the octet at which it is unfit comes back.
    fn set(&self, settings: &mut Settings, value: &str) -> Result<Option<ParamNote>, (usize, Unfit)> {
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
                return Ok((used != given).then_some(ParamNote { name: self.name, given, used }));
            }
            Argument::Seconds { least, most, set } => {
                let micros = millionths(value).map_err(|fault| (0, Unfit::Decimal(fault)))?;
                let span = Duration::from_micros(micros);
                if span < *least || span > *most {
                    return Err((0, Unfit::OutOfRange));
                }
                set(settings, span);
            }
        }
        Ok(None)
    }
}

/// All parameters, in the order in which a list shows them.
pub fn table() -> &'static [Param] {
    table::TABLE
}

/// Sets what one line `NAME VALUE` says; the word `PARAM` is not part of it. The note, if there is one, is for
/// the operator: the value was raised. A line that is not fit changes nothing.
pub fn apply(settings: &mut Settings, line: &str) -> Result<Option<ParamNote>, ParamFault> {
    let text = line.trim_ascii_start();
    let (name, rest) = text.split_at(text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len()));
    let value = rest.trim_ascii_start();
    let (name_at, value_at) = (line.len() - text.len(), line.len() - value.len());
    let value = value.trim_ascii_end();
    if name.is_empty() {
        return Err(ParamFault { column: 1, kind: ParamFaultKind::NoName });
    }
    let Some(param) = table().iter().find(|param| param.is_called(name)) else {
        let kind = ParamFaultKind::Unknown { name: fault::echo(name), near: fault::nearest(name) };
        return Err(ParamFault { column: column(line, name_at), kind });
    };
    param.set(settings, value).map_err(|(at, unfit)| ParamFault {
        column: column(line, value_at + at),
        kind: ParamFaultKind::Unfit {
            name: param.name,
            given: fault::echo(value),
            unfit,
            wanted: param.argument.wanted(),
        },
    })
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
