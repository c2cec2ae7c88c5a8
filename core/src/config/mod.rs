//! What an operator chooses: the settings of a server as one immutable value, and the table of parameters from
//! which they are set. Reads no file: text comes in, settings or complaints come out.

pub mod bind;
pub mod choices;
pub mod file;
pub mod glob;
pub mod host_access;
pub mod logs;
pub mod manners;
pub mod networks;
pub mod param;
pub mod pattern_line;
pub mod patterns;
pub mod report_auth;
pub mod worst;
pub mod zenv;

use crate::limits::{Limits, Timeouts};
use crate::policy::{Policy, Rules};
use crate::server::tarpit::TarpitRule;
use crate::wire::text::BareNewline;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bind::Service;
use choices::{Auth, Cluster, Helpers, ReceivedParts, Sockets, Sources, Spf, Tls, Verbs};
use core::net::IpAddr;
use host_access::HostAccess;
use manners::Manners;
use patterns::{PatternAction, PatternLine, Patterns, Styles};
use report_auth::ReportAuth;

/// Which extensions are offered in the reply to EHLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions {
    /// EHLO itself (RFC 1869).
    pub ehlo: bool,
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
    /// RFC 1985.
    pub etrn: bool,
}

impl Default for Extensions {
    fn default() -> Self {
        Extensions {
            ehlo: true,
            eightbitmime: true,
            pipelining: true,
            chunking: true,
            enhanced_status_codes: true,
            dsn: true,
            deliverby: Some(0),
            etrn: true,
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
    /// Who may receive, where there is no policy data base.
    pub policy: Policy,
    /// The rules of the policy data base, if there is one (`policydb`): read by the hands.
    pub rules: Option<Arc<Rules>>,
    /// The same for the service SUBMIT (`policydb-submit`); `rules` where there are none.
    pub submit_rules: Option<Arc<Rules>>,
    /// Our own addresses, as the hands know them: they are on no list, and mail to them is for us.
    pub own_addresses: Arc<BTreeSet<IpAddr>>,
    /// A refusal by the rules shows a token, under which the log tells what led to it (`explain-token`).
    pub explain_token: bool,
    /// Whether judgements tell what led to them (`server::Output::Reasoned`), for a person who tests a policy.
    pub reasons: bool,
    /// What becomes of bare newlines in messages.
    pub bare_newline: BareNewline,
    /// Lines added to the reply to HELP.
    pub help: Vec<String>,
    /// Whom the daemon becomes once its ports and files are open.
    pub run_as: Option<RunAs>,
    /// Whether sessions tell what they hear and say (`Event::Heard`, `Event::Said`).
    pub transcript: bool,
    /// Where the hands send logs and numbers.
    pub logs: logs::Logs,
    /// Which service this is: chosen by the socket that the client came to.
    pub service: Service,
    /// The lines of the greeting with their `%` letters, unresolved (`hdr220`); none: our own.
    pub greeting: Vec<String>,
    /// What is said last in many refusals (`contact-pointer-message`); empty: nothing.
    pub contact: String,
    /// Replies may have more than one line where EHLO does not need them (`no-multiline-replies`).
    pub multiline_replies: bool,
    /// Every NOTIFY counts as NOTIFY=NEVER (`force-rcpt-notify-never`).
    pub notify_never: bool,
    /// Source routes are kept, not stripped (`allowsourceroute`).
    pub source_routes: bool,
    /// One reply for each recipient (`lmtp-mode`).
    pub lmtp: bool,
    /// The style of a client whose name no pattern matches (`-s`).
    pub style: Styles,
    /// The pattern lines.
    pub patterns: Patterns,
    /// Verbs of a debugger.
    pub verbs: Verbs,
    /// Parts of our Received field.
    pub received: ReceivedParts,
    /// How sockets are made.
    pub sockets: Sockets,
    /// Logins.
    pub auth: Auth,
    /// TLS.
    pub tls: Tls,
    /// SPF.
    pub spf: Spf,
    /// Helper processes.
    pub helpers: Helpers,
    /// Where rules come from.
    pub sources: Sources,
    /// What hosts.allow and hosts.deny say, where they are asked (`use-tcp-wrapper`); the hands read them.
    pub host_access: Option<Arc<HostAccess>>,
    /// Who may use Z-REPORT (`report-auth-file`); the hands read it.
    pub report_auth: Option<Arc<ReportAuth>>,
    /// The other machines of a cluster.
    pub cluster: Cluster,
    /// What is expected of clients, beyond what the old manual knew.
    pub manners: Manners,
}

impl Settings {
    /// The rules by which sessions of this service are judged.
    pub fn policy_rules(&self) -> Arc<Rules> {
        let submit = self.submit_rules.as_ref().filter(|_| self.service == Service::Submit);
        submit.or(self.rules.as_ref()).cloned().unwrap_or_else(|| self.policy.rules())
    }

    /// Whether the router may be asked about clients (style `h`), who then want a name.
    pub(crate) fn routes_hello(&self) -> bool {
        let by_pattern =
            |line: &PatternLine| matches!(&line.action, PatternAction::Style(styles) if styles.route_helo);
        self.helpers.router && (self.style.route_helo || self.patterns.lines().iter().any(by_pattern))
    }

    /// Whether mail is taken only after a login, but for trusted networks: the service SUBMIT, or every one (`MSA-mode`).
    pub fn wants_login(&self) -> bool {
        (self.service == Service::Submit || self.auth.msa_mode) && self.manners.batch.is_none()
    }

    /// Whether Date and Message-ID are added to messages that lack them: where it is wanted, and mail is submitted.
    pub fn adds_fields(&self) -> bool {
        self.auth.adds_fields && self.wants_login()
    }

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
            rules: None,
            submit_rules: None,
            own_addresses: Arc::default(),
            explain_token: false,
            reasons: false,
            bare_newline: BareNewline::default(),
            help: Vec::new(),
            run_as: None,
            transcript: false,
            logs: logs::Logs::default(),
            service: Service::default(),
            greeting: Vec::new(),
            contact: String::new(),
            multiline_replies: true,
            notify_never: false,
            source_routes: false,
            lmtp: false,
            style: Styles::default(),
            patterns: Patterns::default(),
            verbs: Verbs::default(),
            received: ReceivedParts::default(),
            sockets: Sockets::default(),
            auth: Auth::default(),
            tls: Tls { client_depth: 1, ..Tls::default() },
            spf: Spf::default(),
            helpers: Helpers::default(),
            sources: Sources::default(),
            host_access: None,
            report_auth: None,
            cluster: Cluster::default(),
            manners: Manners::default(),
        }
    }
}
