//! The text of a pattern line: `glob [load] styles`, `glob [load] !text`, and back. What follows from a line is not
//! known here.

use super::patterns::{PatternAction, PatternLine, Styles};
use alloc::format;
use alloc::string::{String, ToString};

/// Octets of a glob or of a text.
pub const PATTERN_OCTETS_MAX: usize = 400;
/// The greatest load that can be named.
pub const LOAD_MOST: u32 = 100_000;

/// Reads a line. What is unfit is told by its place, in octets.
///
/// The load may stand in front of the styles or behind them (`ve 20`). A `*` in its place, as in the manual's sample, is
/// no limit.
pub fn read(text: &str) -> Result<PatternLine, usize> {
    if let Some(at) = text.find(|c: char| c != '\t' && !(' '..='~').contains(&c)) {
        return Err(at);
    }
    let (glob, rest) = word(text);
    if rest.is_empty() {
        return Err(text.len());
    }
    let (first, behind) = word(rest);
    let has_load = !behind.is_empty() && is_load(first);
    let mut load_max = if has_load { load(first) } else { None };
    let action = if has_load { behind } else { rest };
    let at = text.trim_end().len() - action.len();
    let action = match action.strip_prefix('!') {
        Some(message) if message.len() > PATTERN_OCTETS_MAX => return Err(at),
        Some(message) => PatternAction::Refuse(message.trim().to_string()),
        None => {
            let (letters, last) = word(action);
            let letters = if letters == "*" { "-" } else { letters };
            let styles = Styles::read(letters).map_err(|off| at + off)?;
            if !last.is_empty() {
                if has_load || !is_load(last) {
                    return Err(text.trim_end().len() - last.len());
                }
                load_max = load(last);
            }
            PatternAction::Style(styles)
        }
    };
    PatternLine::new(glob, action, load_max).map_err(|(at, _)| at)
}

/// The line as it would be read again.
pub fn write(line: &PatternLine) -> String {
    let load = line.load_max.map_or_else(|| String::from("*"), |load| load.to_string());
    match &line.action {
        PatternAction::Style(styles) => format!("{} {load} {}", line.glob, letters(*styles)),
        PatternAction::Refuse(text) => format!("{} {load} !{text}", line.glob),
    }
}

/// The letters of styles, `-` for none.
pub fn letters(styles: Styles) -> String {
    let all = [
        ('f', styles.check_from),
        ('t', styles.check_to),
        ('F', styles.from_unrouted),
        ('T', styles.to_unrouted),
        ('v', styles.route_vrfy),
        ('e', styles.route_expn),
        ('h', styles.route_helo),
        ('R', styles.qualified),
        ('S', styles.sloppy),
        ('D', styles.keep_broken),
    ];
    let on: String = all.iter().filter(|(_, on)| *on).map(|(letter, _)| *letter).collect();
    if on.is_empty() { String::from("-") } else { on }
}

/// The first word, and what stands behind the blanks after it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim();
    let (word, rest) = text.split_at(text.find([' ', '\t']).unwrap_or(text.len()));
    (word, rest.trim_start())
}

fn is_load(word: &str) -> bool {
    word == "*" || word.parse::<u32>().is_ok()
}

/// A load below 2 counts as 2, so that a slip does not close the door.
fn load(word: &str) -> Option<u32> {
    word.parse().ok().map(|load: u32| load.clamp(2, LOAD_MOST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_in_all_their_forms() {
        let styles = |text| PatternAction::Style(Styles::read(text).expect("letters"));
        let refuse = |text: &str| PatternAction::Refuse(text.into());
        let table = [
            ("localhost * ftveR", "localhost", styles("ftveR"), None),
            ("*.UUCP\tftve", "*.UUCP", styles("ftve"), None),
            ("* 40 ve", "*", styles("ve"), Some(40)),
            ("* ve 40", "*", styles("ve"), Some(40)),
            ("* 1 ve ", "*", styles("ve"), Some(2)),
            ("* -", "*", styles("-"), None),
            ("* *", "*", styles("-"), None),
            ("bad.example !Go away, bad client", "bad.example", refuse("Go away, bad client"), None),
            ("bad.example * !no", "bad.example", refuse("no"), None),
            ("bad.example 30 !", "bad.example", refuse(""), Some(30)),
        ];
        for (text, glob, action, load_max) in table {
            let line = read(text).expect(text);
            assert_eq!(
                (line.glob.as_str(), &line.action, line.load_max),
                (glob, &action, load_max),
                "{text}"
            );
            assert_eq!(read(&write(&line)), Ok(line), "{text}");
        }
        for (text, at) in
            [("", 0), ("mx.example", 10), ("* veX", 4), ("* ve surplus", 5), ("* 4 ve 5", 7), ("* !\u{7}", 3)]
        {
            assert_eq!(read(text), Err(at), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_line_or_is_unfit_somewhere(text in "\\PC{0,40}") {
            match read(&text) {
                Ok(line) => prop_assert_eq!(read(&write(&line)), Ok(line)),
                Err(at) => prop_assert!(at <= text.len()),
            }
        }
    }
}
