//! What the generator says and hears: a fixed script, and the replies to it.
//!
//! It holds no sockets and reads no clock.

/// Where a connection stands: what was said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing said; the greeting is awaited.
    Greeting,
    /// EHLO.
    Hello,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The message, with its end.
    Body,
    /// QUIT.
    Quit,
}

impl Step {
    /// The code that lets us go on.
    pub(super) fn wanted(self) -> [u8; 3] {
        *match self {
            Step::Greeting => b"220",
            Step::Hello | Step::Mail | Step::Rcpt | Step::Body => b"250",
            Step::Data => b"354",
            Step::Quit => b"221",
        }
    }

    /// What comes after a good reply. After QUIT there is nothing: the connection is closed.
    pub(super) fn next(self, reuse: bool) -> Step {
        match self {
            Step::Greeting => Step::Hello,
            Step::Hello => Step::Mail,
            Step::Mail => Step::Rcpt,
            Step::Rcpt => Step::Data,
            Step::Data => Step::Body,
            Step::Body if reuse => Step::Mail,
            Step::Body | Step::Quit => Step::Quit,
        }
    }
}

/// All that is ever said, made once.
pub(super) struct Script {
    rcpt: Vec<u8>,
    body: Vec<u8>,
}

impl Script {
    /// For one recipient, with a message of this many octets (its end not counted).
    pub(super) fn new(recipient: &str, octets: usize) -> Script {
        const LINE: &[u8] = b"The quick brown fox jumps over the lazy dog, again and again and again.\r\n";
        let mut body = b"From: <bench@client.example>\r\nSubject: bench\r\n\r\n".to_vec();
        while body.len() + LINE.len() <= octets {
            body.extend_from_slice(LINE);
        }
        let short = octets.saturating_sub(body.len());
        if short >= 2 {
            body.resize(body.len() + short - 2, b'x');
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b".\r\n");
        Script { rcpt: format!("RCPT TO:<{recipient}>\r\n").into_bytes(), body }
    }

    /// What is said in this step.
    pub(super) fn says(&self, step: Step) -> &[u8] {
        match step {
            Step::Greeting => b"",
            Step::Hello => b"EHLO client.example\r\n",
            Step::Mail => b"MAIL FROM:<bench@client.example>\r\n",
            Step::Rcpt => &self.rcpt,
            Step::Data => b"DATA\r\n",
            Step::Body => &self.body,
            Step::Quit => b"QUIT\r\n",
        }
    }
}

/// The last line of one reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heard<'a> {
    pub(super) code: [u8; 3],
    pub(super) line: std::borrow::Cow<'a, str>,
}

/// Finds replies in octets that come in any pieces.
#[derive(Default)]
pub(super) struct Replies {
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
}

impl Replies {
    /// The replies that end within `octets`.
    pub(super) fn hear<'a>(&mut self, octets: &'a [u8]) -> Vec<Heard<'a>> {
        let mut heard = Vec::new();
        let mut rest = octets;
        while let Some(at) = rest.iter().position(|octet| *octet == b'\n') {
            let (line, after) = rest.split_at(at + 1);
            rest = after;
            let end = if self.partial.is_empty() {
                last_line(line)
                    .map(|code| Heard { code, line: String::from_utf8_lossy(line.trim_ascii_end()) })
            } else {
                self.partial.extend_from_slice(line);
                let whole = std::mem::take(&mut self.partial);
                last_line(&whole).map(|code| Heard {
                    code,
                    line: String::from_utf8_lossy(whole.trim_ascii_end()).into_owned().into(),
                })
            };
            heard.extend(end);
        }
        self.partial.extend_from_slice(rest);
        heard
    }
}

/// The code, unless a dash says that more lines follow.
fn last_line(line: &[u8]) -> Option<[u8; 3]> {
    if line.get(3) == Some(&b'-') {
        return None;
    }
    Some(line.first_chunk().copied().unwrap_or(*b"???"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_the_size_asked_for() {
        for octets in [4096, 4097, 102_400] {
            let script = Script::new("postmaster", octets);
            assert_eq!(script.says(Step::Body).len(), octets + 3);
            assert!(script.says(Step::Body).ends_with(b"\r\n.\r\n"));
        }
        assert_eq!(script_rcpt(), b"RCPT TO:<postmaster>\r\n");
    }

    fn script_rcpt() -> Vec<u8> {
        Script::new("postmaster", 4096).says(Step::Rcpt).to_vec()
    }

    #[test]
    fn replies_are_found_in_any_pieces() {
        let said = b"250-one\r\n250 two\r\n354 go\r\n";
        for cut in 0..=said.len() {
            let mut replies = Replies::default();
            let mut codes: Vec<[u8; 3]> = Vec::new();
            for part in [&said[..cut], &said[cut..]] {
                codes.extend(replies.hear(part).iter().map(|heard| heard.code));
            }
            assert_eq!(codes, [*b"250", *b"354"], "cut at {cut}");
        }
    }

    #[test]
    fn a_connection_goes_round() {
        let mut step = Step::Greeting;
        for _ in 0..6 {
            step = step.next(true);
        }
        assert_eq!(step, Step::Mail);
        assert_eq!(Step::Body.next(false), Step::Quit);
    }
}
