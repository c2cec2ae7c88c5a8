//! `smtpserver explain`: what led to a refusal, by the token that its reply showed (`PARAM explain-token`). It is found in
//! what the server logged, in whatever form that was. Nothing is asked of the server itself.

use crate::Stop;
use crate::args::ExplainArgs;
use crate::limits::{EXPLAIN_LINE_MAX, EXPLAIN_TOKEN_MAX};
use crate::lines::printable;
use serde_json::{Value, json};
use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The event's name in all logs.
const EVENT: &str = "explained";
/// Where syslog writes of mail, on one system or another.
const USUAL: [&str; 4] = ["/var/log/mail.log", "/var/log/maillog", "/var/log/mail.info", "/var/log/syslog"];

/// What a log has to say of a token.
#[derive(Debug, PartialEq, Eq)]
struct Explained {
    /// What stands before it in the line: when, and of whom it is.
    head: String,
    /// The session.
    session: Option<String>,
    /// The client's address and port.
    peer: Option<String>,
    /// What led to the refusal, in order.
    chain: Vec<String>,
}

/// Looks for the token, and prints what led to the refusal.
pub(crate) fn run(args: &ExplainArgs) -> Result<(), Stop> {
    let token = args.token.trim_matches(['[', ']']);
    if token.is_empty()
        || token.len() > EXPLAIN_TOKEN_MAX
        || !token.bytes().all(|octet| octet.is_ascii_alphanumeric())
    {
        return Err(Stop::unfit(format!(
            "{:?} is no token: it stands in brackets at the end of a refusal",
            args.token
        )));
    }
    let mut named: Vec<PathBuf> = args.files.clone();
    named.extend(args.log.files().map(Path::to_path_buf));
    let usual = named.is_empty();
    let files = if usual { USUAL.map(PathBuf::from).to_vec() } else { named };
    let mut looked_in = Vec::new();
    // What is a few hours old may have been moved away meanwhile.
    for file in files.iter().flat_map(|file| [file.clone(), older(file)]) {
        match File::open(&file) {
            Ok(open) => {
                looked_in.push(file.display().to_string());
                if let Some(found) = search(open, token) {
                    return tell(args, token, &file.display().to_string(), &found);
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound && (usual || !files.contains(&file)) => {}
            Err(error) => return Err(Stop::unfit(format!("cannot read {}: {error}", file.display()))),
        }
    }
    if usual && let Some(journal) = journal(token) {
        looked_in.push("the journal".into());
        if let Some(found) = search(journal.as_slice(), token) {
            return tell(args, token, "the journal", &found);
        }
    }
    Err(Stop::failed(match looked_in.as_slice() {
        [] => "there is no log to look in; name one".into(),
        some => format!("no refusal with the token {token} in {}", some.join(", ")),
    }))
}

/// The name that a log has once it was rotated.
fn older(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// Lines of the system's journal that hold the token; none where there is no journal to ask.
fn journal(token: &str) -> Option<Vec<u8>> {
    let mut command = Command::new("journalctl");
    command.args(["--quiet", "--no-pager", "--output=short-iso", "--identifier=smtpserver", "--grep", token]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then_some(output.stdout)
}

/// The first line about the token.
fn search(log: impl Read, token: &str) -> Option<Explained> {
    let mut log = BufReader::new(log);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line that is longer is none of ours: its pieces are looked at, and are nothing.
        let read = log.by_ref().take(EXPLAIN_LINE_MAX).read_until(b'\n', &mut line);
        if read.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&line);
        if text.contains(token)
            && text.contains(EVENT)
            && let Some(found) = understood(text.trim_end(), token)
        {
            return Some(found);
        }
    }
}

/// A line in one of the forms in which the event is written.
fn understood(line: &str, token: &str) -> Option<Explained> {
    let object = line.find('{').and_then(|at| serde_json::from_str::<Value>(&line[at..]).ok());
    if let Some(object) = object {
        return of_json(&object, token);
    }
    let (head, rest) = line.split_once(EVENT)?;
    let head = head.trim_end().to_owned();
    let Some((fields, chain)) = rest.split_once(" chain=") else { return of_session_log(head, rest, token) };
    let field = |name: &str| {
        let words = fields.split_ascii_whitespace();
        words
            .filter_map(|word| word.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    };
    if field("token").as_deref() != Some(token) {
        return None;
    }
    Some(Explained { head, session: field("session"), peer: field("peer"), chain: unquoted(chain) })
}

fn of_json(object: &Value, token: &str) -> Option<Explained> {
    if object["event"] != EVENT || object["token"] != token {
        return None;
    }
    let text = |name: &str| object[name].as_str().map(str::to_owned);
    let chain =
        object["chain"].as_array()?.iter().filter_map(|line| line.as_str().map(str::to_owned)).collect();
    let head = text("time").unwrap_or_default();
    Some(Explained { head, session: text("session"), peer: text("peer"), chain })
}

/// The remark of a session log: the token, then the steps with semicolons between.
fn of_session_log(head: String, rest: &str, token: &str) -> Option<Explained> {
    let chain = rest.trim_start().strip_prefix(token)?.strip_prefix(' ')?;
    let chain = chain.split("; ").map(str::to_owned).collect();
    Some(Explained { head: head.trim_end_matches(['#', '\t', ' ']).into(), session: None, peer: None, chain })
}

/// Texts in quotes with commas between, as a log writes them.
fn unquoted(text: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = text;
    while let Some(inside) = rest.strip_prefix('"') {
        let mut octets = Vec::new();
        let mut letters = inside.bytes().enumerate();
        let mut end = inside.len();
        while let Some((at, octet)) = letters.next() {
            match octet {
                b'"' => {
                    end = at + 1;
                    break;
                }
                b'\\' => match letters.next() {
                    Some((at, b'x')) => {
                        let digits = inside.get(at + 1..at + 3).unwrap_or_default();
                        octets.extend(u8::from_str_radix(digits, 16));
                        letters.nth(1);
                    }
                    Some((_, octet)) => octets.push(octet),
                    None => {}
                },
                octet => octets.push(octet),
            }
        }
        texts.push(String::from_utf8_lossy(&octets).into_owned());
        rest = inside[end..].strip_prefix(',').unwrap_or_default();
    }
    texts
}

fn tell(args: &ExplainArgs, token: &str, place: &str, found: &Explained) -> Result<(), Stop> {
    let mut out = String::new();
    if args.json {
        let whole = json!({
            "token": token, "found_in": place, "line": found.head, "session": found.session, "peer": found.peer,
            "chain": found.chain,
        });
        let _ = writeln!(out, "{whole}");
    } else {
        let _ = writeln!(out, "token {token}, in {place}: {}", printable(&found.head));
        if let (Some(session), Some(peer)) = (&found.session, &found.peer) {
            let _ = writeln!(out, "session {}, client {}", printable(session), printable(peer));
        }
        for step in &found.chain {
            let _ = writeln!(out, "  - {}", printable(step));
        }
    }
    print!("{out}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::quoted;
    use proptest::prelude::*;

    fn chain(found: Option<Explained>) -> Vec<String> {
        found.map(|found| found.chain).unwrap_or_default()
    }

    #[test]
    fn every_form_of_the_event_is_understood() {
        let text = "2026-11-30T21:34:50.182071Z  INFO explained session=6b-1 peer=127.0.0.1:57100 token=3cDjFd6C \
                    chain=\"address: the key is x (p:3)\",\"a \\\"b\\\" \\xC3\\xA9\"";
        let found = understood(text, "3cDjFd6C").expect("text");
        assert_eq!(found.chain, ["address: the key is x (p:3)", "a \"b\" é"]);
        assert_eq!(
            (found.session.as_deref(), found.peer.as_deref()),
            (Some("6b-1"), Some("127.0.0.1:57100"))
        );
        assert!(found.head.starts_with("2026-11-30T21:34:50"));
        let json = r#"{"time":"t","level":"info","event":"explained","token":"3cDjFd6C","chain":["x","y"]}"#;
        assert_eq!(chain(understood(json, "3cDjFd6C")), ["x", "y"]);
        let syslog = format!("Nov 30 21:34:50 mx smtpserver[7]: {json}");
        assert_eq!(chain(understood(&syslog, "3cDjFd6C")), ["x", "y"]);
        let session = "dVWiyAB0000#\texplained 3cDjFd6C x (p:1); y";
        assert_eq!(chain(understood(session, "3cDjFd6C")), ["x (p:1)", "y"]);
        for line in [text, json, session] {
            assert_eq!(understood(line, "3cDjFd6"), None, "{line}");
        }
    }

    #[test]
    fn the_first_line_about_it_is_found_in_a_log() {
        let log = format!(
            "rubbish\n{}\nx explained token=bbbb chain=\"no\"\nx explained token=cccc chain=\"yes\"\n",
            "cccc-explained-".repeat(100_000)
        );
        assert_eq!(chain(search(log.as_bytes(), "cccc")), ["yes"]);
        assert_eq!(search(log.as_bytes(), "dddd"), None);
    }

    proptest! {
        #[test]
        fn what_a_log_quotes_comes_back(texts in prop::collection::vec(any::<String>(), 0..5)) {
            let line = texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(",");
            prop_assert_eq!(unquoted(&line), texts);
        }

        #[test]
        fn no_line_is_too_odd(line in any::<String>(), mark in "(\\{| chain=|explained aaaa){0,3}") {
            let _ = understood(&format!("explained{mark}{line}"), "aaaa");
        }
    }
}
