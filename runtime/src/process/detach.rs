//! Leaves the terminal. The program starts itself once more, in a session of its own, and stays until that one serves:
//! so whatever keeps it from serving is still read by somebody and ends with an exit code. Nothing is forked, so that
//! no thread, lock or buffer is ever copied half-way.

use crate::Stop;
use nix::sys::signal::Signal;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

/// The option that tells a process that it is the one to stay.
pub(crate) const OPTION: &str = "--detached";

/// What the process that stays writes on its standard output when it serves.
const SERVES: &[u8] = b"serves\n";

/// Starts this program again with the same words, and waits until it serves or ends.
pub(crate) fn away() -> Result<(), Stop> {
    let fault = |error: io::Error| Stop::failed(format!("cannot detach: {error}"));
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_else(|| "smtpserver".into());
    let mut child = Command::new(std::env::current_exe().map_err(fault)?)
        .arg0(name)
        .arg(OPTION)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(fault)?;
    let mut word = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let most = u64::try_from(SERVES.len()).expect("a short word");
        stdout.take(most).read_to_end(&mut word).map_err(fault)?;
    }
    if word == SERVES {
        return Ok(());
    }
    let status = child.wait().map_err(fault)?;
    match status.code().map(u8::try_from) {
        // It has said why.
        Some(Ok(code)) if code != 0 => Err(Stop { line: String::new(), code }),
        Some(_) => Err(Stop::failed("it ended before it served")),
        None => {
            let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
            Err(Stop::failed(format!(
                "it was ended by {} before it served",
                signal.map_or("a signal", Signal::as_str)
            )))
        }
    }
}

/// The process that started us and waits. Standard error is still its own.
#[derive(Debug)]
pub(crate) struct Caller {
    null: File,
    /// Where it waits for the word that we serve.
    word: File,
}

impl Caller {
    /// We are the process that stays: from here on the terminal's signals are not for us.
    pub(crate) fn leave() -> Result<Caller, Stop> {
        let fault = |error: io::Error| Stop::failed(format!("cannot detach: {error}"));
        // Already the leader of a session: somebody gave the option by hand.
        match nix::unistd::setsid() {
            Ok(_) | Err(nix::errno::Errno::EPERM) => {}
            Err(error) => return Err(fault(error.into())),
        }
        // Opened now, as rights may go.
        let null = OpenOptions::new().write(true).open("/dev/null").map_err(fault)?;
        let word = io::stdout().as_fd().try_clone_to_owned().map_err(fault)?;
        // Whatever else goes to standard output is for people, and not the word.
        rustix::stdio::dup2_stdout(io::stderr()).map_err(|error| fault(error.into()))?;
        Ok(Caller { null, word: word.into() })
    }

    /// We serve. The caller ends, and nobody reads what we say from here on.
    pub(crate) fn served(mut self) -> io::Result<()> {
        // To stay in a folder would keep its file system from being unmounted.
        std::env::set_current_dir("/")?;
        // A caller that has gone does not matter any more.
        let _ = self.word.write_all(SERVES);
        rustix::stdio::dup2_stdout(&self.null)?;
        rustix::stdio::dup2_stderr(&self.null)?;
        Ok(())
    }
}
