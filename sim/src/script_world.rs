//! What the two simulated lanes share: what they can do, and the settings of the worlds that scripts name. How a world
//! runs is each lane's own.

use smtpserver_conformance::lane::{Abilities, Clock, Refused, Trouble};
use smtpserver_conformance::script;
use smtpserver_core::Settings;
use smtpserver_core::config::choices::Users;
use smtpserver_core::config::param;

/// The name of the server in every world.
const HOST: &str = "mx.local.example";
/// The domain whose mailboxes are admitted in the world `plain`.
const LOCAL_DOMAIN: &str = "localnames local.example";

/// Everything but helpers, with exact time; TLS where the lane says so.
pub(crate) fn abilities() -> Abilities {
    Abilities {
        clock: Clock::Exact,
        writes: true,
        texts: true,
        spool: true,
        events: true,
        tls: false,
        helpers: Vec::new(),
    }
}

/// The settings of a world; refused when there is no such world, or a line is none of a configuration's.
pub(crate) fn settings(world: &script::World) -> Result<Settings, Refused> {
    if world.base != "plain" {
        return Err(Refused::NotHere(format!("no world named {}", world.base)));
    }
    let mut settings = Settings::new(HOST);
    for line in std::iter::once(LOCAL_DOMAIN).chain(world.settings.iter().map(String::as_str)) {
        param::apply(&mut settings, line)
            .map_err(|fault| Refused::Trouble(Trouble(format!("{line}: {fault}"))))?;
    }
    // Everybody knows the same users, and nobody opens a file.
    settings.auth.users = settings.auth.offered.then(|| Users::File("/users".into()));
    Ok(settings)
}
