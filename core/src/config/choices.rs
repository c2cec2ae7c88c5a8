//! What an operator chooses for the parts around the dialogue: sockets, logins, TLS, SPF, helpers, clusters. Plain
//! values, each in its one place. Nothing here acts on them or opens what they name.

use crate::auth::Mechanisms;
use crate::subserver::Address;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

/// Which verbs of a debugger are answered; none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verbs {
    /// `DEBUGcmd`.
    pub debug: bool,
    /// `EXPNcmd`.
    pub expn: bool,
    /// `VRFYcmd`.
    pub vrfy: bool,
}

/// What is told about the client in our own Received field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceivedParts {
    /// Our field is left out (`no-received-header`).
    pub none: bool,
    /// The answer of the client's ident service (`rcvd-ident`).
    pub ident: bool,
    /// The answer of whoson (`rcvd-whoson`).
    pub whoson: bool,
    /// The name of the authenticated user (`rcvd-auth-user`).
    pub auth_user: bool,
    /// The cipher (`rcvd-tls-mode`).
    pub tls_mode: bool,
    /// The client's certificate (`rcvd-tls-peer`).
    pub tls_peer: bool,
}

/// How the listening sockets of a group are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// Connections that the system holds until they are accepted (`ListenQueueSize`); the system has its own maximum.
    pub queue: u16,
    /// Octets of the receive buffer (`TcpRcvBufferSize`); 0 for the system's choice.
    pub receive_octets: u32,
    /// Octets of the send buffer (`TcpXmitBufferSize`); 0 for the system's choice.
    pub send_octets: u32,
    /// The port of the deprecated `BindAddress`, and of a group without binds (`BindPort`).
    pub old_port: Option<u16>,
    /// Old binds listen for SMTPS too (`listen-ssmtp`).
    pub old_smtps: bool,
}

impl Default for Sockets {
    fn default() -> Self {
        Sockets { queue: 20_000, receive_octets: 0, send_octets: 0, old_port: None, old_smtps: false }
    }
}

/// Who knows the users: the one place where passwords are checked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Users {
    /// A password file, an absolute path (`smtp-auth-file`).
    File(String),
    /// A program, an absolute path (`SMTP-auth-pipe`).
    Program {
        /// Where it is.
        path: String,
        /// It checks tokens of OAUTHBEARER, too (`smtp-auth-pipe-tokens`).
        tokens: bool,
    },
    /// PAM, service `smtpauth-login` (`smtp-auth-pam`).
    Pam,
    /// Dovecot, by its auth socket, an absolute path (`smtp-auth-dovecot`).
    Dovecot(String),
}

/// Logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// AUTH is offered (`smtp-auth`).
    pub offered: bool,
    /// Failed logins of one source, or of one account, in an hour, above which all fail (`auth-failrate`).
    pub failures_max: u32,
    /// AUTH is not offered by the service SMTP (`no-smtp-auth-on-25`).
    pub not_on_smtp: bool,
    /// AUTH is offered without TLS (`AUTH-LOGIN-also-without-TLS`).
    pub without_tls: bool,
    /// LOGIN is offered in the old form, `AUTH=LOGIN`, too (`no-auth-equals-login`).
    pub equals_login: bool,
    /// What AUTH LOGIN asks first.
    pub username_prompt: String,
    /// What AUTH LOGIN asks next.
    pub password_prompt: String,
    /// Mechanisms beyond LOGIN and PLAIN are offered (`smtp-auth-sasl`).
    pub sasl: bool,
    /// The mechanisms to offer (`sasl-mechanisms`), if they are named.
    pub mechanisms: Option<Mechanisms>,
    /// Who knows the users.
    pub users: Option<Users>,
    /// The user of this machine as whom passwords are checked (`smtp-auth-user`); none: as the server was started.
    pub run_as: Option<String>,
    /// A login is required but from trusted networks, on every service (`MSA-mode`).
    pub msa_mode: bool,
    /// Who has logged in sends as itself only (`sender-login-match`); in these domains, in lower case, the local part is
    /// the name of a user that has no domain.
    pub sender_match: Option<Vec<String>>,
    /// Date and Message-ID are added where a login is required (`add-missing-fields`).
    pub adds_fields: bool,
}

impl Auth {
    /// The mechanisms that the operator wants.
    pub fn wanted(&self) -> Mechanisms {
        match &self.mechanisms {
            Some(named) => named.clone(),
            None if self.sasl => Mechanisms::default(),
            None => Mechanisms::with_password(),
        }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Auth {
            offered: false,
            failures_max: 20,
            not_on_smtp: false,
            without_tls: false,
            equals_login: true,
            username_prompt: "Username:".into(),
            password_prompt: "Password:".into(),
            sasl: false,
            mechanisms: None,
            users: None,
            run_as: None,
            msa_mode: false,
            sender_match: None,
            adds_fields: false,
        }
    }
}

/// TLS. Files are absolute paths and are not opened here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// `use-tls`.
    pub offered: bool,
    /// The connection begins with the handshake: the service SMTPS, or `-t`.
    pub first: bool,
    /// `tls-cert-file`: one for each of our certificates.
    pub cert_files: Vec<String>,
    /// `tls-key-file`: one for each of our certificates, in the same order; none: the keys are with the certificates.
    pub key_files: Vec<String>,
    /// `tls-CAfile`.
    pub ca_file: Option<String>,
    /// `tls-CApath`.
    pub ca_path: Option<String>,
    /// The names of `tls-cipher-list`; none: all there are.
    pub ciphers: Vec<String>,
    /// How much is logged of handshakes, 0 to 4 (`tls-loglevel`).
    pub log_level: u8,
    /// How deep a client's chain of certificates may be (`tls-ccert-vd`).
    pub client_depth: u8,
    /// Clients are asked for a certificate (`tls-ask-cert`).
    pub ask_client: bool,
    /// Clients must have a certificate (`tls-require-cert`).
    pub require_client: bool,
    /// No mail without TLS (`tls-enforce-tls`).
    pub enforced: bool,
    /// Clients that begin with a handshake where a greeting is due are understood (`outlook-tls-bug`).
    pub outlook_bug: bool,
    /// Sessions are resumed (`tls-use-scache`).
    pub resumption: bool,
    /// The file of the secret under which sessions are sealed (`tls-scache-name`); none: a secret of this process.
    pub cache_name: Option<String>,
    /// Seconds for which a session may be resumed (`tls-scache-timeout`); 0 for our own choice.
    pub cache_seconds: u32,
}

/// Results of an SPF check, the worst first, in the manual's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpfLevel {
    /// 1.
    Fail,
    /// 2.
    SoftFail,
    /// 3.
    None,
    /// 4.
    Neutral,
    /// 5.
    Pass,
}

/// SPF.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spf {
    /// A Received-SPF field is written (`spf-received`).
    pub received: bool,
    /// The worst result that is accepted (`spf-threshold`).
    pub threshold: Option<SpfLevel>,
    /// Mechanisms before the final `all` (`spf-localpolicy`).
    pub local_policy: Option<String>,
    /// `spf-whitelist-use-default`.
    pub default_whitelist: bool,
}

/// What becomes of a message when the content filter is dead, silent or talks nonsense (`contentfilter-failure`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FilterFailure {
    /// It goes to the freezer, and the client is told nothing.
    #[default]
    Freeze,
    /// It is refused for now.
    Defer,
}

/// What becomes of a message that a milter has not seen to its end (`milter-failure`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MilterFailure {
    /// It is refused for now.
    #[default]
    Tempfail,
    /// It goes on without that milter.
    Accept,
}

/// Helper processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helpers {
    /// The interactive router may be asked (`enable-router`).
    pub router: bool,
    /// Interactive routers at a time, 1 to 20 (`enable-router-maxpar`).
    pub routers_max: u8,
    /// The content filter: a program or a socket, an absolute path (`contentfilter`).
    pub filter: Option<String>,
    /// Content filters at a time, 1 to 20 (`contentfilter-maxpar`).
    pub filters_max: u8,
    /// What the filter is asked and answers is logged (`debug-contentfilter`).
    pub filter_debug: bool,
    /// `contentfilter-failure`.
    pub filter_failure: FilterFailure,
    /// Who is asked about each recipient (`policy-service`).
    pub policy_service: Option<Address>,
    /// Who sees each message and may change it, in their order (`milter`).
    pub milters: Vec<Address>,
    /// `milter-failure`.
    pub milter_failure: MilterFailure,
    /// A Perl script with hooks, an absolute path (`perl-hook`).
    pub perl_hook: Option<String>,
}

impl Default for Helpers {
    fn default() -> Self {
        Helpers {
            router: false,
            routers_max: 2,
            filter: None,
            filters_max: 2,
            filter_debug: false,
            filter_failure: FilterFailure::Freeze,
            policy_service: None,
            milters: Vec::new(),
            milter_failure: MilterFailure::Tempfail,
            perl_hook: None,
        }
    }
}

/// A policy data base: its kind, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDb {
    /// DBTYPE, as it was written.
    pub kind: String,
    /// The path.
    pub path: String,
}

/// Where rules come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// `policydb`.
    pub policydb: Option<PolicyDb>,
    /// `policydb-submit`: for the service SUBMIT instead of `policydb`.
    pub policydb_submit: Option<PolicyDb>,
    /// Whom to ask for names (`resolver`); nobody named: those that the system names.
    pub resolvers: Vec<SocketAddr>,
    /// Who may use Z-REPORT (`report-auth-file`), an absolute path.
    pub report_auth_file: Option<String>,
    /// Where an operator on this machine is told what is counted (`stats-socket`).
    pub stats_socket: StatsSocket,
    /// Which files say who may connect (`use-tcp-wrapper`).
    pub tcp_wrapper: Option<WrapperFiles>,
}

/// Where an operator on this machine is told what is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StatsSocket {
    /// At a socket of the usual name in the POSTOFFICE.
    #[default]
    InPostoffice,
    /// At this one, an absolute path.
    At(String),
    /// Nowhere.
    Off,
}

/// The files of `use-tcp-wrapper`, absolute paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrapperFiles {
    /// Who may connect.
    pub allow: String,
    /// Who may not.
    pub deny: String,
}

impl Default for WrapperFiles {
    fn default() -> Self {
        WrapperFiles { allow: "/etc/hosts.allow".into(), deny: "/etc/hosts.deny".into() }
    }
}

/// A word that no log or debug text shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A peer with which rates are shared (`smtpserver-cluster`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RatePeer {
    /// Its name or address.
    pub node: String,
    /// Its port.
    pub port: u16,
    /// What both know.
    pub secret: Secret,
}

/// A node to which ETRN is passed on (`etrn-cluster`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtrnPeer {
    /// Its name or address.
    pub node: String,
    /// The user of its mailq service.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// The other machines of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// With which rates are shared.
    pub rates: Vec<RatePeer>,
    /// To which ETRN is passed on.
    pub etrn: Vec<EtrnPeer>,
}
