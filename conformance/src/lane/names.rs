//! A name server on loopback that knows what a script's `zone` lines say, for servers that ask over the network:
//! `NAME KIND VALUE` is a record, `NAME TIMEOUT` is never answered, `NAME SERVFAIL|REFUSED|GARBAGE` is answered like that,
//! and a name without a line does not exist. It ends when it is dropped.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::Trouble;

/// Octets of a datagram.
const DATAGRAM_MAX: usize = 4096;
/// Octets before the first question.
const HEAD: usize = 12;
const SERVER_FAILURE: u8 = 2;
const NO_SUCH_NAME: u8 = 3;
const REFUSED: u8 = 5;

/// The server.
#[derive(Debug)]
pub(super) struct NameServer {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// Starts one on a free port.
    pub(super) fn start(zone: &[String]) -> Result<Self, Trouble> {
        let lines = zone
            .iter()
            .map(|line| Line::read(line).ok_or_else(|| Trouble(format!("this is no record: {line}"))))
            .collect::<Result<Vec<_>, _>>()?;
        let failed = |error| Trouble(format!("cannot start a name server: {error}"));
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stopping);
        let thread = std::thread::spawn(move || serve(&socket, &lines, &until));
        Ok(Self { address, stopping, thread: Some(thread) })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes it.
        let woken =
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|waker| waker.send_to(b"", self.address));
        if woken.is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, lines: &[Line], stopping: &AtomicBool) {
    let mut octets = [0; DATAGRAM_MAX];
    while !stopping.load(Ordering::SeqCst) {
        let Ok((length, from)) = socket.recv_from(&mut octets) else { continue };
        if let Some(answer) = octets.get(..length).and_then(|question| answer(question, lines)) {
            // Whoever does not hear it asks again.
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// What a line says of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Says {
    /// A record of this type.
    Record(u16, Vec<u8>),
    /// Nothing, ever.
    Silence,
    /// This code.
    Code(u8),
    /// Octets that are no answer.
    Garbage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// In lower case, without a dot at its end.
    name: String,
    says: Says,
}

impl Line {
    fn read(text: &str) -> Option<Self> {
        let mut words = text.splitn(3, ' ');
        let name = words.next()?.trim_end_matches('.').to_ascii_lowercase();
        let says = match (words.next()?, words.next()) {
            ("TIMEOUT", None) => Says::Silence,
            ("SERVFAIL", None) => Says::Code(SERVER_FAILURE),
            ("REFUSED", None) => Says::Code(REFUSED),
            ("GARBAGE", None) => Says::Garbage,
            ("A", Some(value)) => Says::Record(1, value.parse::<Ipv4Addr>().ok()?.octets().to_vec()),
            ("PTR", Some(value)) => Says::Record(12, wire(value)?),
            ("MX", Some(value)) => {
                let (preference, host) = value.split_once(' ')?;
                let preference: u16 = preference.parse().ok()?;
                Says::Record(15, [preference.to_be_bytes().to_vec(), wire(host)?].concat())
            }
            ("TXT", Some(value)) => {
                Says::Record(16, value.as_bytes().chunks(255).flat_map(counted).collect())
            }
            ("AAAA", Some(value)) => Says::Record(28, value.parse::<Ipv6Addr>().ok()?.octets().to_vec()),
            _ => return None,
        };
        Some(Self { name, says })
    }
}

/// Octets behind their number, of which there are at most 255.
fn counted(octets: &[u8]) -> Vec<u8> {
    [&[u8::try_from(octets.len()).unwrap_or_default()], octets].concat()
}

/// A name as it stands in a message, without abbreviations.
fn wire(name: &str) -> Option<Vec<u8>> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut out = Vec::new();
    for label in labels {
        out.extend((label.len() < 64).then(|| counted(label.as_bytes()))?);
    }
    out.push(0);
    Some(out)
}

/// The name that a message asks for, in lower case, the type, and where the question ends.
fn question(message: &[u8]) -> Option<(String, u16, usize)> {
    let mut labels: Vec<String> = Vec::new();
    let mut at = HEAD;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        let label = message.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]);
    message.get(at + 3)?;
    Some((labels.join("."), kind, at + 4))
}

/// The message that answers a message; `None` for none.
fn answer(message: &[u8], lines: &[Line]) -> Option<Vec<u8>> {
    let (name, kind, end) = question(message)?;
    let of_name: Vec<&Says> = lines.iter().filter(|line| line.name == name).map(|line| &line.says).collect();
    let (mut code, mut records) = (if of_name.is_empty() { NO_SUCH_NAME } else { 0 }, Vec::new());
    for says in of_name {
        match says {
            Says::Silence => return None,
            Says::Garbage => return Some([message.get(..2)?, b"\x81\x80\x00\x01\xff\xff"].concat()),
            Says::Code(other) => code = *other,
            Says::Record(of, value) if *of == kind => records.push(value),
            Says::Record(..) => {}
        }
    }
    let count = u16::try_from(records.len()).ok()?.to_be_bytes();
    let mut out = message.get(..2)?.to_vec();
    // A response, recursion desired and available; one question.
    out.extend([0x81, 0x80 | code, 0, 1]);
    out.extend(count);
    out.extend([0; 4]);
    out.extend(message.get(HEAD..end)?);
    for value in records {
        // The name of the question; class IN; five minutes.
        out.extend([0xc0, 0x0c]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 1, 44]);
        out.extend(u16::try_from(value.len()).ok()?.to_be_bytes());
        out.extend(value);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(name: &str, kind: u8) -> Vec<u8> {
        let head = [7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        [&head[..], &wire(name).expect("a name"), &[0, kind, 0, 1]].concat()
    }

    fn lines(text: &[&str]) -> Vec<Line> {
        text.iter().map(|line| Line::read(line).expect("a line")).collect()
    }

    #[test]
    fn a_zone_is_answered_as_it_is_written() {
        let zone = lines(&[
            "A.example MX 10 mx.example",
            "a.example MX 20 .",
            "b.example SERVFAIL",
            "c.example TIMEOUT",
        ]);
        let said = answer(&asking("a.EXAMPLE", 15), &zone).expect("an answer");
        assert_eq!(said[..8], [7, 9, 0x81, 0x80, 0, 1, 0, 2]);
        assert!(said.ends_with(&[0, 3, 0, 20, 0]));
        let said = answer(&asking("a.example", 1), &zone).expect("an answer");
        assert_eq!(said[3..8], [0x80, 0, 1, 0, 0], "no such record");
        assert_eq!(answer(&asking("b.example", 1), &zone).expect("an answer")[3], 0x82);
        assert_eq!(answer(&asking("d.example", 1), &zone).expect("an answer")[3], 0x83);
        assert_eq!(answer(&asking("c.example", 1), &zone), None);
        for cut in 0..asking("a.example", 1).len() {
            assert_eq!(answer(&asking("a.example", 1)[..cut], &zone), None);
        }
    }

    #[test]
    fn what_is_no_record_is_none() {
        for line in
            ["a.example", "a.example A x", "a.example MX mx.example", "a.example NS x", "a.example TIMEOUT x"]
        {
            assert_eq!(Line::read(line), None, "{line}");
        }
    }
}
