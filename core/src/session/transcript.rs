//! What of a client's lines may be told, to a log and to whoever records the session. A word too few is a nuisance, a
//! password too many is a harm.

use super::Session;
use crate::auth::Request;
use crate::event::Event;
use crate::near;
use crate::wire::command;
use crate::wire::report::ReportWish;
use crate::wire::verb::Verb;
use alloc::vec::Vec;

/// How commands with secrets begin when the blank behind the verb, or the hyphen in it, is missing.
const RUN_TOGETHER: [&[u8]; 3] = [b"AUTH", b"Z-REP", b"ZREP"];
/// The longest word that is told when it is no verb.
const STRANGE_WORD_MAX: usize = 12;

impl Session {
    pub(super) fn heard(&mut self, text: &[u8]) {
        if self.settings.transcript {
            let line = text.escape_ascii();
            self.event(Event::Heard(alloc::format!("{line}")));
        }
    }

    /// A command line came. What stands behind AUTH may be a password, whatever becomes of it; in Z-REPORT one does.
    pub(super) fn heard_command(&mut self, text: &[u8]) {
        if command::verb(text) == Some(Verb::Auth) {
            self.is_secret(|| {
                let (verb, words) = text.split_at(Verb::Auth.name().len());
                let blanks = words.iter().take_while(|octet| octet.is_ascii_whitespace()).count();
                let (blanks, words) = words.split_at(blanks);
                [verb, blanks, &Request::harmless(words)].concat()
            });
        } else if command::verb(text) == Some(Verb::ZReport) {
            self.is_secret(|| {
                let mut line = text.to_vec();
                line[ReportWish::password_in(text)].fill(b'x');
                line
            });
        }
        self.heard_line(text);
    }

    /// A line came, or the part of one up to its fault.
    pub(super) fn heard_line(&mut self, line: &[u8]) {
        if self.settings.transcript {
            let told = tellable(line, self.login_tried);
            self.login_tried |= looks_like_auth(line);
            self.heard(&told);
        }
    }
}

/// What may be told of a line. `login_tried`: it may be one that belongs to an AUTH which was refused, as a client that does
/// not wait for the reply sends the user's name and password all the same.
fn tellable(line: &[u8], login_tried: bool) -> Vec<u8> {
    match command::verb(without_end(line)) {
        Some(verb @ (Verb::Auth | Verb::ZReport)) => [verb.name().as_bytes(), b" ..."].concat(),
        Some(_) => line.to_vec(),
        None => {
            let (word, rest) = first_word(line);
            let run_together =
                RUN_TOGETHER.iter().find(|head| begins_with(word, head)).map(|head| head.len());
            match run_together {
                Some(length) => [&word[..length], b"..."].concat(),
                None if login_tried || word.len() > STRANGE_WORD_MAX => b"...".to_vec(),
                None if without_end(rest).is_empty() => line.to_vec(),
                None => [word, b" ..."].concat(),
            }
        }
    }
}

/// Whether a line is AUTH, begins with it, or was meant to.
fn looks_like_auth(line: &[u8]) -> bool {
    let (word, _) = first_word(line);
    let typed = core::str::from_utf8(word).map(str::to_ascii_uppercase);
    begins_with(word, b"AUTH")
        || (command::verb(word).is_none()
            && typed.is_ok_and(|typed| near::nearest(&typed, ["AUTH"].into_iter()).is_some()))
}

/// The first word, wherever it begins, and what is behind it.
fn first_word(line: &[u8]) -> (&[u8], &[u8]) {
    let line = without_end(line).trim_ascii_start();
    line.split_at(line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len()))
}

/// The line without the blanks and control characters at its end, of which a broken one has some.
fn without_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|octet| !matches!(octet, 0..=b' ' | 0x7f)).map_or(0, |at| at + 1);
    &line[..end]
}

fn begins_with(word: &[u8], head: &[u8]) -> bool {
    word.get(..head.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(head))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn told(lines: &[&str]) -> Vec<String> {
        let mut tried = false;
        let mut told = Vec::new();
        for line in lines {
            told.push(String::from_utf8(tellable(line.as_bytes(), tried)).expect("ASCII"));
            tried |= looks_like_auth(line.as_bytes());
        }
        told
    }

    #[test]
    fn what_may_be_a_password_is_not_told() {
        for (line, wanted) in [
            ("NOOP hello", "NOOP hello"),
            ("NOOP hello\n", "NOOP hello\n"),
            ("auth plain AGFubgBzZWNyZXQ=", "AUTH ..."),
            ("AUTH PLAIN AGFubgBzZWNyZXQ=\n", "AUTH ..."),
            ("AUTH\r", "AUTH ..."),
            (" AUTH PLAIN AGFu", "AUTH..."),
            ("AUTHPLAIN AGFu", "AUTH..."),
            ("authLOGIN", "auth..."),
            ("AUTH=PLAIN AGFu", "AUTH..."),
            ("AUHT PLAIN AGFu", "AUHT ..."),
            ("Z-REPORT ann pencil DUMP", "Z-REPORT ..."),
            ("ZREPORT ann pencil DUMP", "ZREP..."),
            ("z-reportx ann pencil DUMP", "z-rep..."),
            ("XYZZY", "XYZZY"),
            ("XYZZY plugh", "XYZZY ..."),
            ("Subject:\tsomething private", "Subject: ..."),
            ("dGhpcyBpcyBteSBwYXNzd29yZA==", "..."),
            ("", ""),
        ] {
            assert_eq!(told(&[line]), [wanted], "{line:?}");
        }
    }

    #[test]
    fn after_auth_only_commands_are_told() {
        for auth in ["AUTH LOGIN", "AUTHLOGIN", "auth", "AUT LOGIN", "AUHT LOGIN", "AUTH LOGIN\n"] {
            assert_eq!(
                told(&[auth, "YW5u", "cGVuY2ls", "QUIT", "cGVuY2ls"])[1..],
                ["...", "...", "QUIT", "..."],
                "{auth}"
            );
        }
        assert_eq!(told(&["NOOP", "YW5u", "RCPT x", "DATA"]), ["NOOP", "YW5u", "RCPT x", "DATA"]);
    }
}
