//! The keeper: a small process that starts a helper process of ours, one after the other, as they end. The network process
//! gives up its rights and puts a fence around itself; the keeper has those of the start, and all that it does with them is
//! to start that one helper again. All that it is ever told is an octet. What a helper process leaves behind when it dies
//! ends as well.

use crate::limits::{KEEPER_LOOK, KEEPER_ROUNDS_MAX, WORKER_START_MAX};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::cmsg_space;
use rustix::net::{
    self, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use std::ffi::OsString;
use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Read, Result};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The option that makes a keeper of a helper process.
const OPTION: &str = "--keep";

/// What is said in both directions: start one; here is its line.
const WORD: &[u8] = b"+";

/// The network process's end.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// Closed first: with it the keeper ends, which may be beyond our right to end it.
    control: Mutex<UnixStream>,
    _child: Buried,
}

/// A process that ends, and is waited for, when this goes.
#[derive(Debug)]
pub(crate) struct Buried(pub(crate) Child);

impl Drop for Buried {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Keeper {
    /// Starts the keeper of helper processes that this program becomes with these words.
    pub(crate) fn start(program: &Path, words: &[OsString]) -> Result<Keeper> {
        let (ours, its) = UnixStream::pair()?;
        ours.set_read_timeout(Some(WORKER_START_MAX))?;
        let child = Command::new(program)
            .args(words)
            .arg(OPTION)
            .stdin(OwnedFd::from(its))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Keeper { control: Mutex::new(ours), _child: Buried(child) })
    }

    /// Asks for a new helper process; the one before it ends. Its line comes back.
    pub(crate) fn helper(&self) -> Result<UnixStream> {
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        net::send(&*control, WORD, SendFlags::NOSIGNAL)?;
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut word = [0; WORD.len()];
        let flags = RecvFlags::CMSG_CLOEXEC;
        net::recvmsg(&*control, &mut [IoSliceMut::new(&mut word)], &mut ancillary, flags)?;
        let mut line = None;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                line = descriptors.last();
            }
        }
        line.map(UnixStream::from).ok_or_else(|| Error::other("its keeper could not start it"))
    }
}

/// The keeper itself: serves until the other end goes. `words` make a helper process of this program.
pub(crate) fn keep(mut control: UnixStream, words: &[OsString]) -> Result<()> {
    // As for the helper: a stop is meant for the server, and the line that closes is what ends us.
    let unheeded: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
    unheeded.thread_block().map_err(Error::from)?;
    // What a helper process has started and left behind becomes ours, not the system's.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    control.set_read_timeout(Some(KEEPER_LOOK))?;
    let mut helper = None;
    let mut word = [0; WORD.len()];
    loop {
        match control.read(&mut word) {
            Ok(0) => break,
            Ok(_) => {
                end_all(&mut helper);
                helper = start(&control, words)?;
            }
            // Whoever has ended meanwhile is not to stay a number in the system's table.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                reap(&mut helper);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    end_all(&mut helper);
    Ok(())
}

/// Starts a helper process, and passes its line on.
fn start(control: &UnixStream, words: &[OsString]) -> Result<Option<Pid>> {
    let (theirs, its) = UnixStream::pair()?;
    let started =
        Command::new("/proc/self/exe").args(words).stdin(OwnedFd::from(its)).stdout(Stdio::null()).spawn();
    match started {
        Ok(child) => {
            let line = [theirs.as_fd()];
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&line)), "there is room for one");
            net::sendmsg(control, &[IoSlice::new(WORD)], &mut ancillary, SendFlags::NOSIGNAL)?;
            Ok(i32::try_from(child.id()).ok().map(Pid::from_raw))
        }
        Err(error) => {
            let what = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
            eprintln!("smtpserver: {what} cannot be started: {error}");
            net::send(control, WORD, SendFlags::NOSIGNAL)?;
            Ok(None)
        }
    }
}

/// Waits for whoever has ended, and for nobody else.
fn reap(helper: &mut Option<Pid>) {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        match status.pid() {
            Some(pid) if *helper == Some(pid) => *helper = None,
            Some(_) => {}
            None if status == WaitStatus::StillAlive => return,
            None => {}
        }
    }
}

/// Ends the helper process and all that is left of what it has started. What one of them leaves behind is ours in the next
/// round.
fn end_all(helper: &mut Option<Pid>) {
    for _ in 0..KEEPER_ROUNDS_MAX {
        let mut children = children();
        children.extend(helper.take());
        if children.is_empty() {
            return;
        }
        for child in children {
            // Not waited for yet: its number, and that of its group, is nobody else's.
            let _ = killpg(child, Signal::SIGKILL);
            let _ = kill(child, Signal::SIGKILL);
            while waitpid(child, None) == Err(Errno::EINTR) {}
        }
    }
}

/// Our children, those that became ours included; none where the kernel does not tell.
fn children() -> Vec<Pid> {
    let table = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    table.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect()
}
