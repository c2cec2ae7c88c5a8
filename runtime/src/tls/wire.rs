//! A stream that begins in clear text and may go on within TLS, once. While it is in between nothing is read or written
//! but the handshake; what fails in between stays silent for good.

use super::tap::Tap;
use super::terms::Side;
use crate::limits::TLS_UNSENT_MAX;
use rustls::Error;
use smtpserver_core::tls::{HandshakeFault, TlsFacts};
use std::io::{self, ErrorKind};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{AcquireError, OwnedSemaphorePermit};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{FallibleAccept, TlsAcceptor};

/// The stream.
pub(crate) enum Wire<T> {
    /// Nothing is hidden.
    Plain(T),
    /// A handshake.
    Shaking(Box<Shaking<T>>),
    /// Within TLS.
    Tls(Box<TlsStream<Tapped<T>>>),
    /// The handshake failed: nothing can be said any more.
    Spent(Option<T>),
}

/// A handshake under way.
pub(crate) struct Shaking<T> {
    accept: FallibleAccept<Tapped<T>>,
    side: Side,
    waiting: Option<Turn>,
}

/// How it ends: within TLS, or with the stream as it was.
type Outcome<T> = Result<TlsStream<Tapped<T>>, (io::Error, Tapped<T>)>;

/// The wait for a turn.
type Turn = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    /// Begins the handshake, of which these octets came already. Only a plain stream can.
    pub(crate) fn secure(&mut self, first: Vec<u8>, side: Side) {
        *self = match mem::replace(self, Wire::Spent(None)) {
            Wire::Plain(stream) => {
                let tap = Tap::at(side.terms.log_level, side.who.clone());
                let stream = Tapped { stream, first, tap };
                let accept = TlsAcceptor::from(side.terms.config.clone()).accept(stream).into_fallible();
                Wire::Shaking(Box::new(Shaking { accept, side, waiting: None }))
            }
            begun @ (Wire::Shaking(_) | Wire::Tls(_) | Wire::Spent(_)) => begun,
        };
    }

    /// Nothing is said by it any more.
    pub(crate) fn spend(&mut self) {
        if let Wire::Plain(stream) = mem::replace(self, Wire::Spent(None)) {
            *self = Wire::Spent(Some(stream));
        }
    }

    /// Whether words can be said.
    pub(crate) fn speaks(&self) -> bool {
        matches!(self, Wire::Plain(_) | Wire::Tls(_))
    }

    /// Goes on with the handshake; ready when it is over.
    pub(crate) fn poll_shaken(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Arc<TlsFacts>, HandshakeFault>> {
        let Wire::Shaking(shaking) = self else { return Poll::Ready(Err(HandshakeFault::Unavailable)) };
        let outcome = ready!(shaking.poll(context));
        let terms = shaking.side.terms.clone();
        match outcome {
            Ok(mut stream) => {
                let (tapped, connection) = stream.get_mut();
                if let Some(tap) = &mut tapped.tap {
                    tap.shaken();
                }
                connection.set_buffer_limit(Some(TLS_UNSENT_MAX));
                let facts = Arc::new(terms.facts(connection));
                *self = Wire::Tls(Box::new(stream));
                Poll::Ready(Ok(facts))
            }
            Err((error, tapped)) => {
                if terms.log_level >= 2 {
                    tracing::info!("TLS: handshake with {} failed: {error}", shaking.side.who);
                }
                *self = Wire::Spent(Some(tapped.stream));
                Poll::Ready(Err(fault(&error)))
            }
        }
    }

    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Wire::Plain(stream) | Wire::Spent(Some(stream)) => Pin::new(stream).poll_read(context, buffer),
            Wire::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            Wire::Shaking(_) | Wire::Spent(None) => Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
        }
    }

    pub(crate) fn poll_write(&mut self, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Wire::Plain(stream) => Pin::new(stream).poll_write(context, octets),
            Wire::Tls(stream) => Pin::new(stream).poll_write(context, octets),
            Wire::Shaking(_) | Wire::Spent(_) => Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
        }
    }

    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(context),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(context),
            Wire::Shaking(_) | Wire::Spent(_) => Poll::Ready(Ok(())),
        }
    }

    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Wire::Plain(stream) | Wire::Spent(Some(stream)) => Pin::new(stream).poll_shutdown(context),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Shaking(_) | Wire::Spent(None) => Poll::Ready(Ok(())),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Shaking<T> {
    /// A step is taken only in its turn, and no turn lasts longer than a step: a client that is slow to answer takes
    /// nobody's.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Outcome<T>> {
        let turns = &self.side.turns;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(turns.clone().acquire_owned()));
        let turn = ready!(waiting.as_mut().poll(context));
        self.waiting = None;
        let outcome = Pin::new(&mut self.accept).poll(context);
        drop(turn);
        outcome
    }
}

/// What kept a handshake from its end.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others are breaches of the protocol")]
fn fault(error: &io::Error) -> HandshakeFault {
    let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<Error>()) else {
        return HandshakeFault::Gone;
    };
    match error {
        Error::AlertReceived(_) => HandshakeFault::Alert,
        Error::PeerIncompatible(_) => HandshakeFault::NothingInCommon,
        _ => HandshakeFault::Garbled,
    }
}

/// A stream of which some octets came before, and at which somebody may listen.
pub(crate) struct Tapped<T> {
    stream: T,
    first: Vec<u8>,
    tap: Option<Box<Tap>>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Tapped<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Tapped { stream, first, tap } = self.get_mut();
        let before = buffer.filled().len();
        if first.is_empty() {
            ready!(Pin::new(stream).poll_read(context, buffer))?;
        } else {
            let rest = first.split_off(first.len().min(buffer.remaining()));
            buffer.put_slice(&mem::replace(first, rest));
        }
        if let Some(tap) = tap {
            tap.came(&buffer.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Tapped<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let Tapped { stream, tap, .. } = self.get_mut();
        let taken = ready!(Pin::new(stream).poll_write(context, octets))?;
        if let Some(tap) = tap {
            tap.left(&octets[..taken]);
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
