//! A policy service, as Postfix asks one (its SMTPD_POLICY_README): attributes of a recipient and all that is known of its
//! message, a line each, and an empty one; it answers `action=...` the same way. Which of a client's words reach it, and
//! what its answer orders, is written here and nowhere else. It can refuse, delay and add; it admits nobody.

use super::line::Request;
use crate::reply::Words;
use crate::wire::field::is_field;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What is said of a recipient, by the protocol's own names, in the order in which it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes(Vec<(&'static str, String)>);

impl Attributes {
    /// These; a value that is not known is an empty one.
    pub fn new(attributes: Vec<(&'static str, String)>) -> Attributes {
        Attributes(attributes)
    }

    /// What is asked with them, about a client of this name; it is not said when it is not known and confirmed. `None`
    /// for what cannot be said.
    pub fn request(&self, client_name: Option<&str>) -> Option<Request> {
        let name = client_name.unwrap_or("unknown");
        let head = [("request", "smtpd_access_policy"), ("client_name", name), ("reverse_client_name", name)];
        let head = head.into_iter().map(|(name, value)| (name, Cow::Borrowed(value)));
        Request::paragraph(
            head.chain(self.0.iter().map(|(name, value)| (*name, Cow::Borrowed(value.as_str())))),
        )
    }
}

/// What the service wants done about a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing: it is taken.
    Pass,
    /// It is refused in these words, which have a code that refuses.
    Refuse(Words),
    /// This field, in stored form, goes to the head of the message.
    Prepend(String),
    /// The message goes to the freezer.
    Hold,
    /// The message is thrown away, and the client told that it was taken.
    Discard,
}

/// Whether this is a line of an answer: a name and a value.
pub fn fits(line: &[u8]) -> bool {
    attribute(line).is_some()
}

/// What an answer orders. An error is the line that could not be understood, printable, or none where none was said.
pub fn action(lines: &[Vec<u8>]) -> Result<Action, String> {
    let mut actions = lines.iter().filter_map(|line| attribute(line)).filter(|(name, _)| *name == b"action");
    // As Postfix has it: of several the last counts.
    let Some((_, value)) = actions.next_back() else { return Err(String::new()) };
    let text = String::from_utf8_lossy(value);
    read(text.trim()).ok_or_else(|| value.escape_ascii().collect::<Vec<u8>>()).map_err(|escaped| {
        // Escaped octets are ASCII.
        String::from_utf8_lossy(&escaped).into_owned()
    })
}

fn attribute(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'=', line).filter(|at| *at > 0)?;
    let value = &line[at + 1..];
    Some((&line[..at], value.strip_suffix(b"\r").unwrap_or(value)))
}

fn read(text: &str) -> Option<Action> {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let rest = rest.trim();
    Some(match word.to_ascii_lowercase().as_str() {
        // Nothing is judged behind it that it could take a refusal away from, or make a delay of.
        "dunno" | "ok" | "defer_if_reject" => Action::Pass,
        "reject" => Action::Refuse(Words::refusing_for_good(&one_line(rest))),
        "defer" | "defer_if_permit" => Action::Refuse(Words::refusing_for_now(&one_line(rest))),
        "prepend" => Action::Prepend(field(rest)?),
        "hold" => Action::Hold,
        "discard" => Action::Discard,
        code => {
            let digits = code.len() == 3 && code.bytes().all(|octet| octet.is_ascii_digit());
            let usual = match code.bytes().next().filter(|_| digits)? {
                b'4' => Words::refusing_for_now,
                b'5' => Words::refusing_for_good,
                _ => return None,
            };
            // A code that would end the session, or is none of a recipient's, is the usual one of its class.
            let words = Words::read(&one_line(text));
            Action::Refuse(if words.refuses() { words } else { usual(&one_line(rest)) })
        }
    })
}

/// A carriage return would begin another line.
fn one_line(text: &str) -> String {
    text.replace('\r', " ")
}

/// A field for the head of a message, in stored form.
fn field(text: &str) -> Option<String> {
    is_field(text).then(|| format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn of(line: &str) -> Result<Action, String> {
        action(&[line.as_bytes().to_vec()])
    }

    #[test]
    fn every_action_is_done_or_not_understood() {
        let refuse = |text: &str| Ok(Action::Refuse(Words::read(text)));
        for (line, wanted) in [
            ("action=DUNNO", Ok(Action::Pass)),
            ("action=dunno\r", Ok(Action::Pass)),
            ("action=OK", Ok(Action::Pass)),
            ("action=ok and more", Ok(Action::Pass)),
            ("action=DEFER_IF_REJECT later", Ok(Action::Pass)),
            ("action=REJECT", refuse("554")),
            ("action=reject 5.1.1 nobody = here", refuse("554 5.1.1 nobody = here")),
            ("action=DEFER", refuse("450 4.7.1")),
            (
                "action=DEFER_IF_PERMIT Greylisted, see http://x.example/",
                refuse("450 4.7.1 Greylisted, see http://x.example/"),
            ),
            ("action=450 4.2.0 soon", refuse("450 4.2.0 soon")),
            ("action=550 5.7.1 never", refuse("550 5.7.1 never")),
            ("action=550", refuse("550")),
            ("action=421 4.7.0 bye", refuse("450 4.7.0 bye")),
            ("action=521 5.7.1 bye", refuse("554 5.7.1 bye")),
            ("action=599 x", refuse("554 x")),
            (
                "action=PREPEND X-Greylist: delayed 300 s",
                Ok(Action::Prepend("X-Greylist: delayed 300 s\n".into())),
            ),
            ("action=HOLD", Ok(Action::Hold)),
            ("action=hold for a look", Ok(Action::Hold)),
            ("action=DISCARD", Ok(Action::Discard)),
            ("action=250 fine", Err("250 fine")),
            ("action=", Err("")),
            ("action=FILTER smtp:[127.0.0.1]", Err("FILTER smtp:[127.0.0.1]")),
            ("action=REDIRECT eve@x.example", Err("REDIRECT eve@x.example")),
            ("action=PREPEND no field", Err("PREPEND no field")),
            ("action=PREPEND X Y: z", Err("PREPEND X Y: z")),
            ("action=PREPEND", Err("PREPEND")),
            ("action=45 x", Err("45 x")),
            ("action=4500 x", Err("4500 x")),
            ("action=\u{1b}[2J", Err("\\x1b[2J")),
            ("other=DUNNO", Err("")),
        ] {
            assert_eq!(of(line), wanted.map_err(String::from), "{line:?}");
        }
        assert_eq!(action(&[]), Err(String::new()));
        let two = ["action=DUNNO", "x=y", "action=HOLD"].map(|line| line.as_bytes().to_vec());
        assert_eq!(action(&two), Ok(Action::Hold));
        for line in [&b"action"[..], b"", b"=x", b"#hungry"] {
            assert!(!fits(line));
        }
    }

    #[test]
    fn what_is_said_is_the_protocols() {
        let attributes = Attributes::new(vec![("protocol_state", "RCPT".into()), ("sender", String::new())]);
        let request = |name| attributes.request(name).expect("fit").text();
        let head = "request=smtpd_access_policy\nclient_name=";
        assert_eq!(
            request(Some("mx.example")),
            format!("{head}mx.example\nreverse_client_name=mx.example\nprotocol_state=RCPT\nsender=\n")
        );
        assert!(request(None).starts_with(&format!("{head}unknown\n")));
        assert_eq!(Attributes::new(vec![("sender", "a\nrecipient=b".into())]).request(None), None);
    }

    proptest! {
        #[test]
        fn nothing_that_is_said_breaks_out_of_a_reply_or_a_header(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            for head in ["", "action=", "action=PREPEND ", "action=550 ", "action=REJECT "] {
                let line = [head.as_bytes(), &octets].concat();
                match action(&[line]) {
                    Ok(Action::Prepend(field)) => {
                        prop_assert!(field.ends_with('\n') && field.matches('\n').count() == 1);
                        prop_assert!(!field.contains(['\r', '\0']));
                    }
                    Ok(Action::Refuse(words)) => prop_assert!(words.refuses()),
                    Ok(Action::Pass | Action::Hold | Action::Discard) => {}
                    Err(text) => prop_assert!(text.bytes().all(|octet| octet.is_ascii_graphic() || octet == b' ')),
                }
            }
        }
    }
}
