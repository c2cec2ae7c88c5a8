//! The interactive router's lines: a function, a tab, its argument; it answers with a reply in SMTP's form. Which words of a
//! client reach it, and in which line, is written here and nowhere else.

use super::line::Request;
use crate::reply::Words;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Letters of a client's name that the router is shown (as the ancestor had it).
const HELLO_NAME_MAX: usize = 99;

/// What the router is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Judge a sender's address; empty for the null one.
    From,
    /// Judge a recipient's address.
    To,
    /// Answer VRFY.
    Verify,
    /// Answer EXPN.
    Expand,
    /// Judge a client: its address literal, its name, and what it said in HELO.
    Hello,
}

impl Function {
    /// Its name, as the router's script has it.
    pub fn name(self) -> &'static str {
        match self {
            Function::From => "from",
            Function::To => "to",
            Function::Verify => "verify",
            Function::Expand => "expand",
            Function::Hello => "hello",
        }
    }
}

/// The argument of [`Function::Hello`]: a client's address literal, its name (the literal again where none is known) and its
/// word, from the first and the last of these.
pub fn hello(literal_and_word: &str, name: Option<&str>) -> String {
    let (literal, word) = literal_and_word.split_once(' ').unwrap_or((literal_and_word, ""));
    let name: String = name.unwrap_or(literal).chars().take(HELLO_NAME_MAX).collect();
    format!("{literal} {name} {word}")
}

/// The line that asks; `None` when the argument does not fit into one.
pub fn request(function: Function, argument: &str) -> Option<Request> {
    Request::line(&[function.name(), argument])
}

/// Whether this is a line of an answer: every line is.
pub fn fits(_line: &[u8]) -> bool {
    true
}

/// What the router said; `None` when it said nothing, or its last line is none that ends a reply: what cannot be
/// understood admits nobody.
pub fn words(lines: &[Vec<u8>]) -> Option<Words> {
    let (code, rest) = lines.last()?.trim_ascii_end().split_at_checked(3)?;
    if !code.iter().all(u8::is_ascii_digit) || rest.first().is_some_and(|octet| *octet != b' ') {
        return None;
    }
    let lines: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
    Words::read_reply(lines.iter().map(|line| line.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_function_and_its_argument() {
        let line = |function, argument| request(function, argument).map(|line| line.octets().to_vec());
        assert_eq!(line(Function::From, ""), Some(b"from\t\n".to_vec()));
        assert_eq!(line(Function::To, "bob@local.example"), Some(b"to\tbob@local.example\n".to_vec()));
        assert_eq!(line(Function::Verify, "a $(b) `c`"), Some(b"verify\ta $(b) `c`\n".to_vec()));
        assert_eq!(line(Function::Expand, "x\nto\ty"), None);
        assert_eq!(line(Function::Hello, "[192.0.2.7] x"), Some(b"hello\t[192.0.2.7] x\n".to_vec()));
    }

    #[test]
    fn an_answer_is_a_reply_and_none_is_none() {
        assert!(words(&[b"250 2.1.5 fine".to_vec()]).expect("said").accepts());
        assert!(words(&[b"250-a".to_vec(), b"550 b".to_vec()]).expect("said").refuses_for_good());
        assert!(words(&[b"250".to_vec()]).expect("said").accepts());
        for nonsense in [&b"hello world"[..], b"250-more", b"25", b"", b"2500 x", b"sh: 1: x: not found"] {
            assert_eq!(words(&[nonsense.to_vec()]), None);
        }
        assert_eq!(words(&[b"250 fine".to_vec(), b"sh: trouble".to_vec()]), None);
        assert_eq!(words(&[]), None);
    }
}
