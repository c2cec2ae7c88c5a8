//! One line that sets something: it is done, and what is to be said of it is said with its place. The same for a line of
//! the file and for the value of an option.

use super::Set;
use super::remark::{Remark, Spot};
use crate::config::Settings;
use crate::config::param::{self, NoteKind, Param, ParamFault, ParamFaultKind};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

/// Sets what the value of an option says, such as that of `--param`. Gives what was set, if it is fit, and remarks.
pub fn option(settings: &mut Settings, option: &str, line: &str) -> (Option<Set>, Vec<Remark>) {
    let begin = line.len() - line.trim_ascii_start().len();
    let word = line[begin..].split([' ', '\t']).next().unwrap_or_default();
    let name = begin..begin + word.len();
    let param = param::find(word);
    // No log shows more of a secret than its name.
    let shown = if param.is_some_and(Param::is_secret) { &line[..name.end] } else { line };
    let file = format!("{option} {:?}", shown.trim_ascii());
    match apply(settings, param, line) {
        Ok(warnings) => {
            let spot = Spot::new(&file, 0, shown, name);
            let set = Set { param: param.map_or("", |param| param.name), spot: spot.clone() };
            (Some(set), warnings.into_iter().map(|what| spot.clone().warning(what, "")).collect())
        }
        Err((at, what, hint)) => (None, Vec::from([Spot::new(&file, 0, shown, at).error(what, hint)])),
    }
}

/// Sets what a line of name and value says, which is about this parameter. Gives what the operator should know; or where
/// it is wrong in the line, what is wrong there, and what to do.
pub(super) fn apply(
    settings: &mut Settings,
    param: Option<&Param>,
    line: &str,
) -> Result<Vec<String>, (Range<usize>, String, String)> {
    let note = param::apply_at(settings, line).map_err(|(at, kind)| {
        let (what, hint) = say(&kind);
        let rest = &line[at.min(line.len())..];
        let length = if rest.trim().is_empty() { 0 } else { rest.find([' ', '\t']).unwrap_or(rest.len()) };
        (at..at + length, what, hint)
    })?;
    let mut said = Vec::new();
    if let Some(note) = note {
        said.push(match note.kind {
            NoteKind::Raised { given, used } => {
                format!("{}: {given} is too small, {used} is used", note.name)
            }
            NoteKind::Old(instead) => format!("{}: {instead}", note.name),
        });
    }
    if let Some(param) = param.filter(|param| !param.acts()) {
        said.push(format!("{} is kept; this version does not act on it yet", param.name));
    }
    Ok(said)
}

/// A fault as what is wrong and what to do.
pub(super) fn say(kind: &ParamFaultKind) -> (String, String) {
    let text = ParamFault { column: 1, kind: kind.clone() }.to_string();
    match text.split_once("; ") {
        Some((what, hint)) => (what.to_string(), hint.to_string()),
        None => (text, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_marked_where_they_are_wrong() {
        let mut settings = Settings::new("mx.example");
        let mut refused = |line: &str| option(&mut settings, "--param", line).1.remove(0);
        for (line, column, width, excerpt) in [
            ("maxsize lots", 9, 4, "maxsize lots"),
            ("maxsiz 5", 1, 6, "maxsiz"),
            ("maxsize", 8, 1, "maxsize"),
            ("", 1, 1, ""),
            ("tarpit 20 x 300", 11, 1, "tarpit 20 x"),
            ("newgroup", 9, 1, "newgroup"),
            ("no such\u{7}", 1, 2, "no"),
        ] {
            let spot = refused(line).spot;
            assert_eq!((spot.column, spot.width, spot.excerpt.as_str()), (column, width, excerpt), "{line}");
        }
        assert_eq!(
            refused("maxsize lots").to_string(),
            "--param \"maxsize lots\": maxsize: \"lots\" is no whole number\n    maxsize lots\n            ^^^^\n    \
             it takes a whole number of octets from 0 to 1000000000000000"
        );
        for line in ["etrn-cluster node..example user geheim", "etrn-cluster node user geheim more"] {
            assert!(!refused(line).to_string().contains("geheim"), "{line}");
        }
        let (set, said) = option(&mut settings, "--param", "rcptlimitcnt 5");
        assert_eq!(set.expect("fit").param, "RcptLimitCount");
        assert_eq!(
            said[0].short(),
            "--param \"rcptlimitcnt 5\": warning: RcptLimitCount: 5 is too small, 100 is used"
        );
    }
}
