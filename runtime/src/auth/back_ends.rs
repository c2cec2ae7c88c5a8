//! The back ends of a process: which are needed, how they are started while there are the rights for it, and the doors by
//! which sessions come to them. A group of the configuration has its own, and groups that name the same share one.

use super::worker::WorkerArgs;
use super::{BackEnd, Door, Dovecot, Remote, Started, WorkerCommand};
use crate::limits::{CHECK_MAX, CHECKS_AT_ONCE};
use smtpserver_core::Settings;
use smtpserver_core::config::choices::{Auth, Users};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Who knows users, and as whom that is found out.
pub type Whom = (Users, Option<String>);

/// The back end that these choices ask for.
fn whom(auth: &Auth) -> Option<Whom> {
    let users = auth.users.clone().filter(|_| auth.offered)?;
    // Dovecot checks under its own name.
    let run_as = auth.run_as.clone().filter(|_| !matches!(users, Users::Dovecot(_)));
    Some((users, run_as))
}

/// A back end that is ready, and nobody has a door to it yet.
#[derive(Debug)]
pub enum Ready {
    /// Behind a helper process.
    Worker(Box<Started>, WorkerCommand),
    /// Behind Dovecot's socket.
    Dovecot(PathBuf),
}

impl Ready {
    /// Starts what is needed. The error is a line for the operator.
    fn start((users, run_as): &Whom) -> Result<Ready, String> {
        let mut args = WorkerArgs { user: run_as.clone(), ..WorkerArgs::default() };
        match users {
            Users::File(path) => args.passwords = Some(path.into()),
            Users::Program { path, tokens } => {
                args.program = Some(path.into());
                args.tokens = *tokens;
            }
            Users::Pam => args.pam = true,
            Users::Dovecot(path) => return Ok(Ready::Dovecot(path.into())),
        }
        let command = WorkerCommand::own(args).kept()?;
        command.start().map(|started| Ready::Worker(Box::new(started), command))
    }

    /// The door to it. Needs a tokio runtime around it.
    fn open(self) -> Arc<Door> {
        let back_end: Arc<dyn BackEnd> = match self {
            Ready::Worker(started, command) => Arc::new(Remote::new(*started, command)),
            Ready::Dovecot(path) => Arc::new(Dovecot::new(path, false)),
        };
        Arc::new(Door::new(back_end, CHECKS_AT_ONCE, CHECK_MAX))
    }
}

/// Starts the back ends that these settings need, each once, but for those that there are. A server that serves has no
/// rights left to start a helper process with, and says so: `serving`.
pub(crate) fn ready<'a>(
    settings: impl IntoIterator<Item = &'a Settings>,
    there: &BackEnds,
    serving: bool,
) -> Result<Vec<(Whom, Option<Ready>)>, String> {
    let mut wanted: Vec<(Whom, Option<Ready>)> = Vec::new();
    for whom in settings.into_iter().filter_map(|settings| whom(&settings.auth)) {
        if wanted.iter().any(|(known, _)| *known == whom) {
            continue;
        }
        let needs_rights = !matches!(whom.0, Users::Dovecot(_));
        let ready = if there.has(&whom) {
            None
        } else if serving && needs_rights {
            return Err("logins: other users than before are known to a new start only".into());
        } else {
            Some(Ready::start(&whom)?)
        };
        wanted.push((whom, ready));
    }
    Ok(wanted)
}

/// The doors to all back ends.
#[derive(Default)]
pub struct BackEnds {
    doors: Mutex<BTreeMap<Whom, Arc<Door>>>,
}

impl BackEnds {
    /// From now on there are these, and no others. Sessions keep the door with which they began.
    pub(crate) fn set(&self, wanted: Vec<(Whom, Option<Ready>)>) {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *doors);
        for (whom, ready) in wanted {
            let door = ready.map(Ready::open).or_else(|| before.remove(&whom));
            doors.extend(door.map(|door| (whom, door)));
        }
    }

    /// A door to somebody who knows the users of sessions with these settings.
    pub fn put(&self, settings: &Settings, back_end: Arc<dyn BackEnd>) {
        let Some(whom) = whom(&settings.auth) else { return };
        let door = Arc::new(Door::new(back_end, CHECKS_AT_ONCE, CHECK_MAX));
        self.doors.lock().unwrap_or_else(PoisonError::into_inner).insert(whom, door);
    }

    /// The door for sessions with these settings.
    pub(crate) fn door(&self, settings: &Settings) -> Option<Arc<Door>> {
        let whom = whom(&settings.auth)?;
        self.doors.lock().unwrap_or_else(PoisonError::into_inner).get(&whom).cloned()
    }

    fn has(&self, whom: &Whom) -> bool {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner).contains_key(whom)
    }
}
