//! New settings for a running server: read and check everything, then swap it in; or change nothing and say why.

pub(crate) mod ask;

use crate::auth;
use crate::config_file::{Loaded, Source};
use crate::desk::Desk;
use crate::doors::{Changes, Doors};
use crate::journal::Work;
use crate::policy_watch::{self, Seen};
use crate::resolver::Resolver;
use crate::spool::Spool;
use crate::tls::Terms;
use crate::tls::shop::expiry;
use serde_json::{Value, json};
use smtpserver_core::config::choices::Helpers;
use std::os::fd::OwnedFd;
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
    /// One reload at a time, in the order in which they were asked for.
    turn: Mutex<()>,
    /// Which helpers there were at the start: others cannot be started any more.
    helpers: Helpers,
}

/// What came of a reload.
pub(crate) struct Outcome {
    /// The file that was read, if there is one.
    file: Option<String>,
    /// What holds now; `None` where all is as it was.
    holds: Option<String>,
    /// What the operator should know, or why it was refused: a line each.
    said: Vec<String>,
}

impl Outcome {
    /// For whoever asked for it: one line.
    pub(crate) fn json(&self) -> String {
        let Outcome { file, holds, said } = self;
        let kind = if holds.is_some() { "warnings" } else { "refused" };
        format!("{}\n", json!({ "reload": holds, "file": file, kind: said }))
    }

    /// Nothing has changed, for one reason.
    pub(crate) fn refused(why: &str) -> Outcome {
        Outcome { file: None, holds: None, said: vec![why.into()] }
    }

    /// The same, read again: what holds now or why nothing has changed, and the file. `None` where it is no such line.
    pub(super) fn read(line: &str) -> Option<Outcome> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let said = value.get("warnings").or(value.get("refused"))?.as_array()?;
        let said = said.iter().filter_map(|line| line.as_str().map(str::to_owned)).collect();
        Some(Outcome { file: text("file"), holds: text("reload"), said })
    }
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
        let helpers = desk.settings().helpers.clone();
        let (doors, turn) = (Mutex::new(Some(doors)), Mutex::new(()));
        Reloader { source: source.map(Arc::new), doors, desk: desk.clone(), offer, turn, helpers }
    }

    /// Whether clients are let in still.
    pub(crate) async fn is_open(&self) -> bool {
        self.doors.lock().await.is_some()
    }

    /// Reads the configuration and lets it hold from now on. Sessions under way keep what they began with. What is not
    /// fit changes nothing; all of it is said in the log.
    pub(crate) async fn reload(&self) -> Outcome {
        let _turn = self.turn.lock().await;
        let Some(source) = self.source.clone() else {
            return refuse(None, vec!["there is no configuration to read again".into()]);
        };
        let file = source.args.config.as_ref().map(|path| path.display().to_string());
        // The files are read, and the interfaces listed, where that holds up no session.
        let loaded = tokio::task::spawn_blocking(move || source.load()).await;
        let loaded = match loaded {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(fault)) => return refuse(file, fault.lines()),
            Err(error) => return refuse(file, vec![error.to_string()]),
        };
        let file = loaded.file.as_ref().map(|path| path.display().to_string());
        let mut said = loaded.short_notes();
        match self.take(loaded, &mut said).await {
            Ok(holds) => {
                for note in &said {
                    tracing::warn!("{note}");
                }
                tracing::info!("the new configuration holds: {holds}");
                Outcome { file, holds: Some(holds), said }
            }
            Err(fault) => refuse(file, vec![fault]),
        }
    }

    /// Lets a configuration hold that is fit. Gives what that changed, or why it cannot be; `said` gets what the operator
    /// should know.
    async fn take(&self, loaded: Loaded, said: &mut Vec<String>) -> Result<String, String> {
        let helpers = &loaded.configuration.global().helpers;
        said.extend(other_helpers(&self.helpers, helpers).map_err(|fault| loaded.blame_short(fault))?);
        let Loaded { configuration, wanted, .. } = loaded;
        let mut doors = self.doors.lock().await;
        let doors = doors.as_mut().ok_or("the server stops")?;
        let groups = configuration.groups.iter().map(|group| &group.settings);
        let logins = auth::ready(groups, self.desk.back_ends(), true)?;
        let Changes { opened, closed, kept } = doors.swap(wanted).await.map_err(|fault| fault.to_string())?;
        // Before the lock is given back: whoever closes the doors offers nothing after that.
        match doors.copies() {
            Ok(copies) => (self.offer)(copies),
            Err(error) => said.push(format!("a server that takes over gets the old sockets: {error}")),
        }
        let (old, new) = (self.desk.settings(), configuration.global());
        if (&old.run_as, &old.logs) != (&new.run_as, &new.logs) {
            said.push("user, metrics and syslog parameters are as they were until a new start".into());
        }
        match Resolver::of(&new.sources.resolvers) {
            Ok(resolver) => self.desk.asks(Arc::new(resolver)),
            Err(fault) => said.push(format!("the name servers are those of before: {fault}")),
        }
        self.desk.back_ends().set(logins);
        self.desk.reconfigure(Arc::new(new.clone()));
        certificates(&*self.desk, &doors.terms());
        let addresses: Vec<String> = doors.addresses().iter().map(ToString::to_string).collect();
        let addresses = addresses.join(" ");
        Ok(format!("{opened} opened, {closed} closed, {kept} kept; listening on {addresses}"))
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

fn refuse(file: Option<String>, said: Vec<String>) -> Outcome {
    for reason in &said {
        tracing::error!("{reason}");
    }
    tracing::error!("the new configuration is not fit: the old one goes on");
    Outcome { file, holds: None, said }
}

/// What is to be said of helpers that are others than at the start, as nothing but that can start them. An error names a
/// parameter that asks for one where there is none.
fn other_helpers(started: &Helpers, wanted: &Helpers) -> Result<Option<String>, &'static str> {
    if wanted.router && !started.router {
        return Err("enable-router");
    }
    match (&started.filter, &wanted.filter) {
        (None, Some(_)) => Err("contentfilter"),
        (Some(started), Some(wanted)) if started != wanted => {
            Ok(Some(format!("contentfilter: {started} is asked until a new start, and {wanted} only then")))
        }
        (_, _) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helpers_are_those_of_the_start() {
        let helpers = |router, filter: Option<&str>| Helpers {
            router,
            filter: filter.map(str::to_owned),
            ..Helpers::default()
        };
        let (none, some) = (helpers(false, None), helpers(true, Some("/a")));
        assert_eq!(other_helpers(&none, &helpers(true, None)), Err("enable-router"));
        assert_eq!(other_helpers(&none, &helpers(false, Some("/a"))), Err("contentfilter"));
        for wanted in [&none, &some] {
            assert_eq!(other_helpers(&some, wanted), Ok(None));
        }
        let said = other_helpers(&some, &helpers(true, Some("/b"))).expect("fit").expect("a warning");
        assert_eq!(said, "contentfilter: /a is asked until a new start, and /b only then");
    }

    #[test]
    fn an_outcome_is_understood_at_the_other_end() {
        for (holds, said) in [(Some("1 kept"), vec!["a\nb".to_owned()]), (None, Vec::new())] {
            let outcome = Outcome { file: Some("/f".into()), holds: holds.map(str::to_owned), said };
            let read = Outcome::read(&outcome.json()).expect("understood");
            assert_eq!((&read.file, &read.holds, &read.said), (&outcome.file, &outcome.holds, &outcome.said));
        }
        for line in ["", "{}", "{\"error\":\"ask for IP ADDRESS, USER NAME or DUMP\"}"] {
            assert!(Outcome::read(line).is_none(), "{line}");
        }
    }
}
