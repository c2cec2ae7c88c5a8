//! What an operator chooses: the settings of a server as one immutable value, and the table of parameters from
//! which they are set. Reads no file: text comes in, settings or complaints come out.

pub mod param;

use crate::limits::{Limits, Timeouts};
use crate::policy::Policy;
use crate::server::tarpit::TarpitRule;
use crate::wire::text::BareNewline;
use alloc::string::String;
use alloc::vec::Vec;

/// Which extensions are offered in the reply to EHLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions {
    /// RFC 6152; its parameter is understood even when it is not announced (manual, `No8BITMIME`).
    pub eightbitmime: bool,
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 3030, with BINARYMIME.
    pub chunking: bool,
    /// RFC 2034.
    pub enhanced_status_codes: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 2852: `Some(n)` is offered, with n seconds as the least for mode R (0: any).
    pub deliverby: Option<u32>,
}

impl Default for Extensions {
    fn default() -> Self {
        Extensions {
            eightbitmime: true,
            pipelining: true,
            chunking: true,
            enhanced_status_codes: true,
            dsn: true,
            deliverby: Some(0),
        }
    }
}

/// Whom the daemon becomes when it was started as root (`PARAM user NAME[:GROUP]`). Names or numbers; whether they exist
/// is for the hands to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAs {
    /// The user.
    pub user: String,
    /// The group; the user's own when it is not named.
    pub group: Option<String>,
}

/// Everything that an operator chose, ready for use. Sessions keep the value they began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Our own name: a domain, or an address literal where there is none.
    pub host: String,
    /// Bounds.
    pub limits: Limits,
    /// Waits.
    pub timeouts: Timeouts,
    /// The tarpit; none by default.
    pub tarpit: TarpitRule,
    /// Extensions.
    pub extensions: Extensions,
    /// Who may receive.
    pub policy: Policy,
    /// What becomes of bare newlines in messages.
    pub bare_newline: BareNewline,
    /// Lines added to the reply to HELP.
    pub help: Vec<String>,
    /// Whom the daemon becomes once its ports and files are open.
    pub run_as: Option<RunAs>,
    /// Whether sessions tell what they hear and say (`Event::Heard`, `Event::Said`).
    pub transcript: bool,
}

impl Settings {
    /// The defaults of a server named `host`: safe, and no mail accepted but for its postmaster.
    pub fn new(host: impl Into<String>) -> Settings {
        let host = host.into();
        let mut policy = Policy::default();
        policy.own_names.insert(host.to_ascii_lowercase());
        Settings {
            host,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            tarpit: TarpitRule::default(),
            extensions: Extensions::default(),
            policy,
            bare_newline: BareNewline::default(),
            help: Vec::new(),
            run_as: None,
            transcript: false,
        }
    }
}
