//! The smuggler: an honest client whose messages hold what some servers take for their end, and commands behind it.
//! By the letter each is one message, and whoever finds two of them has been fooled.

use super::Wishes;
use super::dice::{Dice, Purpose};
use super::honest::Honest;
use super::letter::{CLIENT, LOCAL_DOMAIN, Letter};
use super::line::PATIENCE;
use std::collections::VecDeque;

/// What is no end of data, and looks like one. Text stands before and behind it.
const FALSE_ENDS: [&str; 11] = [
    "\n.\n",
    "\n.\r\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\n",
    "\r\n.\r",
    "\r\n.\r\r\n",
    "\n\n.\n\n",
    "\r\n\0.\r\n",
    "\r\n.\0\r\n",
    "\r\n..\r\n",
];

/// A smuggler.
pub(super) fn make(wishes: &Wishes) -> Honest {
    let mut chance = Dice::new(wishes.seed, Purpose::Malice);
    let mut letters: VecDeque<Letter> = Letter::write_all(wishes);
    for letter in &mut letters {
        let text = poisoned(&letter.body, chance.pick(&FALSE_ENDS), letter.from.is_empty());
        letter.body = undotted(&text);
        letter.text_said = Some([text.as_slice(), b".\r\n"].concat());
    }
    Honest::with(wishes, PATIENCE, letters)
}

/// The head of a message, a false end, a whole second message.
fn poisoned(body: &[u8], false_end: &str, from_nobody: bool) -> Vec<u8> {
    let head = body.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(0) + 4;
    let mut text = body[..head].to_vec();
    text.extend_from_slice(b"nothing to see here");
    text.extend_from_slice(false_end.as_bytes());
    let sender = if from_nobody { String::new() } else { format!("smuggler@{CLIENT}") };
    text.extend_from_slice(
        format!("MAIL FROM:<{sender}>\r\nRCPT TO:<smuggled@{LOCAL_DOMAIN}>\r\n").as_bytes(),
    );
    text.extend_from_slice(b"DATA\r\nSubject: smuggled\r\n\r\nsmuggled\r\n");
    text
}

/// What the text stands for: a dot behind a CRLF is taken away, and nothing else ends a line.
fn undotted(text: &[u8]) -> Vec<u8> {
    let mut body: Vec<u8> = Vec::with_capacity(text.len());
    let mut at_start = true;
    for (at, octet) in text.iter().enumerate() {
        if !(at_start && *octet == b'.') {
            body.push(*octet);
        }
        at_start = text[..=at].ends_with(b"\r\n");
    }
    body
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::fake::{self, Fake};
    use super::*;

    #[test]
    fn no_false_end_is_a_true_one() {
        for end in FALSE_ENDS {
            let text = poisoned(b"A: b\r\n\r\n", end, false);
            assert!(!text.windows(5).any(|window| window == b"\r\n.\r\n"), "{}", end.escape_debug());
        }
        assert_eq!(undotted(b".a\r\n..b\n.c\r\n."), b"a\r\n.b\n.c\r\n");
    }

    #[test]
    fn a_server_that_goes_by_the_letter_takes_one_message_for_each() {
        for seed in 0..40 {
            let (client, server) = fake::meet(Kind::Smuggler, seed, Fake::kind());
            fake::all_told(&*client, &server);
            assert!(server.taken.values().all(|(_, to, _)| !to.iter().any(|to| to.starts_with("smuggled"))));
            assert!(client.beliefs().iter().all(|belief| belief.body.ends_with(b"smuggled\r\n")));
        }
    }
}
