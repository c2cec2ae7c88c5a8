//! The client's end of a session as the loop sees it: a stream, and what was said and not yet taken by it. It knows
//! no SMTP. Octets that came are lent out from a buffer of the thread; octets to send are kept only while the stream
//! does not take them.

use crate::limits::{LAST_WORDS_MAX, LINGER_MAX, LINGER_OCTETS_MAX, UNTAKEN_MAX};
use smtpserver_core::limits::BODY_READ_MAX;
use smtpserver_core::now::Instant;
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; BODY_READ_MAX].into_boxed_slice());
}

/// A stream to a client.
pub(crate) struct Pipe<T> {
    stream: T,
    /// Octets that were read already and not lent out yet.
    heard: Vec<u8>,
    unsent: Vec<u8>,
    /// How many of `unsent` have left.
    sent: usize,
    /// When the octets in `unsent` began to wait.
    waiting_since: Option<Instant>,
    /// The client has ended its stream.
    ended: bool,
    /// The stream is broken both ways.
    broken: bool,
    /// `ended` or `broken` was told to the session.
    told: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Pipe<T> {
    pub(crate) fn new(stream: T) -> Pipe<T> {
        Pipe::with_heard(stream, Vec::new())
    }

    /// A pipe from which these octets come first.
    pub(crate) fn with_heard(stream: T, heard: Vec<u8>) -> Pipe<T> {
        Pipe {
            stream,
            heard,
            unsent: Vec::new(),
            sent: 0,
            waiting_since: None,
            ended: false,
            broken: false,
            told: false,
        }
    }

    /// Sends octets, or as many as the stream takes now; the rest leaves by [`Pipe::poll_sent`].
    pub(crate) async fn send(&mut self, now: Instant, octets: Vec<u8>) {
        if self.broken {
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
            match ready!(Pin::new(&mut self.stream).poll_write(context, &self.unsent[self.sent..])) {
                Ok(0) | Err(_) => self.give_up(),
                Ok(taken) => self.sent += taken,
            }
        }
        if self.waiting_since.take().is_some() {
            self.unsent = Vec::new();
            self.sent = 0;
        }
        Poll::Ready(())
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
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
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
            Pin::new(&mut self.stream).poll_shutdown(context)
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
