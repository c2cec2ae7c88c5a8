//! The socket at which the server tells what it counts, and reads its configuration again: a file that only root and the
//! server's own user may use. One request a connection, a line; the answer is a line of JSON, for each source one, in
//! pages, so that nobody's mail waits for a long one.

use super::json::line;
use crate::Stop;
use crate::desk::Desk;
use crate::limits::{RELOAD_WAIT_MAX, STATS_CALLERS_MAX, STATS_PAGE, STATS_REQUEST_MAX, STATS_WAIT_MAX};
use crate::spool::Spool;
use rustix::fs::Mode;
use smtpserver_core::Source;
use smtpserver_core::server::rate_window::Key;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener as Unready;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// Reads the configuration again, whatever becomes of who asked for it; what came of it is a line.
pub(crate) type Reload = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = String> + Send>> + Send + Sync>;

/// A socket that is made and not reachable yet: its name is another server's as long as that serves.
pub(crate) struct Door {
    listener: Unready,
    own: PathBuf,
    path: PathBuf,
}

/// The name under which callers come. It is removed when this is dropped, if it is still ours.
pub(crate) struct Named {
    path: PathBuf,
    inode: (u64, u64),
}

impl Drop for Named {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|now| now == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Door {
    /// Makes the socket beside its name.
    pub(crate) fn open(path: &Path) -> Result<Door, Stop> {
        let mut own = path.as_os_str().to_owned();
        own.push(format!(".{}", std::process::id()));
        let own = PathBuf::from(own);
        let made = || {
            // Of an earlier process with our number, which died.
            let _ = std::fs::remove_file(&own);
            let listener = Unready::bind(&own)?;
            rustix::fs::chmod(&own, Mode::RUSR | Mode::WUSR)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let fault = |error: io::Error| {
            Stop::unfit(format!("no socket for statistics at {}: {error}", path.display()))
        };
        let listener = made().map_err(fault)?;
        Ok(Door { listener, own, path: path.into() })
    }

    /// Takes the name and answers from now on, as long as what comes back is kept.
    pub(crate) fn answer<S: Spool>(self, desk: &Arc<Desk<S>>, reload: Reload) -> io::Result<Named> {
        let listener = UnixListener::from_std(self.listener.try_clone()?)?;
        let inode = inode(&self.own)?;
        std::fs::rename(&self.own, &self.path)?;
        tokio::spawn(accept(listener, desk.clone(), reload));
        Ok(Named { path: self.path.clone(), inode })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.own);
    }
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let stat = std::fs::symlink_metadata(path)?;
    Ok((stat.dev(), stat.ino()))
}

async fn accept<S: Spool>(listener: UnixListener, desk: Arc<Desk<S>>, reload: Reload) {
    let places = Arc::new(Semaphore::new(STATS_CALLERS_MAX));
    loop {
        // Nobody closes the semaphore. Who has to wait waits in the queue of the socket.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((caller, _)) => {
                let (desk, reload) = (desk.clone(), reload.clone());
                tokio::spawn(async move {
                    // Whoever hangs up early has had its answer.
                    let _ = tokio::time::timeout(ANSWER_MAX, serve(caller, &desk, &reload)).await;
                    drop(place);
                });
            }
            // Out of descriptors, most likely: never a spin.
            Err(_) => tokio::time::sleep(crate::limits::PAUSE_MAX).await,
        }
    }
}

/// How long an answer may take.
const ANSWER_MAX: Duration =
    if RELOAD_WAIT_MAX.as_secs() > STATS_WAIT_MAX.as_secs() { RELOAD_WAIT_MAX } else { STATS_WAIT_MAX };

/// Answers one caller.
async fn serve<S: Spool>(mut caller: UnixStream, desk: &Desk<S>, reload: &Reload) -> io::Result<()> {
    let uid = caller.peer_cred()?.uid();
    if uid != 0 && uid != nix::unistd::geteuid().as_raw() {
        tracing::warn!(uid, "statistics are for root and our own user only");
        return caller.write_all(b"{\"error\":\"only root and the server's own user may ask\"}\n").await;
    }
    let mut request = String::new();
    let (reader, mut writer) = caller.split();
    BufReader::new(reader.take(STATS_REQUEST_MAX)).read_line(&mut request).await?;
    let words: Vec<&str> = request.split_ascii_whitespace().collect();
    let answer = match words.as_slice() {
        ["IP", address] => address.parse().map(|address| Key::Source(Source::of(address))).ok(),
        ["USER", user] => Some(Key::user(user)),
        ["DUMP"] => return dump(&mut writer, desk).await,
        ["RELOAD"] => return writer.write_all(reload().await.as_bytes()).await,
        _ => None,
    };
    match answer {
        Some(key) => writer.write_all(line(&desk.tracked(key)).as_bytes()).await,
        None => writer.write_all(b"{\"error\":\"ask for IP ADDRESS, USER NAME, DUMP or RELOAD\"}\n").await,
    }
}

async fn dump<S: Spool>(writer: &mut (impl AsyncWriteExt + Unpin), desk: &Desk<S>) -> io::Result<()> {
    let mut last = None;
    loop {
        let (known, more) = desk.tracked_behind(last, STATS_PAGE);
        let page: String = known.iter().map(line).collect();
        writer.write_all(page.as_bytes()).await?;
        last = more;
        if last.is_none() {
            return Ok(());
        }
    }
}
