//! Compiled policies that are replaced while a server runs: whoever builds a new one need tell nobody. A file that is not
//! fit changes nothing. Only compiled files are looked at, as those are replaced as a whole; a text may be half written.

use crate::doors::Doors;
use crate::policy_db::PolicyDb;
use crate::spool::Spool;
use smtpserver_core::Settings;
use smtpserver_core::config::choices::PolicyDb as Named;
use smtpserver_core::policy::Rules;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// By what a file is known to be another one: its inode, its octets, and the time of its last change.
type Print = (u64, u64, i64, i64);

/// The files that were seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    prints: BTreeMap<PathBuf, Print>,
}

impl Seen {
    /// The files of these, each once, that are there and are others than when they were last seen.
    fn changed(&mut self, places: &[PathBuf]) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        for place in places {
            // One that is missing for a moment is no new one.
            let Some(print) = print(place) else { continue };
            let before = self.prints.insert(place.clone(), print);
            if before.is_some_and(|before| before != print) {
                changed.push(place.clone());
            }
        }
        changed
    }
}

fn print(path: &Path) -> Option<Print> {
    let stat = path.metadata().ok()?;
    Some((stat.ino(), stat.len(), stat.mtime(), stat.mtime_nsec()))
}

/// Where the compiled policy is that is named here, if one is.
fn compiled(named: Option<&Named>) -> Option<PathBuf> {
    match PolicyDb::new(&named?.kind, Path::new(&named?.path)) {
        Ok(PolicyDb::Compiled(path)) => Some(path),
        Ok(PolicyDb::Text(_)) | Err(_) => None,
    }
}

/// Looks at the compiled policies of all doors, and gives the sessions to come the rules of those that are new.
pub(crate) async fn look<S: Spool>(doors: &mut Doors<S>, seen: &mut Seen) {
    let mut places = Vec::new();
    for settings in doors.settings() {
        let sources = &settings.sources;
        places.extend(
            [&sources.policydb, &sources.policydb_submit]
                .into_iter()
                .flat_map(|named| compiled(named.as_ref())),
        );
    }
    for place in seen.changed(&places) {
        let db = PolicyDb::Compiled(place.clone());
        // A large one takes its time.
        let loaded = tokio::task::spawn_blocking(move || db.load()).await;
        match loaded.map_err(|error| error.to_string()).and_then(|loaded| loaded) {
            Ok(rules) => {
                doors.renew(|settings| renewed(settings, &place, &rules));
                tracing::info!("the new policy {} holds: {} entries", place.display(), rules.entries());
            }
            Err(fault) => {
                tracing::error!("{fault}");
                tracing::error!("the new policy is not fit: the old one goes on");
            }
        }
    }
}

/// The same settings with these rules, where they name that file.
fn renewed(settings: &Settings, place: &Path, rules: &Arc<Rules>) -> Option<Settings> {
    let is_it = |named: Option<&Named>| compiled(named).is_some_and(|path| path == place);
    let (first, second) =
        (is_it(settings.sources.policydb.as_ref()), is_it(settings.sources.policydb_submit.as_ref()));
    let mut settings = (first || second).then(|| settings.clone())?;
    if first {
        settings.rules = Some(rules.clone());
    }
    if second {
        settings.submit_rules = Some(rules.clone());
    }
    Some(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_new_once_and_one_that_is_away_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("p");
        let places = [path.clone()];
        let mut seen = Seen::default();
        assert!(seen.changed(&places).is_empty(), "not there");
        std::fs::write(&path, "one").expect("written");
        assert!(seen.changed(&places).is_empty(), "the first that was seen");
        std::fs::write(folder.path().join("new"), "other").expect("written");
        std::fs::rename(folder.path().join("new"), &path).expect("renamed");
        assert_eq!(seen.changed(&places), places);
        assert!(seen.changed(&places).is_empty());
        std::fs::remove_file(&path).expect("removed");
        assert!(seen.changed(&places).is_empty());
    }
}
