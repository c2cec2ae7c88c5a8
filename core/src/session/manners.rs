//! What the operator's manners mean for this session: how its client must write, what it may leave out, what it is
//! offered, and what traces call it. Nothing is said or decided about a command here.

use super::Session;
use crate::config::manners::Batch;
use crate::mail::envelope::Hello;
use crate::spool::control::quoted;
use crate::tls::{Secured, TlsFacts};
use crate::wire::client_name::ClientName;
use crate::wire::command::{Offered, Strictness, Verb};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// `TLS_AES_256_GCM_SHA384 keybits 256 version TLSv1.3`, as the spool's readers know it.
fn mode(facts: &TlsFacts) -> String {
    format!("{} keybits {} version {}", facts.cipher, facts.bits, facts.version.name())
}

impl Session {
    /// What the client was offered, as the parser wants to know it.
    pub(super) fn offered(&self) -> Offered {
        let extensions = &self.settings.extensions;
        Offered {
            chunking: extensions.chunking,
            binarymime: extensions.chunking,
            dsn: extensions.dsn,
            deliverby: extensions.deliverby.is_some(),
            auth: self.settings.auth.offered,
            source_route_kept: self.settings.source_routes,
            strictness: self.strictness(),
            ..Offered::default()
        }
    }

    /// How the client must write; whoever is allowed to be sloppy need not be strict.
    pub(super) fn strictness(&self) -> Strictness {
        let usual = self.settings.style;
        if self.styles.sloppy || usual.sloppy {
            Strictness::Sloppy
        } else if self.styles.strict || usual.strict {
            Strictness::Strict
        } else {
            Strictness::Usual
        }
    }

    /// Whether a client that has said this much may go on without waiting for the reply.
    pub(super) fn may_send_ahead(&self, verb: Option<Verb>) -> bool {
        let manners = &self.settings.manners;
        if !manners.pipelining_checked || manners.batch.is_some() || verb == Some(Verb::Bdat) {
            // The octets behind BDAT belong to it.
            return true;
        }
        let offered =
            self.settings.extensions.pipelining && self.state.hello().is_some_and(Hello::is_extended);
        // RFC 2920 §3.1 names those after which a client waits.
        offered && verb.is_none_or(Verb::may_be_grouped)
    }

    /// How many replies the end of a message for so many recipients has.
    pub(super) fn times(&self, recipients: u32) -> u32 {
        // RFC 2033 §4.2: one for each accepted RCPT.
        if self.settings.lmtp { recipients } else { 1 }
    }

    /// The protocol, as traces name it.
    pub(super) fn protocol(&self, hello: &Hello) -> &'static str {
        if self.marked { "BSMTP" } else { hello.protocol(self.secured.is_some(), self.login.is_some()) }
    }

    /// What the operator wants to be told of TLS in the spool (`rcvd-tls-mode`, `rcvd-tls-peer`), with a blank before it.
    pub(super) fn told_of_tls(&self) -> String {
        let parts = self.settings.received;
        let mut told = String::new();
        let facts = self.secured.as_ref().map(Secured::facts);
        let mut tell = |wanted: bool, name: &str, value: Option<String>| {
            if wanted {
                let value = value.map_or_else(|| "<none>".into(), |value| quoted(&value));
                write!(told, " {name}: {value}").expect("writing to memory");
            }
        };
        tell(parts.tls_mode, "TLS-CIPHER", facts.map(mode));
        let client = self.secured.as_ref().and_then(Secured::client);
        tell(parts.tls_peer, "TLS-PEER-CN1", client.map(|client| client.subject.clone()));
        told
    }

    /// The same as a comment of our trace field; there is none where nothing is wanted, or there is no TLS.
    pub(super) fn comment_on_tls(&self) -> Option<String> {
        let secured = self.secured.as_ref()?;
        let parts = self.settings.received;
        let mode = parts.tls_mode.then(|| mode(secured.facts()));
        let client = secured.client().filter(|_| parts.tls_peer);
        let peer = client.map(|client| format!("client certificate {}", quoted(&client.subject)));
        let told: Vec<String> = mode.into_iter().chain(peer).collect();
        (!told.is_empty()).then(|| format!("({})", told.join(", ")))
    }

    /// Where messages come from, as traces say it.
    pub(super) fn origin(&self) -> String {
        self.batch().map_or_else(|| self.peer.literal(), Batch::origin)
    }

    /// Whether MAIL may come without a greeting.
    pub(super) fn needs_no_hello(&self) -> bool {
        self.batch().is_some() || self.styles.sloppy
    }

    /// What a client is called that did not say it.
    pub(super) fn own_hello(&self) -> Hello {
        let name = if self.batch().is_some() { String::from("localhost") } else { self.peer.literal() };
        let name = ClientName::parse(name.as_bytes()).expect("an address literal and localhost are names");
        Hello { verb: Verb::Helo, name }
    }
}
