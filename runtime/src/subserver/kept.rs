//! The line to the host of helpers. When a host ends, the farms are told that its helpers have, and another host is started,
//! after a pause that doubles; then the farms may begin anew.

use super::frame::{Frame, Kind};
use super::socket::Tell;
use crate::limits::{HELPER_FRAMES_WAITING_MAX, WORKER_PAUSE_MAX, WORKER_PAUSE_MIN};
use crate::lines::printable;
use crate::process::keeper::Keeper;
use smtpserver_core::server::News;
use smtpserver_core::subserver::{HelperId, Trade};
use std::collections::BTreeSet;
use std::os::unix::net::UnixStream as Socket;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncWriteExt, ReadHalf};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// The host there is, or none for the moment.
#[derive(Default)]
pub(super) struct Host(Mutex<State>);

#[derive(Default)]
struct State {
    /// Takes frames to the host; nothing while there is none.
    line: Option<mpsc::Sender<Frame>>,
    /// Helpers that it was told to start, and that have not ended.
    helpers: BTreeSet<(Trade, HelperId)>,
}

impl Host {
    /// The host at the other end of a line, and all that come after it. Needs a tokio runtime around it.
    pub(super) fn begin(
        keeper: Keeper,
        line: Socket,
        trades: Vec<Trade>,
        tell: Tell,
    ) -> std::io::Result<Arc<Host>> {
        let host = Arc::new(Host::default());
        let reader = host.connect(line)?;
        tokio::spawn(host.clone().keep(Arc::new(keeper), reader, trades, tell));
        Ok(host)
    }

    /// Sends a frame, if there is a host that takes it.
    pub(super) fn send(&self, frame: Frame) -> bool {
        let mut state = self.lock();
        let started = (frame.kind == Kind::Start).then_some((frame.trade, frame.helper));
        let sent = state.line.as_ref().is_some_and(|line| line.try_send(frame).is_ok());
        state.helpers.extend(started.filter(|_| sent));
        sent
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self, line: Socket) -> std::io::Result<ReadHalf<UnixStream>> {
        line.set_nonblocking(true)?;
        let (reader, mut writer) = tokio::io::split(UnixStream::from_std(line)?);
        let (line, mut frames) = mpsc::channel::<Frame>(HELPER_FRAMES_WAITING_MAX);
        tokio::spawn(async move {
            while let Some(frame) = frames.recv().await {
                if writer.write_all(&frame.encode()).await.is_err() {
                    return;
                }
            }
        });
        self.lock().line = Some(line);
        Ok(reader)
    }

    /// Hears one host after the other.
    async fn keep(
        self: Arc<Host>,
        keeper: Arc<Keeper>,
        mut reader: ReadHalf<UnixStream>,
        trades: Vec<Trade>,
        tell: Tell,
    ) {
        loop {
            self.listen(&mut reader, &tell).await;
            tracing::error!("the host of helpers has ended; another one is started");
            let lost = {
                let mut state = self.lock();
                state.line = None;
                std::mem::take(&mut state.helpers)
            };
            for (trade, helper) in lost {
                tell(trade, News::Ended(helper));
            }
            reader = self.another(&keeper).await;
            for trade in &trades {
                tell(*trade, News::Renewed);
            }
        }
    }

    /// Starts another host.
    async fn another(&self, keeper: &Arc<Keeper>) -> ReadHalf<UnixStream> {
        let mut pause = WORKER_PAUSE_MIN;
        loop {
            tokio::time::sleep(pause).await;
            pause = WORKER_PAUSE_MAX.min(pause * 2);
            let keeper = keeper.clone();
            let started = tokio::task::spawn_blocking(move || keeper.helper()).await;
            let connected =
                started.map_err(std::io::Error::other).flatten().and_then(|line| self.connect(line));
            match connected {
                Ok(reader) => return reader,
                Err(error) => tracing::error!("the host of helpers cannot be started: {error}"),
            }
        }
    }

    /// Hears a host to its end.
    async fn listen(&self, reader: &mut ReadHalf<UnixStream>, tell: &Tell) {
        while let Ok(Some(Frame { kind, trade, helper, octets })) = Frame::read(reader).await {
            match kind {
                Kind::Said => tell(trade, News::Said(helper, octets)),
                Kind::Ended => {
                    self.lock().helpers.remove(&(trade, helper));
                    tell(trade, News::Ended(helper));
                }
                Kind::Renewed => {
                    tracing::info!("{}: its program is another one now", trade.name());
                    tell(trade, News::Renewed);
                }
                Kind::Complained => {
                    let line = String::from_utf8_lossy(&octets);
                    tracing::warn!("{} {}: {}", trade.name(), helper.0, printable(&line));
                }
                Kind::Start | Kind::Say | Kind::LetGo | Kind::End => return,
            }
        }
    }
}
