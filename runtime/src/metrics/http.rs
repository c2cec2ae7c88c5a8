//! As much of HTTP/1.1 as one page needs: a head is read, one answer is given, the connection is closed. A head that is
//! too long or too slow gets no page.

use crate::clock::Clock;
use crate::limits::{SCRAPE_HEAD_MAX, SCRAPE_HURRY, SCRAPE_WAIT_MAX};
use smtpserver_core::now::Instant;
use std::io::{self, Read, Write};
use std::time::Duration;

/// A connection whose reads and writes can be bounded.
pub(super) trait Caller: Read + Write {
    /// Waits until there is something to read, and no longer than this; with `hurried` no longer than until somebody else
    /// wants to be answered, either. Says whether there is.
    fn speaks(&self, wait: Duration, hurried: bool) -> io::Result<bool>;
    /// Reads and writes from now on take no longer than this, which is not zero.
    fn be_patient(&self, wait: Duration) -> io::Result<()>;
    /// Nothing more will be written.
    fn hang_up(&self) -> io::Result<()>;
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Page,
    /// The page without its text.
    PageHead,
    OtherPath,
    OtherMethod,
    Nonsense,
}

/// Answers one connection. An error means that nobody is there to be answered any more.
pub(super) fn answer(
    caller: &mut impl Caller,
    clock: &dyn Clock,
    page: impl FnOnce() -> String,
) -> io::Result<()> {
    let time = Time::begin(clock);
    let head = read_head(caller, &time)?;
    let wanted = head.as_deref().map(understand);
    let shown = matches!(wanted, Some(Wanted::Page | Wanted::PageHead));
    let (status, text, with_text) = match wanted {
        Some(Wanted::Page) => ("HTTP/1.1 200 OK", page(), true),
        Some(Wanted::PageHead) => ("HTTP/1.1 200 OK", page(), false),
        Some(Wanted::OtherPath) => ("HTTP/1.1 404 Not Found", "there is only /metrics\n".into(), true),
        Some(Wanted::OtherMethod) => ("HTTP/1.1 405 Method Not Allowed", "only GET and HEAD\n".into(), true),
        Some(Wanted::Nonsense) => ("HTTP/1.1 400 Bad Request", "this is not HTTP/1\n".into(), true),
        None => ("HTTP/1.1 431 Request Header Fields Too Large", "the head is too long\n".into(), true),
    };
    let kind = if shown { "text/plain; version=0.0.4" } else { "text/plain" };
    let mut octets = format!(
        "{status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\nAllow: GET, HEAD\r\n\
         Connection: close\r\n\r\n",
        text.len()
    );
    if with_text {
        octets.push_str(&text);
    }
    write_before(caller, &time, octets.as_bytes())?;
    caller.hang_up()?;
    // To close while something is unread would throw away what is not read there yet.
    let mut scratch = [0; 1024];
    for _ in 0..SCRAPE_HEAD_MAX / 1024 {
        if read_before(caller, &time, &mut scratch)? == 0 {
            break;
        }
    }
    Ok(())
}

/// The head without the empty line at its end; `None` when it is too long.
fn read_head(caller: &mut impl Caller, time: &Time<'_>) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    let mut scratch = [0; 1024];
    while head.len() < SCRAPE_HEAD_MAX {
        let octets = read_before(caller, time, &mut scratch)?;
        if octets == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // The end may stand across two reads.
        let from = head.len().saturating_sub(3);
        head.extend_from_slice(&scratch[..octets]);
        let end = |end: &[u8]| head[from..].windows(end.len()).position(|window| window == end);
        if let Some(end) = end(b"\r\n\r\n").or_else(|| end(b"\n\n")) {
            head.truncate(from + end);
            return Ok(Some(head));
        }
    }
    Ok(None)
}

/// The time that one caller has.
struct Time<'a> {
    clock: &'a dyn Clock,
    /// From here on it must not keep others waiting.
    hurry: Instant,
    until: Instant,
}

impl Time<'_> {
    fn begin(clock: &dyn Clock) -> Time<'_> {
        let began = clock.now().instant;
        Time { clock, hurry: began + SCRAPE_HURRY, until: began + SCRAPE_WAIT_MAX }
    }

    /// What is left of the time up to then.
    fn left(&self, until: Instant) -> Duration {
        until.since(self.clock.now().instant)
    }
}

/// Allows for what is left of the time; an error when nothing is.
fn bound(caller: &impl Caller, time: &Time<'_>) -> io::Result<()> {
    match time.left(time.until) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => caller.be_patient(left),
    }
}

fn read_before(caller: &mut impl Caller, time: &Time<'_>, into: &mut [u8]) -> io::Result<usize> {
    // Whoever connects and says nothing must not keep those away who do.
    if !caller.speaks(time.left(time.hurry), false)? && !caller.speaks(time.left(time.until), true)? {
        return Err(io::ErrorKind::TimedOut.into());
    }
    bound(caller, time)?;
    caller.read(into)
}

fn write_before(caller: &mut impl Caller, time: &Time<'_>, mut octets: &[u8]) -> io::Result<()> {
    while !octets.is_empty() {
        bound(caller, time)?;
        match caller.write(octets)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            taken => octets = &octets[taken..],
        }
    }
    Ok(())
}

/// Reads the first line of a head; its fields say nothing that would change the answer.
fn understand(head: &[u8]) -> Wanted {
    let line = head.split(|octet| *octet == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let words: Vec<_> = line.split(|octet| *octet == b' ').collect();
    let [method, target, version] = words.as_slice() else { return Wanted::Nonsense };
    if !version.starts_with(b"HTTP/1.") {
        return Wanted::Nonsense;
    }
    let path = target.split(|octet| *octet == b'?').next().unwrap_or_default();
    match (*method, path) {
        (b"GET", b"/metrics") => Wanted::Page,
        (b"HEAD", b"/metrics") => Wanted::PageHead,
        (b"GET" | b"HEAD", _) => Wanted::OtherPath,
        _ => Wanted::OtherMethod,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use smtpserver_core::Now;
    use smtpserver_core::now::Wall;
    use std::cell::{Cell, RefCell};

    /// A caller whose words come in pieces, a second after each other.
    struct Slow<'a> {
        heard: RefCell<Vec<&'a [u8]>>,
        said: Vec<u8>,
        time: &'a Watch,
    }

    #[derive(Default)]
    struct Watch(std::sync::atomic::AtomicU64);

    impl Clock for Watch {
        fn now(&self) -> Now {
            let micros = self.0.load(std::sync::atomic::Ordering::SeqCst);
            Now { instant: Instant::from_micros(micros), wall: Wall::from_seconds(0) }
        }
    }

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.time.0.fetch_add(1_000_000, std::sync::atomic::Ordering::SeqCst);
            let mut heard = self.heard.borrow_mut();
            let Some(piece) = heard.first_mut() else { return Ok(0) };
            let octets = piece.len().min(into.len());
            into[..octets].copy_from_slice(&piece[..octets]);
            *piece = &piece[octets..];
            if piece.is_empty() {
                heard.remove(0);
            }
            Ok(octets)
        }
    }

    impl Write for Slow<'_> {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let taken = octets.len().min(100);
            self.said.extend_from_slice(&octets[..taken]);
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Caller for Slow<'_> {
        fn speaks(&self, _: Duration, _: bool) -> io::Result<bool> {
            Ok(true)
        }
        fn be_patient(&self, wait: Duration) -> io::Result<()> {
            assert!(!wait.is_zero() && wait <= SCRAPE_WAIT_MAX);
            Ok(())
        }
        fn hang_up(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn said(pieces: &[&[u8]]) -> io::Result<String> {
        let time = Watch::default();
        let mut caller = Slow { heard: RefCell::new(pieces.to_vec()), said: Vec::new(), time: &time };
        let pages = Cell::new(0);
        answer(&mut caller, &time, || {
            pages.set(pages.get() + 1);
            "numbers\n".into()
        })?;
        assert!(pages.get() <= 1);
        Ok(String::from_utf8(caller.said).expect("text"))
    }

    #[test]
    fn what_is_answered() {
        for (head, status, end) in [
            (&b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"[..], "200 OK", "\r\n\r\nnumbers\n"),
            (b"GET /metrics?x=1 HTTP/1.0\n\n", "200 OK", "\r\n\r\nnumbers\n"),
            (
                b"HEAD /metrics HTTP/1.1\r\n\r\n",
                "200 OK",
                "Content-Length: 8\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n",
            ),
            (b"GET / HTTP/1.1\r\n\r\n", "404 Not Found", "\n"),
            (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405 Method Not Allowed", "\n"),
            (b"EHLO x\r\n\r\n", "400 Bad Request", "\n"),
            (b"GET /metrics\r\n\r\n", "400 Bad Request", "\n"),
            (b"\r\n\r\n", "400 Bad Request", "\n"),
        ] {
            let text = said(&[head]).expect("answered");
            assert!(text.starts_with(&format!("HTTP/1.1 {status}\r\n")) && text.ends_with(end), "{text}");
        }
    }

    #[test]
    fn a_head_may_come_in_pieces_but_not_for_ever() {
        let whole = said(&[b"GET /met", b"rics HTTP/1.1\r\n\r", b"\n"]).expect("answered");
        assert!(whole.ends_with("numbers\n"));
        assert!(said(&[b"GET /met"]).is_err(), "gone");
        let drops: Vec<&[u8]> = std::iter::repeat_n(&b"x"[..], 100).collect();
        assert_eq!(said(&drops).expect_err("too slow").kind(), io::ErrorKind::TimedOut);
        let long = vec![b'x'; 2 * SCRAPE_HEAD_MAX];
        assert!(said(&[&long]).expect_err("its rest is not read for ever").kind() == io::ErrorKind::TimedOut);
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            understand(&octets);
            let _ = said(&[&octets, b"\r\n\r\n"]);
        }
    }
}
