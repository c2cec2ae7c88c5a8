//! From a file to rules: lines and their continuations, the two lists and the options of each line.

use super::pattern::{ClientPattern, Misfit, ServicePattern};
use super::{Access, List, Rule, Text};
use crate::config::file::remark::{Remark, Spot};
use crate::config::param::echo;
use crate::limits::{CONFIG_LINE_MAX, CONFIG_REMARKS_MAX};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

/// A rule's line: perhaps several lines of the file, joined where each but the last ends with a backslash.
#[derive(Default)]
struct Line<'a> {
    text: String,
    /// Each line of the file: its number, what it holds, and where it begins in the text.
    pieces: Vec<(usize, &'a str, usize)>,
}

/// A part of a line, by its octets.
type Part = Range<usize>;

/// What is wrong with a part of a line.
struct Fault {
    at: Part,
    what: String,
    hint: &'static str,
}

impl Line<'_> {
    /// The fault, where it is in the file.
    fn place(&self, file: &str, fault: Fault) -> Remark {
        let piece = self.pieces.iter().rev().find(|(_, _, begin)| *begin <= fault.at.start);
        let (number, text, begin) = piece.copied().unwrap_or((0, "", 0));
        let end = |at: usize| (at - begin).min(text.len());
        Spot::new(file, number, text, end(fault.at.start)..end(fault.at.end)).error(fault.what, fault.hint)
    }

    fn is_rule(&self) -> bool {
        let text = self.text.trim_ascii();
        !text.is_empty() && !self.text.starts_with('#')
    }

    /// The parts between colons that are not within brackets.
    fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let (mut begin, mut within) = (0, false);
        for (at, letter) in self.text.char_indices() {
            match letter {
                '[' => within = true,
                ']' => within = false,
                ':' if !within => {
                    parts.push(begin..at);
                    begin = at + 1;
                }
                _ => {}
            }
        }
        parts.push(begin..self.text.len());
        parts
    }

    /// The words of a part, which blanks and commas separate.
    fn words(&self, part: Part) -> Vec<(Part, &str)> {
        let mut words = Vec::new();
        let mut begin = None;
        let gap = |letter: char| letter == ',' || letter.is_ascii_whitespace();
        for (at, letter) in self.text[part.clone()].char_indices() {
            match (gap(letter), begin) {
                (true, Some(from)) => {
                    words.push(part.start + from..part.start + at);
                    begin = None;
                }
                (false, None) => begin = Some(at),
                (true, None) | (false, Some(_)) => {}
            }
        }
        if let Some(from) = begin {
            words.push(part.start + from..part.end);
        }
        words.into_iter().map(|at| (at.clone(), &self.text[at])).collect()
    }

    fn list<P>(&self, part: Part, read: fn(&str) -> Result<P, Misfit>) -> Result<List<P>, Vec<Fault>> {
        let mut lists = Vec::from([Vec::new()]);
        let mut faults = Vec::new();
        for (at, word) in self.words(part.clone()) {
            if word.eq_ignore_ascii_case("EXCEPT") {
                lists.push(Vec::new());
                continue;
            }
            match read(word) {
                Ok(pattern) => lists.last_mut().expect("there is always one").push(pattern),
                Err(misfit) => {
                    let (what, hint) = misfit.words();
                    faults.push(Fault { at, what: format!("{}: {what}", echo(word)), hint });
                }
            }
        }
        if faults.is_empty() && lists.iter().any(Vec::is_empty) {
            let what = "patterns are missing here".to_string();
            faults.push(Fault { at: part, what, hint: "write SERVICES : CLIENTS" });
        }
        if faults.is_empty() { Ok(List(lists)) } else { Err(faults) }
    }

    fn rule(&self, mut then: Access) -> Result<Option<Rule>, Vec<Fault>> {
        let parts = self.parts();
        let [services, clients, options @ ..] = parts.as_slice() else {
            let at = 0..self.text.len();
            let what = "there is no colon, so nobody knows for whom this is".to_string();
            return Err(Vec::from([Fault { at, what, hint: "write SERVICES : CLIENTS" }]));
        };
        let services = self.list(services.clone(), ServicePattern::read)?;
        if services.patterns().all(|pattern| *pattern == ServicePattern::Others) {
            return Ok(None);
        }
        let clients = self.list(clients.clone(), ClientPattern::read);
        let mut faults = Vec::new();
        for option in options {
            let word = self.text[option.clone()].trim_ascii();
            match word.to_ascii_lowercase().as_str() {
                "allow" => then = Access::Granted,
                "deny" => then = Access::Denied,
                _ => {
                    let name = word.split_ascii_whitespace().next().unwrap_or_default();
                    faults.push(Fault {
                        at: option.clone(),
                        what: format!("{}: commands and options cannot be supported", echo(name)),
                        hint: "only allow and deny may stand here; IPv6 addresses stand in brackets",
                    });
                }
            }
        }
        match clients {
            Ok(clients) if faults.is_empty() => Ok(Some(Rule { services, clients, then })),
            Ok(_) => Err(faults),
            Err(mut all) => {
                all.append(&mut faults);
                Err(all)
            }
        }
    }
}

/// The rules of a file, each of which means `then` unless it says otherwise. What is wrong goes to `errors`.
pub(super) fn rules(file: Text<'_>, then: Access, errors: &mut Vec<Remark>) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut line = Line::default();
    for (index, octets) in file.octets.split(|octet| *octet == b'\n').enumerate() {
        if errors.len() >= CONFIG_REMARKS_MAX {
            break;
        }
        let number = index + 1;
        let text = core::str::from_utf8(octets).unwrap_or_default().trim_end_matches('\r');
        let complaint = if core::str::from_utf8(octets).is_err() {
            "this is no UTF-8 text"
        } else if line.text.len() + text.len() > CONFIG_LINE_MAX {
            "the line is too long"
        } else {
            ""
        };
        if !complaint.is_empty() {
            errors.push(Spot::new(file.name, number, "", 0..0).error(complaint, ""));
            line = Line::default();
            continue;
        }
        let joined = text.strip_suffix('\\');
        line.pieces.push((number, text, line.text.len()));
        line.text += joined.unwrap_or(text);
        if joined.is_none() {
            finish(&core::mem::take(&mut line), then, file.name, &mut rules, errors);
        }
    }
    finish(&line, then, file.name, &mut rules, errors);
    rules
}

fn finish(line: &Line<'_>, then: Access, file: &str, rules: &mut Vec<Rule>, errors: &mut Vec<Remark>) {
    if !line.is_rule() {
        return;
    }
    match line.rule(then) {
        Ok(rule) => rules.extend(rule),
        Err(faults) => errors.extend(faults.into_iter().map(|fault| line.place(file, fault))),
    }
}
