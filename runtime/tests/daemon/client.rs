//! A small SMTP client, written for these tests alone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// A whole reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    /// Its lines without their codes, joined by LF.
    pub(crate) text: String,
}

impl Reply {
    /// The spool id in the reply that accepts a message.
    pub(crate) fn id(&self) -> String {
        assert_eq!(self.code, 250, "{self:?}");
        let (_, id) = self.text.rsplit_once(" as ").unwrap_or_else(|| panic!("no id in {self:?}"));
        id.to_string()
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Client {
        Client::over(TcpStream::connect(address).expect("the server listens"))
    }

    /// A client on a connection that is there.
    pub(crate) fn over(stream: TcpStream) -> Client {
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(crate::server::PATIENCE)).expect("a timeout");
        Client { stream: BufReader::new(stream) }
    }

    /// Sends octets as they are; an error when the server is gone.
    pub(crate) fn try_send(&mut self, octets: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(octets)
    }

    pub(crate) fn send(&mut self, octets: &[u8]) {
        self.try_send(octets).expect("the server takes octets");
    }

    /// The next reply; an error when the server is gone.
    pub(crate) fn try_reply(&mut self) -> std::io::Result<Reply> {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let bad = || std::io::Error::other(format!("not a reply line: {line:?}"));
            let code = line.get(..3).and_then(|code| code.parse().ok()).ok_or_else(bad)?;
            let rest = line.get(4..).and_then(|rest| rest.strip_suffix("\r\n")).ok_or_else(bad)?;
            text.push_str(rest);
            if line.as_bytes()[3] == b' ' {
                return Ok(Reply { code, text });
            }
            text.push('\n');
        }
    }

    pub(crate) fn reply(&mut self) -> Reply {
        self.try_reply().expect("a reply")
    }

    /// Sends a command and reads its reply.
    pub(crate) fn ask(&mut self, command: &str) -> Reply {
        self.send(format!("{command}\r\n").as_bytes());
        self.reply()
    }

    /// Whether the server has ended the connection: nothing more comes.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).is_ok() && rest.is_empty()
    }

    /// MAIL and RCPT, both accepted.
    pub(crate) fn open_transaction(&mut self, params: &str) {
        assert_eq!(self.ask(&format!("MAIL FROM:<ann@client.example>{params}")).code, 250);
        assert_eq!(self.ask("RCPT TO:<bob@local.example>").code, 250);
    }

    /// Sends a message by DATA and returns the last reply.
    pub(crate) fn data(&mut self, message: &[u8]) -> Reply {
        self.open_transaction("");
        assert_eq!(self.ask("DATA").code, 354);
        self.send(&dotted(message));
        self.reply()
    }

    /// Sends a message by BDAT in chunks of `size` octets and returns the last reply.
    pub(crate) fn bdat(&mut self, message: &[u8], size: usize, params: &str) -> Reply {
        self.open_transaction(params);
        let mut chunks = message.chunks(size).peekable();
        if chunks.peek().is_none() {
            return self.ask("BDAT 0 LAST");
        }
        while let Some(chunk) = chunks.next() {
            let last = if chunks.peek().is_none() { " LAST" } else { "" };
            self.send(format!("BDAT {}{last}\r\n", chunk.len()).as_bytes());
            self.send(chunk);
            let reply = self.reply();
            if !last.is_empty() || reply.code != 250 {
                return reply;
            }
        }
        unreachable!("the last chunk returns")
    }

    /// All octets up to the end of the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut octets = Vec::new();
        // A connection that breaks off has an end, too.
        let _ = self.stream.read_to_end(&mut octets);
        octets
    }

    /// Says that nothing more will be sent, and goes on listening.
    pub(crate) fn close_write(&self) {
        self.stream.get_ref().shutdown(std::net::Shutdown::Write).expect("connected");
    }

    /// Breaks the connection off without a word.
    pub(crate) fn reset(self) {
        // Octets that nobody has read turn the close into a reset.
        let _ = socket2::SockRef::from(self.stream.get_ref()).set_linger(Some(std::time::Duration::ZERO));
    }
}

/// A message as DATA sends it: dots doubled where a CRLF line begins with one, and the end.
fn dotted(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 16);
    let mut at_start = true;
    for (index, octet) in message.iter().enumerate() {
        if at_start && *octet == b'.' {
            out.push(b'.');
        }
        out.push(*octet);
        at_start = *octet == b'\n' && index > 0 && message[index - 1] == b'\r';
    }
    if !at_start {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
