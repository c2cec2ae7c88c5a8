//! One line of the dialogue: its mark and what stands behind it.

use std::time::Duration;

use crate::pattern::Pattern;
use crate::script::{Act, Helper, Place};
use crate::text::{Fault, duration, expression, plain, skip_blanks};

/// What a line of the dialogue turned out to be.
#[derive(Debug)]
pub(super) enum Read {
    Act(Act),
    /// `client N`: the following marks speak of another connection.
    Client(u32),
}

const MARKS: &str = "known marks: C: C+ C| S: S+ S- S~ S! S> S| C closes, C resets, S closes, C starts tls, \
     F> F< R> R< P> P< M> M< D> D<, quiet pause within client loop end, spool event";

pub(super) fn read(line: &str, start: usize, iteration: Option<u32>) -> Result<Read, Fault> {
    let word = line[start..].split([' ', '\t']).next().unwrap_or_default();
    let after = start + word.len();
    let act = match word {
        "C:" => send(line, after, iteration, false)?,
        "C+" => send(line, after, iteration, true)?,
        "C|" => Act::Send { octets: some(expression(line, after, iteration)?, after)?, more: false },
        "S:" => Act::Line { pattern: reply(line, after, iteration, false)?, place: Place::Ends },
        "S+" => Act::Line { pattern: reply(line, after, iteration, false)?, place: Place::Shares },
        "S-" => Act::Line { pattern: reply(line, after, iteration, true)?, place: Place::Continues },
        "S~" => Act::Among { pattern: reply(line, after, iteration, false)?, wanted: true },
        "S!" => Act::Among { pattern: reply(line, after, iteration, false)?, wanted: false },
        "S>" => Act::Last(reply(line, after, iteration, false)?),
        "S|" => Act::Exactly(some(expression(line, after, iteration)?, after)?),
        "F>" | "R>" | "P>" | "M>" | "D>" => {
            let from = text_from(line, after)?;
            Act::Asked(helper(word), Pattern::parse(line, from, iteration)?)
        }
        "F<" | "R<" | "P<" | "M<" | "D<" => {
            Act::Answers(helper(word), line[text_from(line, after)?..].to_string())
        }
        "quiet" => Act::Quiet(time(line, after)?),
        "pause" => Act::Pause(time(line, after)?),
        "within" => Act::Within(time(line, after)?),
        "client" => return client(line, after),
        "C" | "S" | "F" | "R" | "P" | "M" | "D" => happening(line, start, word)?,
        _ => return Err(unknown(start, word)),
    };
    Ok(Read::Act(act))
}

fn unknown(start: usize, word: &str) -> Fault {
    let glued = word.get(..2).is_some_and(|mark| MARKS.split(' ').any(|known| known == mark));
    let hint = if glued { "put a blank behind the mark" } else { MARKS };
    Fault::new(start, format!("unknown mark `{word}`"), hint)
}

/// `C closes` and the other things that befall a connection or a helper.
fn happening(line: &str, start: usize, who: &str) -> Result<Act, Fault> {
    let what = skip_blanks(line, start + who.len());
    let words: Vec<&str> = line[what..].split_whitespace().collect();
    match (who, words.as_slice()) {
        ("C", ["closes"]) => Ok(Act::ClientCloses),
        ("C", ["resets"]) => Ok(Act::ClientResets),
        ("C", ["starts", "tls"]) => Ok(Act::StartTls),
        ("S", ["closes"]) => Ok(Act::ServerCloses),
        ("F" | "R" | "P" | "M" | "D", ["dies"]) => Ok(Act::Dies(helper(who))),
        ("F" | "R" | "P" | "M" | "D", ["silent"]) => Ok(Act::Silent(helper(who))),
        _ => Err(Fault::new(start, format!("unknown happening `{}`", line[start..].trim_end()), MARKS)),
    }
}

fn helper(mark: &str) -> Helper {
    match mark.as_bytes().first() {
        Some(b'F') => Helper::Filter,
        Some(b'R') => Helper::Router,
        Some(b'P') => Helper::PolicyService,
        Some(b'M') => Helper::Milter,
        Some(_) | None => Helper::Resolver,
    }
}

fn send(line: &str, after: usize, iteration: Option<u32>, more: bool) -> Result<Act, Fault> {
    let from = skip_blanks(line, after);
    let mut octets = if line[from..].starts_with('"') {
        expression(line, from, iteration)?
    } else {
        plain(&line[visible(line, from)?..], iteration)
    };
    octets.extend_from_slice(b"\r\n");
    Ok(Act::Send { octets, more })
}

/// A reply line's pattern: its code first, then a blank whatever stands on the wire.
fn reply(line: &str, after: usize, iteration: Option<u32>, continues: bool) -> Result<Pattern, Fault> {
    let from = text_from(line, after)?;
    let text = &line[from..];
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits != 3 && !text.starts_with('{') {
        return Err(Fault::new(
            from,
            "a reply line begins with three digits",
            "for octets that are no reply: S|",
        ));
    }
    match text.as_bytes().get(3) {
        None | Some(b' ') => {}
        Some(b'-') if continues => {}
        Some(b'-') => {
            let hint = "write a blank; a line that the reply goes on after is marked `S-`";
            return Err(Fault::new(from + 3, "a hyphen behind the code", hint));
        }
        Some(_) if text.starts_with('{') => {}
        Some(_) => return Err(Fault::new(from + 3, "a blank is wanted behind the code", "write `250 text`")),
    }
    let pattern = Pattern::parse(line, from, iteration)?;
    Ok(if continues { pattern.with_blank_after_code() } else { pattern })
}

/// Where the text behind a mark begins; it must not be empty.
fn text_from(line: &str, after: usize) -> Result<usize, Fault> {
    let from = skip_blanks(line, after);
    if from == line.len() {
        return Err(Fault::new(after, "nothing behind this mark", "say what is expected"));
    }
    visible(line, from)
}

/// Blanks at the end of a line cannot be seen, so they are not taken for text.
fn visible(line: &str, from: usize) -> Result<usize, Fault> {
    let end = line.trim_end_matches([' ', '\t']).len();
    if end < line.len() && from < line.len() {
        return Err(Fault::new(
            end,
            "blanks at the end of the line",
            r#"cut them, or write them: C: "NOOP ""#,
        ));
    }
    Ok(from)
}

fn some(octets: Vec<u8>, at: usize) -> Result<Vec<u8>, Fault> {
    if octets.is_empty() {
        return Err(Fault::new(at, "no octets at all", "a segment has at least one octet"));
    }
    Ok(octets)
}

fn time(line: &str, after: usize) -> Result<Duration, Fault> {
    let from = skip_blanks(line, after);
    duration(line[from..].trim_end())
        .ok_or_else(|| Fault::new(from, "a duration is wanted", "500ms, 20s, 5m or 2h"))
}

fn client(line: &str, after: usize) -> Result<Read, Fault> {
    let from = skip_blanks(line, after);
    match line[from..].trim_end().parse() {
        Ok(number @ 1..=1000) => Ok(Read::Client(number)),
        Ok(_) | Err(_) => Err(Fault::new(from, "a client's number is wanted", "1 to 1000")),
    }
}
