//! A file that lines are appended to by a thread of its own, so that whoever writes a line never waits for a disk or a
//! terminal. When lines come faster than they leave the newest are dropped, and when they cannot be written they are
//! lost; either way they are counted, somebody is told, and the file says so as soon as it can be written again.

use crate::limits::{COMPANY_WAIT, LINES_RETRY, LINES_STACK_OCTETS, LINES_WAITING_MAX};
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where lines go to.
#[derive(Clone)]
pub struct Lines {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Lines that did not get to their place, since the beginning.
    lost: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines for which there was no room in `waiting`.
    dropped: u64,
    writing: bool,
    /// Lines were lost that the file does not speak of yet.
    indebted: bool,
    /// Somebody waits for everything to be written.
    hurry: bool,
    /// The place is to be looked for, even though nothing is to be written.
    reopen: bool,
}

/// Finds the place to write to; asked before each write.
pub type Open = Box<dyn FnMut() -> io::Result<Box<dyn Write>> + Send>;

/// Told of lines that were lost: how many since it was told last, and why. What it says of that may come back as a
/// line here, and so it must not speak of every loss.
pub type Lost = Box<dyn FnMut(u64, &io::Error) + Send>;

/// The line that stands where so many others are missing, with its line end.
pub type Tell = Box<dyn FnMut(u64) -> String + Send>;

/// What a thread that writes lines works with.
pub struct Outlet {
    /// Where lines go to.
    pub open: Open,
    /// Who is told of those that do not get there.
    pub lost: Lost,
    /// What stands in their place.
    pub tell: Tell,
}

impl Lines {
    /// Lines that go where `open` says; nobody is told of those that are lost, but in the lines themselves.
    pub fn to(open: impl FnMut() -> io::Result<Box<dyn Write>> + Send + 'static) -> io::Result<Lines> {
        Lines::through(Outlet { open: Box::new(open), lost: Box::new(|_, _| {}), tell: Box::new(remark) })
    }

    /// Lines that leave through an outlet.
    pub fn through(outlet: Outlet) -> io::Result<Lines> {
        let shared =
            Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), lost: AtomicU64::new(0) });
        let writer = Writer { shared: shared.clone(), outlet, lost: 0, torn: false };
        std::thread::Builder::new()
            .name("lines".into())
            .stack_size(LINES_STACK_OCTETS)
            .spawn(move || writer.write_for_ever())?;
        Ok(Lines { shared })
    }

    /// Adds whole lines, each with its line end.
    pub fn add(&self, lines: &[u8]) {
        let mut state = self.shared.lock();
        if state.waiting.len() + lines.len() > LINES_WAITING_MAX {
            let dropped = count(lines);
            state.dropped += dropped;
            drop(state);
            self.shared.lost.fetch_add(dropped, Ordering::Relaxed);
            return;
        }
        let first = state.waiting.is_empty();
        state.waiting.extend_from_slice(lines);
        drop(state);
        if first {
            self.shared.changed.notify_all();
        }
    }

    /// Waits until all is written, at most `wait`.
    pub fn flush(&self, wait: Duration) {
        let mut state = self.shared.lock();
        state.hurry = true;
        self.shared.changed.notify_all();
        let busy = |state: &mut State| state.writing || state.reopen || !state.waiting.is_empty();
        let (mut state, _) =
            self.shared.changed.wait_timeout_while(state, wait, busy).unwrap_or_else(PoisonError::into_inner);
        state.hurry = false;
    }

    /// Has the place looked for now, not when the next line comes: whoever moved a file away then finds a new one.
    pub fn reopen(&self) {
        self.shared.lock().reopen = true;
        self.shared.changed.notify_all();
    }

    /// How many lines did not get to their place, since the beginning.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, and then a moment for more; or for the time to try again. Returns the lines, and how many
    /// were dropped behind them.
    fn take(&self) -> (Vec<u8>, u64) {
        let mut state = self.lock();
        while state.waiting.is_empty() && !state.reopen {
            if state.indebted {
                let woken = self.changed.wait_timeout(state, LINES_RETRY);
                let (after, waited) = woken.unwrap_or_else(PoisonError::into_inner);
                state = after;
                if waited.timed_out() {
                    break;
                }
            } else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, COMPANY_WAIT, |state| !state.hurry && !state.reopen)
            .unwrap_or_else(PoisonError::into_inner);
        state.writing = true;
        state.reopen = false;
        (std::mem::take(&mut state.waiting), std::mem::take(&mut state.dropped))
    }
}

/// The thread that writes.
struct Writer {
    shared: Arc<Shared>,
    outlet: Outlet,
    /// Lines that were lost and that the file does not speak of yet.
    lost: u64,
    /// The last write ended within a line.
    torn: bool,
}

impl Writer {
    fn write_for_ever(mut self) {
        loop {
            let (lines, dropped) = self.shared.take();
            self.write(&lines, dropped);
            let mut state = self.shared.lock();
            state.writing = false;
            state.indebted = self.lost > 0;
            drop(state);
            self.shared.changed.notify_all();
        }
    }

    /// What stands for lines that are missing, if any are.
    fn missing(&mut self, lines: u64) -> String {
        if lines == 0 { String::new() } else { (self.outlet.tell)(lines) }
    }

    /// Writes what is owed, then the lines, then how many were dropped behind them.
    fn write(&mut self, lines: &[u8], dropped: u64) {
        let mut octets = Vec::with_capacity(lines.len() + 64);
        if self.torn {
            octets.push(b'\n');
        }
        octets.extend_from_slice(self.missing(self.lost).as_bytes());
        let head = octets.len();
        octets.extend_from_slice(lines);
        let end = octets.len();
        octets.extend_from_slice(self.missing(dropped).as_bytes());

        let mut done = 0;
        let written = (self.outlet.open)().and_then(|mut place| write_all(&mut *place, &octets, &mut done));
        if done > 0 {
            self.torn = octets[done - 1] != b'\n';
        }
        if done >= head {
            self.lost = 0;
        }
        match written {
            Ok(()) if dropped == 0 => {}
            Ok(()) => {
                (self.outlet.lost)(dropped, &io::Error::other("they came faster than they could be written"))
            }
            Err(error) => {
                // A line that was written in part is lost as well.
                let failed = count(&octets[done.clamp(head, end)..end]);
                self.shared.lost.fetch_add(failed, Ordering::Relaxed);
                let lost = failed + dropped;
                self.lost += lost;
                (self.outlet.lost)(lost, &error);
            }
        }
    }
}

/// The words for lines that are missing, where nobody has others.
pub fn remark(lines: u64) -> String {
    match lines {
        1 => "# 1 line was lost\n".into(),
        n => format!("# {n} lines were lost\n"),
    }
}

/// Writes all, and says in `done` how much of it was written when it fails. A place that takes nothing for the moment
/// (a pipe whose reader is slow) is waited for, but not for long.
fn write_all(place: &mut dyn Write, octets: &[u8], done: &mut usize) -> io::Result<()> {
    let mut waited = Duration::ZERO;
    while *done < octets.len() {
        match place.write(&octets[*done..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(taken) => *done += taken,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock && waited < LINES_RETRY => {
                std::thread::sleep(COMPANY_WAIT);
                waited += COMPANY_WAIT;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn count(lines: &[u8]) -> u64 {
    u64::try_from(lines.iter().filter(|octet| **octet == b'\n').count()).expect("a count of octets in memory")
}

/// Client text as it may stand in a log: printable ASCII as it is, everything else as `\xNN`.
pub fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    if text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        text.into()
    } else {
        let octets = text.bytes().map(|octet| match octet {
            b' '..=b'~' => char::from(octet).to_string(),
            _ => format!("\\x{octet:02X}"),
        });
        octets.collect::<String>().into()
    }
}

/// Client text as the value of a key in a log line: between quotes, in which `"` and `\` have a `\` before them and
/// everything but printable ASCII is `\xNN`. Whatever a client says, it ends at the first quote without a `\`.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for octet in text.bytes() {
        match octet {
            b'"' | b'\\' => out.extend(['\\', char::from(octet)]),
            b' '..=b'~' => out.push(char::from(octet)),
            _ => out.push_str(&format!("\\x{octet:02X}")),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    struct Told(mpsc::Sender<Vec<u8>>);

    impl Write for Told {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.send(octets.to_vec()).expect("the test listens");
            Ok(octets.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_keep_company_and_their_order() {
        let (tell, told) = mpsc::channel();
        let lines = Lines::to(move || Ok(Box::new(Told(tell.clone())))).expect("thread");
        for number in 0..100 {
            lines.add(format!("{number}\n").as_bytes());
        }
        lines.flush(Duration::from_secs(10));
        let all: Vec<u8> = told.try_iter().flatten().collect();
        let wanted: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(String::from_utf8(all).expect("text"), wanted);
    }

    #[test]
    fn too_many_lines_are_counted_and_never_waited_for() {
        let (tell, told) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let mut gate = Some(gate);
        let lines = Lines::to(move || {
            if let Some(gate) = gate.take() {
                gate.recv().expect("the test opens the gate");
            }
            Ok(Box::new(Told(tell.clone())) as Box<dyn Write>)
        });
        let lines = lines.expect("thread");
        let mut big = vec![b'x'; LINES_WAITING_MAX / 2];
        big.push(b'\n');
        for _ in 0..10 {
            lines.add(&big);
        }
        go.send(()).expect("the writer waits");
        lines.flush(Duration::from_secs(10));
        lines.add(b"after\n");
        lines.flush(Duration::from_secs(10));
        let all: Vec<u8> = told.try_iter().flatten().collect();
        assert!(String::from_utf8_lossy(&all).contains("lines were lost\n"));
        assert!(all.len() < 10 * big.len());
        let kept = all.split(|octet| *octet == b'\n').filter(|line| line.starts_with(b"xx")).count();
        assert_eq!(lines.lost(), 10 - u64::try_from(kept).expect("few"));
    }

    #[test]
    fn what_cannot_be_written_is_told_and_stands_in_the_file_later() {
        let place: Arc<Mutex<(usize, Vec<u8>)>> = Arc::default();
        struct Disk(Arc<Mutex<(usize, Vec<u8>)>>);
        impl Write for Disk {
            fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
                let (room, written) = &mut *self.0.lock().expect("unpoisoned");
                let taken = octets.len().min(*room);
                if taken == 0 {
                    return Err(ErrorKind::StorageFull.into());
                }
                *room -= taken;
                written.extend_from_slice(&octets[..taken]);
                Ok(taken)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (tell, told) = mpsc::channel();
        let disk = place.clone();
        let outlet = Outlet {
            open: Box::new(move || Ok(Box::new(Disk(disk.clone())))),
            lost: Box::new(move |lines, error| tell.send((lines, error.kind())).expect("the test listens")),
            tell: Box::new(remark),
        };
        let lines = Lines::through(outlet).expect("thread");
        let wait = Duration::from_secs(10);
        let give_room = |octets| place.lock().expect("unpoisoned").0 = octets;
        give_room(8);
        lines.add(b"first\nsecond\nthird\n");
        lines.flush(wait);
        assert_eq!(told.recv_timeout(wait), Ok((2, ErrorKind::StorageFull)));
        lines.add(b"fourth\n");
        lines.flush(wait);
        assert_eq!(told.recv_timeout(wait), Ok((1, ErrorKind::StorageFull)));
        give_room(1000);
        lines.add(b"fifth\n");
        lines.flush(wait);
        let written = place.lock().expect("unpoisoned").1.clone();
        assert_eq!(String::from_utf8_lossy(&written), "first\nse\n# 3 lines were lost\nfifth\n");
        assert!(told.try_recv().is_err());
        assert_eq!(lines.lost(), 3);
    }

    #[test]
    fn client_text_cannot_forge_lines() {
        assert_eq!(printable("a\r\nb\u{e9}"), "a\\x0D\\x0Ab\\xC3\\xA9");
        assert_eq!(printable("plain"), "plain");
    }
    #[test]
    fn a_quoted_value_ends_where_it_ends() {
        assert_eq!(quoted("a@b"), "\"a@b\"");
        assert_eq!(quoted("\"x\\\" to=y\"@b\u{e9}"), "\"\\\"x\\\\\\\" to=y\\\"@b\\xC3\\xA9\"");
    }
}
