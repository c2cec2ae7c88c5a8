//! Replies as a client reads them: lines with a code, cut anywhere by the network. What is no reply is nonsense,
//! never a panic.

/// Octets without a line end, or lines without a last one, above which a client stops believing in the server.
const NONSENSE_OCTETS: usize = 65_536;
/// Lines of one reply that a client is willing to read.
const LINES_MAX: usize = 1_000;

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// 100 to 999.
    pub(super) code: u16,
    /// What stands behind the code, line by line.
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// 2yz.
    pub(super) fn is_yes(&self) -> bool {
        self.code / 100 == 2
    }

    /// 4yz or 5yz.
    pub(super) fn is_no(&self) -> bool {
        matches!(self.code / 100, 4 | 5)
    }

    /// The last word of the last line; empty when there is none.
    pub(super) fn last_word(&self) -> &str {
        self.lines.last().and_then(|line| line.split_ascii_whitespace().last()).unwrap_or_default()
    }
}

/// What came is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nonsense;

/// Octets on their way to becoming replies.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    octets: Vec<u8>,
    lines: Vec<String>,
    code: u16,
}

impl Reader {
    pub(super) fn hear(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// The next whole reply, if it has come.
    pub(super) fn next(&mut self) -> Option<Result<Reply, Nonsense>> {
        while let Some(end) = self.octets.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = self.octets.drain(..=end).collect();
            let text = line.strip_suffix(b"\r\n").unwrap_or(&line[..end]);
            let Some((code, more, text)) = parse(text) else { return Some(Err(Nonsense)) };
            if !self.lines.is_empty() && code != self.code {
                return Some(Err(Nonsense));
            }
            self.code = code;
            self.lines.push(text);
            if !more {
                return Some(Ok(Reply { code, lines: std::mem::take(&mut self.lines) }));
            }
            if self.lines.len() > LINES_MAX {
                return Some(Err(Nonsense));
            }
        }
        (self.octets.len() > NONSENSE_OCTETS).then_some(Err(Nonsense))
    }
}

/// The code, whether another line follows, and the text.
fn parse(line: &[u8]) -> Option<(u16, bool, String)> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) || digits[0] == b'0' {
        return None;
    }
    let code = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let more = match rest.first() {
        None | Some(b' ') => false,
        Some(b'-') => true,
        Some(_) => return None,
    };
    Some((code, more, String::from_utf8_lossy(rest.get(1..).unwrap_or_default()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8]) -> Vec<Result<Reply, Nonsense>> {
        let mut whole = Reader::default();
        whole.hear(octets);
        let all: Vec<_> = std::iter::from_fn(|| whole.next()).take(10).collect();
        let mut cut = Reader::default();
        let mut slowly = Vec::new();
        for octet in octets {
            cut.hear(&[*octet]);
            slowly.extend(cut.next());
        }
        if all.iter().all(Result::is_ok) {
            assert_eq!(slowly, all);
        }
        all
    }

    #[test]
    fn replies_are_read_however_they_are_cut() {
        let replies = read(b"220 hi\r\n250-a\r\n250-SIZE 5\r\n250 c as S1\r\n354\r\n");
        let codes: Vec<_> = replies.iter().map(|reply| reply.as_ref().expect("a reply").code).collect();
        assert_eq!(codes, [220, 250, 354]);
        let ehlo = replies[1].as_ref().expect("a reply");
        assert_eq!((ehlo.lines.len(), ehlo.lines[1].as_str(), ehlo.last_word()), (3, "SIZE 5", "S1"));
    }

    #[test]
    fn nonsense_is_called_so() {
        for octets in
            [&b"hello\r\n"[..], b"\r\n", b"25\r\n", b"250x\r\n", b"250-a\r\n251 b\r\n", b"\xff\xfe\xfd\n"]
        {
            assert_eq!(read(octets).first(), Some(&Err(Nonsense)), "{}", octets.escape_ascii());
        }
        let mut reader = Reader::default();
        reader.hear(&[b'2'; NONSENSE_OCTETS + 1]);
        assert_eq!(reader.next(), Some(Err(Nonsense)));
    }
}
