//! What we are told to do from outside: by the operating system's signals, and by a successor that wants to take over.
//! SIGTERM and SIGINT stop us, SIGHUP is a wish to read things anew; all others that would end us and that nobody means
//! so are kept away. SIGPIPE is ignored by the language's start-up code already; a program that is no server takes that
//! back.

use crate::Stop;
use crate::process::HandOver;
use nix::sys::signal::{SigSet, Signal as Number};
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Keeps signals away from this thread and from all that it starts: a file that would become larger than the system
/// lets us (SIGXFSZ) is a fault of one write, and SIGUSR1 and SIGUSR2 say nothing to us. SIGHUP waits until somebody
/// listens to it: see [`Signals::hangup`].
pub(crate) fn keep_away() -> Result<(), Stop> {
    let unwanted: SigSet =
        [Number::SIGXFSZ, Number::SIGUSR1, Number::SIGUSR2, Number::SIGHUP].into_iter().collect();
    unwanted.thread_block().map_err(|error| Stop::failed(format!("cannot keep signals away: {error}")))
}

/// From here on the program ends without a word when nobody reads on (`| head`), as programs for people do.
#[expect(unsafe_code, reason = "to set what a signal does is an unsafe call everywhere")]
pub fn end_with_the_reader() {
    // SAFETY: what the system does by itself is no code of ours that could meet anything half done.
    let _ = unsafe { nix::sys::signal::signal(Number::SIGPIPE, nix::sys::signal::SigHandler::SigDfl) };
}

/// What we are told.
#[derive(Debug)]
pub(crate) enum Word {
    /// Stop.
    Stop,
    /// A successor is ready to go on where we are.
    HandOver(HandOver),
}

/// The signals that we listen to, and the successors.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    successors: mpsc::Receiver<HandOver>,
}

impl Signals {
    /// From here on these signals do not end the process by themselves.
    pub(crate) fn catch(successors: mpsc::Receiver<HandOver>) -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            successors,
        })
    }

    /// The order to read the configuration again. One that came before is heard now: this thread is the one that hears
    /// it, the others keep it away.
    pub(crate) fn hangup() -> std::io::Result<Signal> {
        let hangups = signal(SignalKind::hangup())?;
        SigSet::from(Number::SIGHUP).thread_unblock()?;
        Ok(hangups)
    }

    /// The next word.
    pub(crate) async fn next(&mut self) -> Word {
        std::future::poll_fn(|context| {
            let terminate = self.terminate.poll_recv(context);
            let interrupt = self.interrupt.poll_recv(context);
            if terminate.is_ready() || interrupt.is_ready() {
                return Poll::Ready(Word::Stop);
            }
            match self.successors.poll_recv(context) {
                Poll::Ready(Some(hand_over)) => Poll::Ready(Word::HandOver(hand_over)),
                // Nobody can take over.
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}
