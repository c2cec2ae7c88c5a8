//! What the two simulated lanes share: what they can do, and the settings of the worlds that scripts name. How a world
//! runs is each lane's own.

use crate::zone::Zone;
use smtpserver_conformance::lane::{Abilities, Clock, Refused, Trouble};
use smtpserver_conformance::script;
use smtpserver_core::Settings;
use smtpserver_core::config::choices::Users;
use smtpserver_core::config::param;
use smtpserver_core::config::report_auth::ReportAuth;
use smtpserver_core::policy::{Role, SourceFile, compile};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// The name of the server in every world.
const HOST: &str = "mx.local.example";
/// The address of the server in every world.
const OWN_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// Who may have reports in every world where somebody may: ann with the password pencil, and not bob.
const REPORTERS: &[u8] = b"ann:pencil:SMTPIP:\nbob:paper:QQ:\n";
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
    if settings.sources.report_auth_file.is_some() {
        settings.report_auth = ReportAuth::read("auth", REPORTERS).ok().map(Arc::new);
    }
    if !world.policy.is_empty() {
        let text = world.policy.join("\n") + "\n";
        let file = SourceFile { role: Role::Source, name: "policy", text: text.as_bytes() };
        let compiled = compile(&[file]).map_err(|faults| {
            let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
            Refused::Trouble(Trouble(lines.join("; ")))
        })?;
        settings.rules = Some(Arc::new(compiled.rules));
    }
    settings.own_addresses = Arc::new([OWN_ADDRESS].into());
    Ok(settings)
}

/// What the name servers of a world know.
pub(crate) fn zone(world: &script::World) -> Result<Zone, Refused> {
    Zone::read(world.zone.iter().map(String::as_str)).map_err(|fault| Refused::Trouble(Trouble(fault)))
}
