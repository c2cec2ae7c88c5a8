//! `smtpserver reload`: checks the configuration, then has the running server read its own, and says what came of that.

use super::Outcome;
use crate::args::DaemonArgs;
use crate::config_file;
use crate::limits::{PID_FILE_OCTETS_MAX, RELOAD_ANSWER_OCTETS_MAX, RELOAD_WAIT_MAX};
use crate::lines::printable;
use crate::{Stop, stats};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Checks, and lets the server do it.
pub(crate) fn run(args: DaemonArgs) -> Result<(), Stop> {
    let args = args.anchored().map_err(|error| Stop::failed(format!("where are we? {error}")))?;
    let loaded = config_file::load(&args, &[]).map_err(config_file::LoadFault::tell)?;
    loaded.tell();
    let checked = loaded.file.as_ref().map(|path| path.display().to_string());
    match &checked {
        Some(path) => println!("{path} is fit to serve."),
        None => println!("There is no configuration file: the defaults are fit to serve."),
    }
    let pid = running(&loaded.postoffice.join(&args.pid_file)).map_err(Stop::failed)?;
    let place = stats::place(loaded.configuration.global(), &loaded.postoffice);
    let Some(answer) = place.and_then(|place| ask(&place)) else {
        kill(Pid::from_raw(pid), Signal::SIGHUP)
            .map_err(|error| Stop::failed(format!("cannot signal process {pid}: {error}")))?;
        println!(
            "Process {pid} was told to read its configuration again; what came of it is in its log, as it does not \
             answer at a socket (parameter stats-socket)."
        );
        return Ok(());
    };
    let answer = answer.map_err(|error| {
        Stop::failed(format!(
            "process {pid} was told, and does not say what came of it ({error}): its log does"
        ))
    })?;
    tell(pid, checked.as_deref(), answer)
}

/// Says what the server has said.
fn tell(pid: i32, checked: Option<&str>, answer: Outcome) -> Result<(), Stop> {
    let Outcome { file, holds, said } = answer;
    let read = file.as_deref().unwrap_or("the defaults, as there is no configuration file");
    let read = printable(read);
    if file.as_deref() != checked {
        let checked = checked.unwrap_or("none");
        eprintln!("smtpserver: process {pid} reads {read}; the file that was checked here is {checked}");
    }
    for line in said {
        eprintln!("{}", printable(&line));
    }
    match holds {
        Some(holds) => {
            println!("Process {pid} has read {read}: {}.", printable(&holds));
            Ok(())
        }
        None => Err(Stop::failed(format!("process {pid} refuses {read} and goes on as it was"))),
    }
}

/// Asks at the server's socket. `None` where nobody answers there who could do it; nothing was done then.
fn ask(place: &Path) -> Option<io::Result<Outcome>> {
    let mut server = UnixStream::connect(place).ok()?;
    server.set_read_timeout(Some(RELOAD_WAIT_MAX)).ok()?;
    server.write_all(b"RELOAD\n").ok()?;
    let mut line = String::new();
    match server.take(RELOAD_ANSWER_OCTETS_MAX).read_to_string(&mut line) {
        // Another version says that it does not know what that is.
        Ok(_) => Outcome::read(&line).map(Ok),
        Err(error) => Some(Err(error)),
    }
}

/// The pid of the server that holds this pid file.
fn running(path: &Path) -> Result<i32, String> {
    let show = path.display();
    let mut file = File::open(path).map_err(|error| {
        if error.kind() == ErrorKind::NotFound {
            format!("no server is running: there is no pid file {show}")
        } else {
            format!("cannot read the pid file {show}: {error}")
        }
    })?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        Ok(()) => return Err(format!("no server is running: nobody holds the pid file {show}")),
        Err(TryLockError::Error(error)) => {
            return Err(format!("cannot look at the pid file {show}: {error}"));
        }
    }
    let mut text = String::new();
    let read = Read::by_ref(&mut file).take(PID_FILE_OCTETS_MAX).read_to_string(&mut text);
    // 1 and below are no daemons, and to signal them would mean something else.
    match (read, text.trim_ascii().parse::<i32>()) {
        (Ok(_), Ok(pid)) if pid > 1 => Ok(pid),
        _ => Err(format!("the pid file {show} holds no pid")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whoever_holds_the_pid_file_is_signalled() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("pid");
        assert!(running(&path).expect_err("missing").contains("there is no pid file"));
        std::fs::write(&path, "4711\n").expect("written");
        assert!(running(&path).expect_err("left behind").contains("nobody holds"));
        let holder = File::open(&path).expect("readable");
        holder.lock().expect("free");
        assert_eq!(running(&path), Ok(4711));
        for text in ["", "-1", "0", "1", "x"] {
            std::fs::write(&path, text).expect("written");
            assert!(running(&path).expect_err(text).contains("holds no pid"), "{text}");
        }
    }
}
