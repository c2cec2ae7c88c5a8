//! Octets and durations as scripts spell them: quoted strings in, quoted strings out.
//! Knows no mark and no step; a fault here is only a place in a line and a sentence.

use std::fmt::Write as _;
use std::time::Duration;

/// The most octets one quoted expression may stand for: a slip in a repetition must not eat the machine.
const OCTETS_MAX: usize = 64 * 1024 * 1024;

/// Something wrong at a byte offset of a line; the parser adds file and line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) what: String,
    pub(crate) hint: String,
}

impl Fault {
    pub(crate) fn new(at: usize, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { at, what: what.into(), hint: hint.into() }
    }
}

/// Reads `"a"*900 "b"` from byte offset `from` of `line` to its end.
/// `{i}` stands for `iteration` where there is one.
pub(crate) fn expression(line: &str, from: usize, iteration: Option<u32>) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    let mut at = skip_blanks(line, from);
    if at == line.len() {
        return Err(Fault::new(at, "a quoted string is missing", r#"write octets as "text\r\n""#));
    }
    while at < line.len() {
        let start = at;
        let (piece, after) = quoted(line, at, iteration)?;
        let (times, after) = repetition(line, after)?;
        match piece.len().checked_mul(times) {
            Some(more) if out.len() + more <= OCTETS_MAX => out.extend(piece.repeat(times)),
            Some(_) | None => {
                return Err(Fault::new(start, "more than 64 MiB in one expression", "repeat less"));
            }
        }
        at = skip_blanks(line, after);
    }
    Ok(out)
}

/// The plain text of a `C:` line: as it stands, but for `{i}` within a loop.
pub(crate) fn plain(text: &str, iteration: Option<u32>) -> Vec<u8> {
    match iteration {
        Some(number) => text.replace("{i}", &number.to_string()).into_bytes(),
        None => text.as_bytes().to_vec(),
    }
}

/// One `"..."`: its octets, and the offset behind the closing mark.
fn quoted(line: &str, start: usize, iteration: Option<u32>) -> Result<(Vec<u8>, usize), Fault> {
    if !line[start..].starts_with('"') {
        return Err(Fault::new(start, "a quoted string is wanted here", r#"write octets as "text\r\n""#));
    }
    let mut out = Vec::new();
    let mut at = start + 1;
    while let Some(letter) = line[at..].chars().next() {
        match letter {
            '"' => return Ok((out, at + 1)),
            '\\' => {
                let (octet, length) = escape(&line[at + 1..])
                    .ok_or_else(|| Fault::new(at, "unknown escape", r#"known: \r \n \t \\ \" \xNN"#))?;
                out.push(octet);
                at += 1 + length;
            }
            '{' if iteration.is_some() && line[at..].starts_with("{i}") => {
                out.extend(plain("{i}", iteration));
                at += 3;
            }
            other => {
                out.extend_from_slice(&line.as_bytes()[at..at + other.len_utf8()]);
                at += other.len_utf8();
            }
        }
    }
    Err(Fault::new(start, "this string has no end", "close it with \""))
}

/// What stands behind a backslash: the octet meant, and how much text it took.
fn escape(text: &str) -> Option<(u8, usize)> {
    match text.as_bytes().first()? {
        b'r' => Some((b'\r', 1)),
        b'n' => Some((b'\n', 1)),
        b't' => Some((b'\t', 1)),
        b'\\' => Some((b'\\', 1)),
        b'"' => Some((b'"', 1)),
        b'x' => {
            let digits = text.get(1..3).filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
            Some((u8::from_str_radix(digits, 16).ok()?, 3))
        }
        _ => None,
    }
}

/// `*900` behind a string; nothing means once.
fn repetition(line: &str, at: usize) -> Result<(usize, usize), Fault> {
    let Some(rest) = line[at..].strip_prefix('*') else { return Ok((1, at)) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let times = rest[..digits]
        .parse()
        .map_err(|_| Fault::new(at, "`*` wants a number of repetitions", r#"for example "a"*900"#))?;
    Ok((times, at + 1 + digits))
}

pub(crate) fn skip_blanks(line: &str, from: usize) -> usize {
    from + line[from..].bytes().take_while(|octet| matches!(octet, b' ' | b'\t')).count()
}

/// `500ms`, `20s`, `5m`, `2h`; never zero.
pub(crate) fn duration(word: &str) -> Option<Duration> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = word[..digits].parse().ok().filter(|number| *number > 0)?;
    let seconds = match &word[digits..] {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// A duration in the spelling that [`duration`] reads, rounded to milliseconds.
pub(crate) fn spell_duration(time: Duration) -> String {
    if time.subsec_millis() == 0 { format!("{}s", time.as_secs()) } else { format!("{}ms", time.as_millis()) }
}

/// Octets as one quoted expression that [`expression`] reads back to the same octets; long runs become repetitions.
pub(crate) fn quote(octets: &[u8]) -> String {
    const RUN: usize = 16;
    let mut pieces = Vec::new();
    let mut plain = String::new();
    for run in octets.chunk_by(|left, right| left == right) {
        let mut one = String::new();
        quote_octet(run[0], &mut one);
        if run.len() < RUN {
            plain.push_str(&one.repeat(run.len()));
            continue;
        }
        if !plain.is_empty() {
            pieces.push(format!("\"{}\"", std::mem::take(&mut plain)));
        }
        pieces.push(format!("\"{one}\"*{}", run.len()));
    }
    if !plain.is_empty() || pieces.is_empty() {
        pieces.push(format!("\"{plain}\""));
    }
    pieces.join(" ")
}

fn quote_octet(octet: u8, out: &mut String) {
    match octet {
        b'\r' => out.push_str("\\r"),
        b'\n' => out.push_str("\\n"),
        b'\t' => out.push_str("\\t"),
        b'"' => out.push_str("\\\""),
        b'\\' => out.push_str("\\\\"),
        0x20..=0x7e => out.push(char::from(octet)),
        other => {
            let _ = write!(out, "\\x{other:02x}");
        }
    }
}

/// Whether octets can stand in a script as plain text after a mark.
pub(crate) fn is_plain(octets: &[u8]) -> bool {
    let edges = octets.first().is_none_or(|first| *first != b' ' && *first != b'"')
        && octets.last().is_none_or(|last| *last != b' ');
    edges && octets.iter().all(|octet| (0x20..=0x7e).contains(octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_stand_for_their_octets() {
        let table: [(&str, &[u8]); 7] = [
            (r#""abc""#, b"abc"),
            (r#"  "a"*3 "b""#, b"aaab"),
            (r#""\r\n\t\\\"\x00\xfF""#, b"\r\n\t\\\"\x00\xff"),
            (r#""é""#, "é".as_bytes()),
            (r#""""#, b""),
            (r#""a"*0"#, b""),
            (r#""{i}""#, b"{i}"),
        ];
        for (source, octets) in table {
            assert_eq!(expression(source, 0, None).as_deref(), Ok(octets), "{source}");
        }
        assert_eq!(expression(r#""x{i}\x7bi}""#, 0, Some(7)).as_deref(), Ok(&b"x7{i}"[..]));
    }

    #[test]
    fn faults_name_their_place() {
        for (source, at) in [
            ("", 0),
            (r#""abc"#, 0),
            (r#""a\q""#, 2),
            (r#""a\x4""#, 2),
            (r#""a"*x"#, 3),
            (r#""a" b"#, 4),
            (r#""a"*99999999999"#, 0),
        ] {
            assert_eq!(expression(source, 0, None).map_err(|fault| fault.at), Err(at), "{source}");
        }
    }

    #[test]
    fn quoting_reads_back() {
        let long = [b"head ".as_slice(), &[b'x'; 40], b" tail\r\n", &[b' '; 20], &[b'"'; 20]].concat();
        for octets in [b"".as_slice(), b"plain", b"\r\n\"\\\x00\xff", &[b'a'; 100], &long] {
            assert_eq!(expression(&quote(octets), 0, None).as_deref(), Ok(octets), "{}", quote(octets));
        }
        assert_eq!(quote(&[b'a'; 900]), r#""a"*900"#);
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("5m"), Some(Duration::from_secs(300)));
        assert_eq!(duration("2h").map(spell_duration).as_deref(), Some("7200s"));
        for wrong in ["", "0s", "5", "s", "-1s", "5d", "99999999999999999h"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
