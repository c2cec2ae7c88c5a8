//! The keeper: a small process that starts helper processes for logins, one after the other, as they end. The network
//! process gives up its rights and puts a fence around itself; the keeper has those of the start, and all that it does with
//! them is to start that one helper again. All that it is ever told is an octet.

use super::remote::Buried;
use super::worker::WorkerArgs;
use crate::limits::WORKER_START_MAX;
use nix::sys::signal::{SigSet, Signal};
use rustix::cmsg_space;
use rustix::net::{
    self, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use std::io::{Error, IoSlice, IoSliceMut, Read, Result};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// What is said in both directions: start one; here is its line.
const WORD: &[u8] = b"+";

/// The network process's end.
#[derive(Debug)]
pub(super) struct Keeper {
    /// Closed first: with it the keeper ends, which may be beyond our right to end it.
    control: Mutex<UnixStream>,
    _child: Buried,
}

impl Keeper {
    /// Starts the keeper of helpers that know this.
    pub(super) fn start(program: &Path, args: &WorkerArgs) -> Result<Keeper> {
        let (ours, its) = UnixStream::pair()?;
        ours.set_read_timeout(Some(WORKER_START_MAX))?;
        let child = Command::new(program)
            .args(args.words())
            .arg("--keep")
            .stdin(OwnedFd::from(its))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Keeper { control: Mutex::new(ours), _child: Buried::new(child) })
    }

    /// Asks for a new helper; the one before it ends. Its line comes back.
    pub(super) fn helper(&self) -> Result<UnixStream> {
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

/// The keeper itself: serves until the other end goes.
pub(super) fn keep(mut control: UnixStream, args: &WorkerArgs) -> Result<()> {
    // As for the helper: a stop is meant for the server, and the line that closes is what ends us.
    let unheeded: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
    unheeded.thread_block().map_err(Error::from)?;
    let mut helper: Option<Child> = None;
    let mut word = [0; WORD.len()];
    while control.read(&mut word)? > 0 {
        bury(helper.take());
        let (theirs, its) = UnixStream::pair()?;
        let started = Command::new("/proc/self/exe")
            .args(args.words())
            .stdin(OwnedFd::from(its))
            .stdout(Stdio::null())
            .spawn();
        match started {
            Ok(child) => {
                helper = Some(child);
                let line = [theirs.as_fd()];
                let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
                let mut ancillary = SendAncillaryBuffer::new(&mut space);
                assert!(ancillary.push(SendAncillaryMessage::ScmRights(&line)), "there is room for one");
                net::sendmsg(&control, &[IoSlice::new(WORD)], &mut ancillary, SendFlags::NOSIGNAL)?;
            }
            Err(error) => {
                eprintln!("smtpserver: the helper process for logins cannot be started: {error}");
                net::send(&control, WORD, SendFlags::NOSIGNAL)?;
            }
        }
    }
    bury(helper);
    Ok(())
}

fn bury(helper: Option<Child>) {
    if let Some(mut helper) = helper {
        let _ = helper.kill();
        let _ = helper.wait();
    }
}
