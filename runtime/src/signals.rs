//! What the operating system tells us to do: stop (SIGTERM, SIGINT), read the configuration again (SIGHUP), or nothing (all the others that would end us and
//! that nobody means so). SIGPIPE is ignored by the language's start-up code already.

use nix::sys::signal::{SigSet, Signal as Number};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Keeps signals away from this thread and from all that it starts: a file that would become larger than the system
/// lets us (SIGXFSZ) is a fault of one write, and SIGUSR1 and SIGUSR2 say nothing to us. SIGHUP waits until somebody
/// listens to it: see [`Signals::hangup`].
pub(crate) fn keep_away() -> std::io::Result<()> {
    let unwanted: SigSet =
        [Number::SIGXFSZ, Number::SIGUSR1, Number::SIGUSR2, Number::SIGHUP].into_iter().collect();
    Ok(unwanted.thread_block()?)
}

/// The signals that we listen to.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on these signals do not end the process by themselves.
    pub(crate) fn catch() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The order to read the configuration again. One that came before is heard now: this thread is the one that hears
    /// it, the others keep it away.
    pub(crate) fn hangup() -> std::io::Result<Signal> {
        let hangups = signal(SignalKind::hangup())?;
        SigSet::from(Number::SIGHUP).thread_unblock()?;
        Ok(hangups)
    }

    /// Returns when we are told to stop.
    pub(crate) async fn stop(&mut self) {
        std::future::poll_fn(|context| {
            let terminate = self.terminate.poll_recv(context);
            let interrupt = self.interrupt.poll_recv(context);
            if terminate.is_ready() || interrupt.is_ready() {
                return std::task::Poll::Ready(());
            }
            std::task::Poll::Pending
        })
        .await;
    }
}
