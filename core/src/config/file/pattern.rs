//! Pattern lines: `glob flags-or-!text [max-load]`. The manual's samples have a lone `*` between glob and flags, which
//! stands for no limit of the load; a number there is such a limit.

use super::line::LineFault;
use crate::config::glob::GlobFault;
use crate::config::patterns::{PatternAction, PatternLine, Styles};
use crate::limits::REPLY_TEXT_MAX;
use crate::near;
use alloc::format;
use alloc::string::{String, ToString};
use core::ops::Range;

/// Greatest load that may be named.
const LOAD_MOST: u32 = 100_000;

/// Reads a line.
pub(in crate::config) fn read(line: &str) -> Result<PatternLine, LineFault> {
    let (glob, second) = word(line, 0);
    let missing = || LineFault {
        at: line.len()..line.len(),
        what: "a pattern needs style letters, or ! and a text".to_string(),
        hint: hint_for(&line[glob.clone()]),
    };
    let (flags, third) = word(line, second);
    if flags.is_empty() {
        return Err(missing());
    }
    let middle = &line[flags.clone()];
    let (flags, third, mut load_max) = if middle == "*" {
        let (flags, third) = word(line, third);
        (flags, third, None)
    } else if middle.bytes().all(|octet| octet.is_ascii_digit()) {
        let load = load(line, flags)?;
        let (flags, third) = word(line, third);
        (flags, third, Some(load))
    } else {
        (flags, third, None)
    };
    if flags.is_empty() {
        return Err(missing());
    }
    let action = if line[flags.start..].starts_with('!') {
        let text = line[flags.start + 1..].trim_matches([' ', '\t']);
        if text.len() > REPLY_TEXT_MAX || text.contains(|c: char| c.is_control() && c != '\t') {
            let what = format!("the text of a refusal is printable and has up to {REPLY_TEXT_MAX} octets");
            return Err(LineFault { at: flags.start..line.len(), what, hint: String::new() });
        }
        PatternAction::Refuse(text.to_string())
    } else {
        let styles = Styles::read(&line[flags.clone()]).map_err(|at| LineFault {
            at: flags.start + at
                ..flags.start + at + line[flags.start + at..].chars().next().map_or(0, char::len_utf8),
            what: format!("there is no style \"{}\"", line[flags.start + at..].chars().next().unwrap_or(' ')),
            hint: match hint_for(&line[glob.clone()]).as_str() {
                "" => format!("the styles are {}; a refusal begins with !", Styles::LETTERS),
                hint => hint.to_string(),
            },
        })?;
        let (last, rest) = word(line, third);
        if !line[last.clone()].is_empty() && !line[last.clone()].starts_with('#') {
            load_max = Some(load(line, last)?);
            let (surplus, _) = word(line, rest);
            if !surplus.is_empty() && !line[surplus.clone()].starts_with('#') {
                let what = "there is too much on this line".to_string();
                return Err(LineFault { at: surplus, what, hint: String::new() });
            }
        }
        PatternAction::Style(styles)
    };
    PatternLine::new(&line[glob.clone()], action, load_max).map_err(|(at, fault)| {
        let (what, hint) = match fault {
            GlobFault::Unclosed => ("this [ has no ]", "write \\[ for a bracket itself"),
            GlobFault::Backwards => ("this set has a range that holds nothing", "write the lower end first"),
            GlobFault::Dangling => ("nothing follows this backslash", "write \\\\ for a backslash itself"),
        };
        LineFault { at: glob.start + at..glob.end, what: what.to_string(), hint: hint.to_string() }
    })
}

/// The word at or behind `from`, and where to go on.
fn word(line: &str, from: usize) -> (Range<usize>, usize) {
    let rest = line[from..].trim_start_matches([' ', '\t']);
    let begin = line.len() - rest.len();
    let end = begin + rest.find([' ', '\t']).unwrap_or(rest.len());
    (begin..end, end)
}

fn load(line: &str, at: Range<usize>) -> Result<u32, LineFault> {
    let number = line[at.clone()].parse().ok().filter(|load| (1..=LOAD_MOST).contains(load));
    number.ok_or_else(|| LineFault {
        at,
        what: format!("a greatest load is a whole number from 1 to {LOAD_MOST}"),
        hint: String::new(),
    })
}

/// For a line that was perhaps meant as a parameter.
fn hint_for(first: &str) -> String {
    match near::nearest(first, core::iter::once("PARAM")) {
        Some(_) if first.len() > 3 => "a parameter line begins with PARAM, in capitals".to_string(),
        Some(_) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let style = |letters| PatternAction::Style(Styles::read(letters).expect(letters));
        let refuse = |text: &str| PatternAction::Refuse(text.into());
        for (line, glob, action, load) in [
            ("* ve", "*", style("ve"), None),
            ("localhost          * ftveR", "localhost", style("ftveR"), None),
            ("some.host.domain  * !NO EMAIL ACCEPTED", "some.host.domain", refuse("NO EMAIL ACCEPTED"), None),
            ("bad !go  away # x", "bad", refuse("go  away # x"), None),
            (r"\[*\]              * ve", r"\[*\]", style("ve"), None),
            ("*\tveR\t8", "*", style("veR"), Some(8)),
            ("*\t8 veR", "*", style("veR"), Some(8)),
            ("* * veR 9", "*", style("veR"), Some(9)),
            ("* 8 !busy", "*", refuse("busy"), Some(8)),
            ("* - # nothing", "*", style("-"), None),
            ("* ve 7 # comment", "*", style("ve"), Some(7)),
        ] {
            let read = read(line).unwrap_or_else(|fault| panic!("{line}: {fault:?}"));
            assert_eq!((read.glob.as_str(), read.action, read.load_max), (glob, action, load), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_where_it_stands() {
        for (line, at, what) in [
            ("localhost", 9..9, "needs style"),
            ("localhost *", 11..11, "needs style"),
            ("localhost vex", 12..13, "no style \"x\""),
            ("a[b ve", 1..3, "has no ]"),
            ("a[z-a] ve", 1..6, "holds nothing"),
            ("a\\ ve", 1..2, "backslash"),
            ("* ve 0", 5..6, "greatest load"),
            ("* ve many", 5..9, "greatest load"),
            ("* 100001 ve", 2..8, "greatest load"),
            ("* ve 1 2", 7..8, "too much"),
            ("* !\u{7}", 2..4, "printable"),
        ] {
            let fault = read(line).expect_err(line);
            assert_eq!(fault.at, at, "{line}");
            assert!(fault.what.contains(what), "{line}: {}", fault.what);
        }
        assert!(read("Param maxsize 5").expect_err("no style").hint.contains("in capitals"));
        assert!(read("PARAN").expect_err("no style").hint.contains("in capitals"));
    }
}
