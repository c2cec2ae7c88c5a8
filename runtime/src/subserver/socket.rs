//! Helpers behind a named socket: each is a connection that speaks the same lines as a program does.

use super::{First, first};
use crate::limits::HELPER_READ_OCTETS;
use smtpserver_core::server::News;
use smtpserver_core::subserver::{HelperId, Trade};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// Who is told what helpers say.
pub(super) type Tell = Arc<dyn Fn(Trade, News) + Send + Sync>;

/// Carries what is told to and said by one connection, to its end. It ends as well when nobody can tell it anything any
/// more.
pub(super) async fn tend(
    path: Arc<PathBuf>,
    trade: Trade,
    helper: HelperId,
    mut told: mpsc::Receiver<Vec<u8>>,
    tell: Tell,
) {
    match UnixStream::connect(&*path).await {
        Ok(mut stream) => {
            let mut octets = vec![0; HELPER_READ_OCTETS];
            loop {
                match first(told.recv(), stream.read(&mut octets)).await {
                    First::One(Some(line)) => {
                        if stream.write_all(&line).await.is_err() {
                            break;
                        }
                    }
                    First::One(None) => return,
                    First::Other(Ok(count @ 1..)) => {
                        tell(trade, News::Said(helper, octets[..count].to_vec()))
                    }
                    First::Other(Ok(0) | Err(_)) => break,
                }
            }
        }
        Err(error) => tracing::warn!("{}: {} cannot be reached: {error}", trade.name(), path.display()),
    }
    tell(trade, News::Ended(helper));
}
