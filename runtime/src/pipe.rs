//! The client's end of a session as the loop sees it: a stream, and what was said and not yet taken by it. It knows
//! no SMTP. Octets that came are lent out from a buffer of the thread; octets to send are kept only while the stream
//! does not take them.

use crate::limits::{LAST_WORDS_MAX, LINGER_MAX, LINGER_OCTETS_MAX, UNTAKEN_MAX};
use crate::tls::{Side, Wire};
use smtpserver_core::limits::BODY_READ_MAX;
use smtpserver_core::now::Instant;
use smtpserver_core::tls::{HandshakeFault, Opening, TlsFacts};
use std::cell::RefCell;
use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; BODY_READ_MAX].into_boxed_slice());
}

/// A stream to a client.
pub(crate) struct Pipe<T> {
    wire: Wire<T>,
    /// Octets that were read already and not lent out yet.
    heard: Vec<u8>,
    unsent: Vec<u8>,
    /// How many of `unsent` have left.
    sent: usize,
    /// When the octets in `unsent` began to wait.
    waiting_since: Option<Instant>,
    /// A handshake, until it is over.
    securing: Option<Securing>,
    /// The client has ended its stream.
    ended: bool,
    /// The stream is broken both ways.
    broken: bool,
    /// `ended` or `broken` was told to the session.
    told: bool,
}

/// How far a handshake is.
enum Securing {
    /// It cannot begin.
    Cannot(HandshakeFault),
    /// It begins when our words have left; these octets of it came already.
    Due(Vec<u8>, Side),
    /// The wire is at it.
    UnderWay,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Pipe<T> {
    pub(crate) fn new(stream: T) -> Pipe<T> {
        Pipe::with_heard(stream, Vec::new())
    }

    /// A pipe from which these octets come first.
    pub(crate) fn with_heard(stream: T, heard: Vec<u8>) -> Pipe<T> {
        Pipe {
            wire: Wire::Plain(stream),
            heard,
            unsent: Vec::new(),
            sent: 0,
            waiting_since: None,
            securing: None,
            ended: false,
            broken: false,
            told: false,
        }
    }

    /// Sends octets, or as many as the stream takes now; the rest leaves by [`Pipe::poll_sent`].
    pub(crate) async fn send(&mut self, now: Instant, octets: Vec<u8>) {
        if self.broken || self.is_securing() || !self.wire.speaks() {
            return;
        }
        if self.waiting_since.is_some() {
            self.unsent.extend_from_slice(&octets);
            return;
        }
        self.unsent = octets;
        self.waiting_since = Some(now);
        poll_fn(|context| {
            let _ = self.poll_sent(context);
            Poll::Ready(())
        })
        .await;
    }

    /// Ready when nothing waits to be sent.
    pub(crate) fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.sent < self.unsent.len() {
            match ready!(self.wire.poll_write(context, &self.unsent[self.sent..])) {
                Ok(0) | Err(_) => self.give_up(),
                Ok(taken) => self.sent += taken,
            }
        }
        if self.waiting_since.is_some() && ready!(self.wire.poll_flush(context)).is_err() {
            self.give_up();
        }
        if self.waiting_since.take().is_some() {
            self.unsent = Vec::new();
            self.sent = 0;
        }
        Poll::Ready(())
    }

    /// Begins a handshake, once all that was said has left.
    pub(crate) fn secure(&mut self, opening: Opening, side: Option<Side>) {
        let early = mem::take(&mut self.heard);
        self.securing = Some(match (opening, side) {
            // It came before it was asked for, and nobody may act on it.
            (Opening::Asked, _) if !early.is_empty() => Securing::Cannot(HandshakeFault::SentAhead),
            (_, None) => Securing::Cannot(HandshakeFault::Unavailable),
            (Opening::Asked, Some(side)) => Securing::Due(early, side),
            (Opening::First(octets), Some(side)) => Securing::Due([octets, early].concat(), side),
        });
    }

    /// Whether a handshake is under way.
    pub(crate) fn is_securing(&self) -> bool {
        self.securing.is_some()
    }

    /// Goes on with the handshake; ready when it is over.
    pub(crate) fn poll_secured(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Arc<TlsFacts>, HandshakeFault>> {
        ready!(self.poll_sent(context));
        let outcome = match self.securing.replace(Securing::UnderWay) {
            _ if self.is_gone() => Err(HandshakeFault::Gone),
            Some(Securing::Cannot(fault)) => Err(fault),
            begun => {
                if let Some(Securing::Due(first, side)) = begun {
                    self.wire.secure(first, side);
                }
                ready!(self.wire.poll_shaken(context))
            }
        };
        self.securing = None;
        if outcome.is_err() {
            self.wire.spend();
        }
        Poll::Ready(outcome)
    }

    /// When the client will have had enough time to take what was sent.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + UNTAKEN_MAX)
    }

    /// Reads at most `wanted` octets and lends them out; ready with `false` when the client turns out to be gone.
    /// Not ready while none are wanted, or when that was known before.
    pub(crate) fn poll_heard(
        &mut self,
        context: &mut Context<'_>,
        wanted: usize,
        take: impl FnOnce(&[u8]),
    ) -> Poll<bool> {
        if wanted == 0 || self.is_gone() {
            return Poll::Pending;
        }
        if !self.heard.is_empty() {
            let rest = self.heard.split_off(wanted.min(self.heard.len()));
            take(&std::mem::replace(&mut self.heard, rest));
            return Poll::Ready(true);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let room = wanted.min(scratch.len());
            let mut buffer = ReadBuf::new(&mut scratch[..room]);
            match ready!(self.wire.poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    take(buffer.filled());
                    return Poll::Ready(true);
                }
                Ok(()) => self.ended = true,
                Err(_) => self.give_up(),
            }
            Poll::Ready(false)
        })
    }

    /// Whether nothing more will come.
    pub(crate) fn is_gone(&self) -> bool {
        self.ended || self.broken
    }

    /// Whether nothing more will come, and nobody was told so yet.
    pub(crate) fn take_gone(&mut self) -> bool {
        let news = self.is_gone() && !self.told;
        self.told |= news;
        news
    }

    /// The client is not to be reached any more.
    pub(crate) fn give_up(&mut self) {
        self.broken = true;
        self.unsent = Vec::new();
        self.sent = 0;
        self.waiting_since = None;
    }

    /// Says the last words and closes, without waiting long for anything.
    pub(crate) async fn part(mut self) {
        if self.broken {
            return;
        }
        let last_words = poll_fn(|context| {
            ready!(self.poll_sent(context));
            self.wire.poll_shutdown(context)
        });
        let said = timeout(LAST_WORDS_MAX, last_words).await;
        if matches!(said, Ok(Ok(()))) && !self.is_gone() {
            let mut dropped = 0;
            let rest = poll_fn(|context| {
                while dropped < LINGER_OCTETS_MAX && !self.is_gone() {
                    let _ = ready!(self.poll_heard(context, BODY_READ_MAX, |octets| dropped += octets.len()));
                }
                Poll::Ready(())
            });
            let _ = timeout(LINGER_MAX, rest).await;
        }
    }
}
