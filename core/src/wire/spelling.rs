//! The spelling of command lines beside their grammar: blanks where none belong, addresses without brackets. Some sites
//! want every letter to be right, some have clients that never learnt it.

use super::verb::Verb;
use alloc::vec::Vec;

/// How command lines must be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// Blanks that do no harm are borne.
    #[default]
    Usual,
    /// To the letter: one blank between words, none elsewhere.
    Strict,
    /// Addresses may lack their brackets, and blanks may stand within.
    Sloppy,
}

/// Whether no blank stands where none belongs: one space between words, none at the end, none behind `FROM:` and `TO:`.
/// Blanks in quotes, and in the free text of HELP, NOOP and their like, are free.
pub(super) fn is_exact(line: &[u8]) -> bool {
    let word_end = line.iter().position(|octet| matches!(octet, b' ' | b'\t')).unwrap_or(line.len());
    let Some(verb) = Verb::named(&line[..word_end]) else { return true };
    let addressed = verb.is_mail() || verb == Verb::Rcpt;
    if !addressed
        && !matches!(verb, Verb::Helo | Verb::Ehlo | Verb::Lhlo | Verb::Data | Verb::Rset | Verb::Quit)
    {
        return true;
    }
    let mut quoted = false;
    let mut escaped = false;
    let mut before = b':';
    for (at, &octet) in line.iter().enumerate() {
        let blank_before = matches!(before, b' ' | b'\t') || (before == b':' && addressed && at > word_end);
        if !quoted && (octet == b'\t' || (octet == b' ' && (blank_before || at + 1 == line.len()))) {
            return false;
        }
        if octet == b'"' && !escaped {
            quoted = !quoted;
        }
        escaped = octet == b'\\' && !escaped;
        // A colon that ends a keyword stands before any bracket.
        before = if octet == b':' && line[..at].contains(&b'<') { b'x' } else { octet };
    }
    true
}

/// MAIL or RCPT with its address put into brackets as it should be; nothing when there is nothing to mend.
pub(super) fn mended(line: &[u8]) -> Option<Vec<u8>> {
    let word_end = line.iter().position(|octet| matches!(octet, b' ' | b'\t'))?;
    let verb = Verb::named(&line[..word_end])?;
    let keyword: &[u8] = if verb == Verb::Rcpt {
        b"TO:"
    } else if verb.is_mail() {
        b"FROM:"
    } else {
        return None;
    };
    let argument = line[word_end..].trim_ascii();
    let (head, text) = argument.split_at_checked(keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) || text.contains(&b'"') {
        return None;
    }
    let text = text.trim_ascii_start();
    let (address, rest) = match text.strip_prefix(b"<") {
        Some(inside) => inside.split_at(inside.iter().position(|octet| *octet == b'>')?),
        None => {
            text.split_at(text.iter().position(|octet| matches!(octet, b' ' | b'\t')).unwrap_or(text.len()))
        }
    };
    // A second bracket, and blanks anywhere within, mean nothing.
    let address: Vec<u8> =
        address.iter().copied().filter(|octet| !matches!(octet, b' ' | b'\t' | b'<')).collect();
    let rest = rest.iter().position(|octet| *octet != b'>').map_or(&rest[..0], |at| &rest[at..]);
    if address.is_empty() && !text.starts_with(b"<") {
        return None;
    }
    let mended = [verb.name().as_bytes(), b" ", keyword, b"<", &address, b">", rest].concat();
    (mended != line).then_some(mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_lines() {
        for line in [
            "HELO client.example",
            "MAIL FROM:<a@b.example> SIZE=5 BODY=7BIT",
            "RCPT TO:<\"a  b\t\"@c.example>",
            "RCPT TO:<\"a\\\"  b\"@c.example>",
            "RCPT TO:<@a,@b:c@d.example>",
            "RCPT TO:<a@[IPv6:::1]> NOTIFY=NEVER",
            "NOOP   whatever ",
            "nonsense  x",
            "QUIT",
        ] {
            assert!(is_exact(line.as_bytes()), "{line}");
        }
        for line in [
            "HELO  client.example",
            "HELO\tclient.example",
            "HELO client.example ",
            "MAIL FROM: <a@b.example>",
            "MAIL  FROM:<a@b.example>",
            "MAIL FROM:<a@b.example>  SIZE=5",
            "RCPT TO:<a@b.example> ",
            "QUIT ",
            "DATA ",
        ] {
            assert!(!is_exact(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn sloppy_lines() {
        let table = [
            ("MAIL FROM:a@b.example", "MAIL FROM:<a@b.example>"),
            ("MAIL FROM:a@b.example ", "MAIL FROM:<a@b.example>"),
            ("mail from: a@b.example SIZE=5", "MAIL FROM:<a@b.example> SIZE=5"),
            ("MAIL FROM:<<a@b.example>>", "MAIL FROM:<a@b.example>"),
            ("MAIL FROM:< a@b.example > BODY=7BIT", "MAIL FROM:<a@b.example> BODY=7BIT"),
            ("RCPT TO: < a @ b.example >", "RCPT TO:<a@b.example>"),
        ];
        for (line, wanted) in table {
            let mended = mended(line.as_bytes()).expect(line);
            assert_eq!(String::from_utf8_lossy(&mended), wanted, "{line}");
        }
        for line in [
            "MAIL FROM:<a@b.example>",
            "RCPT TO:\"a b\"@c",
            "HELO  x",
            "RCPT",
            "MAIL FROM:<a@b",
            "RCPT FROM:a",
        ] {
            assert_eq!(mended(line.as_bytes()), None, "{line}");
        }
    }

    use alloc::string::String;
}
