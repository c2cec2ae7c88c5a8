//! New settings for a running server: read and check everything, then swap it in; or change nothing and say why. And the
//! command that asks a running server for it.

use crate::Stop;
use crate::args::DaemonArgs;
use crate::config_file::{self, Loaded};
use crate::desk::Desk;
use crate::doors::{Changes, Doors};
use crate::limits::PID_FILE_OCTETS_MAX;
use crate::spool::Spool;
use nix::sys::signal::{Signal as Number, kill};
use nix::unistd::Pid;
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::Signal;
use tokio::sync::Mutex;

/// Gives a running server new settings.
pub(crate) struct Reloader<S: Spool> {
    /// Where the settings come from, if they can be read again.
    args: Option<Arc<DaemonArgs>>,
    /// `None` once the server stops: then nothing is opened any more.
    doors: Mutex<Option<Doors<S>>>,
    desk: Arc<Desk<S>>,
}

impl<S: Spool> Reloader<S> {
    pub(crate) fn new(args: Option<DaemonArgs>, doors: Doors<S>, desk: &Arc<Desk<S>>) -> Reloader<S> {
        Reloader { args: args.map(Arc::new), doors: Mutex::new(Some(doors)), desk: desk.clone() }
    }

    /// Reloads whenever it is told to.
    pub(crate) async fn obey(self: Arc<Self>, mut hangups: Signal) {
        while hangups.recv().await.is_some() {
            self.reload().await;
        }
    }

    /// Reads the configuration and lets it hold from now on. Sessions under way keep what they began with. What is not
    /// fit changes nothing; all of it is said in the log.
    pub(crate) async fn reload(&self) {
        let Some(args) = self.args.clone() else {
            return tracing::info!("there is no configuration to read again");
        };
        // The files are read, and the interfaces listed, where that holds up no session.
        let loaded = tokio::task::spawn_blocking(move || config_file::load(&args)).await;
        let loaded = match loaded {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(fault)) => return refuse(&fault.lines()),
            Err(error) => return refuse(&[error.to_string()]),
        };
        for note in loaded.short_notes() {
            tracing::warn!("{note}");
        }
        let Loaded { configuration, wanted, .. } = loaded;
        let mut doors = self.doors.lock().await;
        let Some(doors) = doors.as_mut() else { return };
        match doors.swap(wanted).await {
            Ok(Changes { opened, closed, kept }) => {
                self.desk.reconfigure(Arc::new(configuration.global().clone()));
                let addresses: Vec<String> = doors.addresses().iter().map(ToString::to_string).collect();
                tracing::info!(
                    "the new configuration holds: {opened} opened, {closed} closed, {kept} kept; listening on {}",
                    addresses.join(" ")
                );
            }
            Err(fault) => refuse(&[fault.to_string()]),
        }
    }

    /// Closes all doors; no reload opens any more.
    pub(crate) async fn close(&self) {
        let doors = self.doors.lock().await.take();
        if let Some(mut doors) = doors {
            doors.close().await;
        }
    }
}

fn refuse(reasons: &[String]) {
    for reason in reasons {
        tracing::error!("{reason}");
    }
    tracing::error!("the new configuration is not fit: the old one goes on");
}

/// `smtpserver reload`: checks the configuration, then tells the running server to read it.
pub(crate) fn run(args: DaemonArgs) -> Result<(), Stop> {
    let loaded = config_file::load(&args).map_err(config_file::LoadFault::tell)?;
    loaded.tell();
    let path = loaded.postoffice.join(&args.pid_file);
    let pid = running(&path).map_err(Stop::failed)?;
    kill(Pid::from_raw(pid), Number::SIGHUP)
        .map_err(|error| Stop::failed(format!("cannot signal process {pid}: {error}")))?;
    println!("told process {pid} to read its configuration again");
    Ok(())
}

/// The pid of the server that holds this pid file.
fn running(path: &Path) -> Result<i32, String> {
    let show = path.display();
    let mut file = File::open(path).map_err(|error| {
        if error.kind() == ErrorKind::NotFound {
            format!("no server is running: there is no pid file {show}")
        } else {
            format!("cannot read the pid file {show}: {error}")
        }
    })?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        Ok(()) => return Err(format!("no server is running: nobody holds the pid file {show}")),
        Err(TryLockError::Error(error)) => {
            return Err(format!("cannot look at the pid file {show}: {error}"));
        }
    }
    let mut text = String::new();
    let read = Read::by_ref(&mut file).take(PID_FILE_OCTETS_MAX).read_to_string(&mut text);
    // 1 and below are no daemons, and to signal them would mean something else.
    match (read, text.trim_ascii().parse::<i32>()) {
        (Ok(_), Ok(pid)) if pid > 1 => Ok(pid),
        _ => Err(format!("the pid file {show} holds no pid")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whoever_holds_the_pid_file_is_signalled() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("pid");
        assert!(running(&path).expect_err("missing").contains("there is no pid file"));
        std::fs::write(&path, "4711\n").expect("written");
        assert!(running(&path).expect_err("left behind").contains("nobody holds"));
        let holder = File::open(&path).expect("readable");
        holder.lock().expect("free");
        assert_eq!(running(&path), Ok(4711));
        for text in ["", "-1", "0", "1", "x"] {
            std::fs::write(&path, text).expect("written");
            assert!(running(&path).expect_err(text).contains("holds no pid"), "{text}");
        }
    }
}
