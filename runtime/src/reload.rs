//! New settings for a running server: read and check everything, then swap it in; or change nothing and say why. And the
//! command that asks a running server for it.

use crate::Stop;
use crate::args::DaemonArgs;
use crate::auth;
use crate::config_file::{self, Loaded, Source};
use crate::desk::Desk;
use crate::doors::{Changes, Doors};
use crate::journal::Work;
use crate::limits::PID_FILE_OCTETS_MAX;
use crate::policy_watch::{self, Seen};
use crate::resolver::Resolver;
use crate::spool::Spool;
use crate::tls::Terms;
use crate::tls::shop::expiry;
use nix::sys::signal::{Signal as Number, kill};
use nix::unistd::Pid;
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Gives a running server new settings.
pub(crate) struct Reloader<S: Spool> {
    /// Where the settings come from, if they can be read again.
    source: Option<Arc<Source>>,
    /// `None` once the server stops: then nothing is opened any more.
    doors: Mutex<Option<Doors<S>>>,
    desk: Arc<Desk<S>>,
    offer: Offer,
}

/// Who is told of the sockets whenever there are others; gets copies.
pub(crate) type Offer = Box<dyn Fn(Vec<OwnedFd>) + Send + Sync>;

impl<S: Spool> Reloader<S> {
    /// One for these doors.
    pub(crate) fn new(
        source: Option<Source>,
        doors: Doors<S>,
        desk: &Arc<Desk<S>>,
        offer: Offer,
    ) -> Reloader<S> {
        let doors = Mutex::new(Some(doors));
        Reloader { source: source.map(Arc::new), doors, desk: desk.clone(), offer }
    }

    /// Whether clients are let in still.
    pub(crate) async fn is_open(&self) -> bool {
        self.doors.lock().await.is_some()
    }

    /// Reads the configuration and lets it hold from now on. Sessions under way keep what they began with. What is not
    /// fit changes nothing; all of it is said in the log.
    pub(crate) async fn reload(&self) {
        let Some(source) = self.source.clone() else {
            return tracing::info!("there is no configuration to read again");
        };
        // The files are read, and the interfaces listed, where that holds up no session.
        let loaded = tokio::task::spawn_blocking(move || source.load()).await;
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
        let groups = configuration.groups.iter().map(|group| &group.settings);
        let logins = match auth::ready(groups, self.desk.back_ends(), true) {
            Ok(logins) => logins,
            Err(fault) => return refuse(&[fault]),
        };
        match doors.swap(wanted).await {
            Ok(Changes { opened, closed, kept }) => {
                // Before the lock is given back: whoever closes the doors offers nothing after that.
                match doors.copies() {
                    Ok(copies) => (self.offer)(copies),
                    Err(error) => tracing::warn!("a server that takes over gets the old sockets: {error}"),
                }
                let (old, new) = (self.desk.settings(), configuration.global());
                if (&old.run_as, &old.logs) != (&new.run_as, &new.logs) {
                    tracing::warn!("user, metrics and syslog parameters are as they were until a new start");
                }
                match Resolver::of(&new.sources.resolvers) {
                    Ok(resolver) => self.desk.asks(Arc::new(resolver)),
                    Err(fault) => tracing::warn!("the name servers are those of before: {fault}"),
                }
                self.desk.back_ends().set(logins);
                self.desk.reconfigure(Arc::new(new.clone()));
                certificates(&*self.desk, &doors.terms());
                let addresses: Vec<String> = doors.addresses().iter().map(ToString::to_string).collect();
                tracing::info!(
                    "the new configuration holds: {opened} opened, {closed} closed, {kept} kept; listening on {}",
                    addresses.join(" ")
                );
            }
            Err(fault) => refuse(&[fault.to_string()]),
        }
    }

    /// Tells when our certificates end, and warns of those that soon do.
    pub(crate) async fn look_at_certificates(&self) {
        let terms = self.doors.lock().await.as_ref().map(Doors::terms).unwrap_or_default();
        certificates(&self.desk, &terms);
        let now = self.desk.now().wall.seconds();
        let mut warnings: Vec<String> = terms
            .iter()
            .flat_map(|terms| terms.certificates())
            .filter_map(|(file, _, ends)| expiry(file, *ends, now))
            .collect();
        warnings.dedup();
        for warning in warnings {
            tracing::warn!("{warning}");
        }
    }

    /// Lets new compiled policies hold from now on.
    pub(crate) async fn look_at_policies(&self, seen: &mut Seen) {
        if let Some(doors) = self.doors.lock().await.as_mut() {
            policy_watch::look(doors, seen).await;
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

/// Counts the time that is left of the certificate that ends first.
fn certificates<S: Spool>(desk: &Desk<S>, terms: &[Arc<Terms>]) {
    let ends = terms.iter().flat_map(|terms| terms.certificates()).map(|(_, _, ends)| *ends).min();
    desk.journal().count(Work::CertificateEnds(ends));
}

fn refuse(reasons: &[String]) {
    for reason in reasons {
        tracing::error!("{reason}");
    }
    tracing::error!("the new configuration is not fit: the old one goes on");
}

/// `smtpserver reload`: checks the configuration, then tells the running server to read it.
pub(crate) fn run(args: DaemonArgs) -> Result<(), Stop> {
    let loaded = config_file::load(&args, &[]).map_err(config_file::LoadFault::tell)?;
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
