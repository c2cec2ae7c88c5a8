//! What we are told to do from outside: by the operating system's signals, and by a successor that wants to take over.
//! SIGTERM and SIGINT stop us, SIGHUP is a wish to read things anew; all others that would end us and that nobody means
//! so are kept away. SIGPIPE is ignored by the language's start-up code already.

use crate::process::HandOver;
use nix::sys::signal::{SigSet, Signal as Number};
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Keeps signals away from this thread and from all that it starts: a file that would become larger than the system
/// lets us (SIGXFSZ) is a fault of one write, and SIGUSR1 and SIGUSR2 say nothing to us.
pub(crate) fn keep_away() -> std::io::Result<()> {
    let unwanted: SigSet = [Number::SIGXFSZ, Number::SIGUSR1, Number::SIGUSR2].into_iter().collect();
    Ok(unwanted.thread_block()?)
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
    pub(crate) fn catch(
        successors: mpsc::Receiver<HandOver>,
        on_hangup: impl Fn() + Send + 'static,
    ) -> std::io::Result<Signals> {
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                on_hangup();
            }
        });
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            successors,
        })
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
