//! A file that lines are appended to by a thread of its own, so that whoever writes a line never waits for a disk or a
//! terminal. When lines come faster than they leave, the newest are dropped and counted, and the file says so.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Octets that may wait to be written.
const WAITING_MAX: usize = 4 << 20;
/// How long the writer waits for company after the first line: one write for many lines, and one wake-up.
const COMPANY_WAIT: Duration = Duration::from_millis(20);

/// Where lines go to.
#[derive(Clone)]
pub struct Lines {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    dropped: u64,
    writing: bool,
    /// Somebody waits for everything to be written.
    hurry: bool,
}

impl Lines {
    /// Lines that `open` finds a place for; it is asked before each write. What cannot be written is lost, and
    /// counted as dropped.
    pub fn to(mut open: impl FnMut() -> Option<Box<dyn Write>> + Send + 'static) -> std::io::Result<Lines> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let writer = shared.clone();
        std::thread::Builder::new()
            .name("lines".into())
            .stack_size(128 * 1024)
            .spawn(move || writer.write_for_ever(&mut open))?;
        Ok(Lines { shared })
    }

    /// Adds whole lines, each with its line end.
    pub fn add(&self, lines: &[u8]) {
        let mut state = self.shared.lock();
        if state.waiting.len() + lines.len() > WAITING_MAX {
            state.dropped += 1;
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
        let busy = |state: &mut State| state.writing || !state.waiting.is_empty();
        let (mut state, _) =
            self.shared.changed.wait_timeout_while(state, wait, busy).unwrap_or_else(PoisonError::into_inner);
        state.hurry = false;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_for_ever(&self, open: &mut dyn FnMut() -> Option<Box<dyn Write>>) {
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let (mut state, _) = self
                .changed
                .wait_timeout_while(state, COMPANY_WAIT, |state| !state.hurry)
                .unwrap_or_else(PoisonError::into_inner);
            let mut lines = std::mem::take(&mut state.waiting);
            let dropped = std::mem::take(&mut state.dropped);
            state.writing = true;
            drop(state);

            if dropped > 0 {
                lines.extend_from_slice(format!("{dropped} log lines were lost\n").as_bytes());
            }
            let written = open().is_some_and(|mut place| place.write_all(&lines).is_ok());

            let mut state = self.lock();
            state.writing = false;
            state.dropped += if written { 0 } else { dropped + 1 };
            drop(state);
            self.changed.notify_all();
        }
    }
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
        let lines = Lines::to(move || Some(Box::new(Told(tell.clone())))).expect("thread");
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
            Some(Box::new(Told(tell.clone())))
        });
        let lines = lines.expect("thread");
        let big = vec![b'x'; WAITING_MAX / 2];
        for _ in 0..10 {
            lines.add(&big);
        }
        go.send(()).expect("the writer waits");
        lines.flush(Duration::from_secs(10));
        lines.add(b"after\n");
        lines.flush(Duration::from_secs(10));
        let all: Vec<u8> = told.try_iter().flatten().collect();
        assert!(String::from_utf8_lossy(&all).contains("log lines were lost\n"));
        assert!(all.len() < 10 * big.len());
    }

    #[test]
    fn client_text_cannot_forge_lines() {
        assert_eq!(printable("a\r\nb\u{e9}"), "a\\x0D\\x0Ab\\xC3\\xA9");
        assert_eq!(printable("plain"), "plain");
    }
}
