//! Helpers elsewhere: each is a connection, to a socket of this machine or a port of a host.

use super::{First, first};
use crate::limits::HELPER_READ_OCTETS;
use smtpserver_core::server::News;
use smtpserver_core::subserver::{Address, HelperId, Trade};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;

/// Who is told what helpers say.
pub(super) type Tell = Arc<dyn Fn(Trade, News) + Send + Sync>;

/// Carries what is told to and said by one connection, to its end. It ends as well when nobody can tell it anything any
/// more.
pub(super) async fn tend(
    address: Address,
    trade: Trade,
    helper: HelperId,
    mut told: mpsc::Receiver<Vec<u8>>,
    tell: Tell,
) {
    let stream = match first(connect(&address), told.recv()).await {
        First::One(stream) => stream,
        First::Other(None) => return,
        // Nobody can be told anything yet.
        First::Other(Some(_)) => return tell(trade, News::Ended(helper)),
    };
    match stream {
        Ok(stream) => {
            tell(trade, News::Connected(helper));
            if !carry(stream, trade, helper, &mut told, &tell).await {
                return;
            }
        }
        Err(error) => tracing::warn!("{}: {address} cannot be reached: {error}", trade.name()),
    }
    tell(trade, News::Ended(helper));
}

/// A connection of either kind.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(address: &Address) -> std::io::Result<Box<dyn Stream>> {
    Ok(match address {
        Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
        Address::Inet(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            // What is said is short, and answered at once.
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
    })
}

/// False when nobody can tell it anything any more.
async fn carry(
    mut stream: Box<dyn Stream>,
    trade: Trade,
    helper: HelperId,
    told: &mut mpsc::Receiver<Vec<u8>>,
    tell: &Tell,
) -> bool {
    let mut octets = vec![0; HELPER_READ_OCTETS];
    loop {
        match first(told.recv(), stream.read(&mut octets)).await {
            First::One(Some(words)) => {
                if stream.write_all(&words).await.is_err() {
                    return true;
                }
            }
            First::One(None) => return false,
            First::Other(Ok(count @ 1..)) => tell(trade, News::Said(helper, octets[..count].to_vec())),
            First::Other(Ok(0) | Err(_)) => return true,
        }
    }
}
