//! Questions to the domain name system, asked: one async function from a question to its answer. It follows aliases,
//! remembers answers for as long as their zones allow, and gives up in time. It never decides what an answer means.
//!
//! The wire is hickory's: query ids and ports at random, answers to other questions dropped, TCP after a truncated
//! answer. No search list and no hosts file: policy asks about the names of strangers, not about ours.

use crate::limits::{
    ANSWERS_REMEMBERED_MAX, ATTEMPT_TIME_MAX, NOTHING_REMEMBERED_MAX, QUESTION_TIME_MAX, QUESTIONS_ASKED_MAX,
    QUESTIONS_MAX,
};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name as WireName, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use smtpserver_core::dns::{Answer, Gathering, Kind, Name, Question, Trouble};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Who is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NameServers {
    /// Those that the system names in `/etc/resolv.conf`.
    #[default]
    System,
    /// These.
    At(Vec<SocketAddr>),
}

impl NameServers {
    /// These; those of the system when none is named.
    fn named(addresses: &[SocketAddr]) -> NameServers {
        if addresses.is_empty() { NameServers::System } else { NameServers::At(addresses.to_vec()) }
    }
}

/// How long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// One question in all.
    pub question: Duration,
    /// One attempt of it.
    pub attempt: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { question: QUESTION_TIME_MAX, attempt: ATTEMPT_TIME_MAX }
    }
}

/// Asks name servers. One for a process; it is used from many tasks at once.
pub struct Resolver {
    wire: TokioResolver,
    places: Semaphore,
    /// Questions on their way or waiting for a place.
    present: AtomicUsize,
    patience: Patience,
}

impl Resolver {
    /// Begins with these name servers, those of the system when none is named. The error is a line for the operator.
    pub(crate) fn of(addresses: &[SocketAddr]) -> Result<Resolver, String> {
        Resolver::new(&NameServers::named(addresses), Patience::default())
    }

    /// Begins; nothing is asked yet. The error is a line for the operator.
    pub fn new(servers: &NameServers, patience: Patience) -> Result<Resolver, String> {
        let (config, mut options) = match servers {
            NameServers::System => read_system_conf().map_err(|error| {
                format!("cannot read which name servers there are: {error}; name one with resolver ADDR:PORT")
            })?,
            NameServers::At(addresses) => {
                let servers = addresses.iter().copied().map(name_server).collect();
                (ResolverConfig::from_parts(None, Vec::new(), servers), ResolverOpts::default())
            }
        };
        if config.name_servers().is_empty() {
            return Err("there is no name server to ask; name one with resolver ADDR:PORT".to_owned());
        }
        options.timeout = patience.attempt;
        options.attempts = 2;
        options.use_hosts_file = ResolveHosts::Never;
        options.cache_size = ANSWERS_REMEMBERED_MAX;
        options.negative_max_ttl = Some(NOTHING_REMEMBERED_MAX);
        // Aliases stay in the answer, so that we can see that a record belongs to the name.
        options.preserve_intermediates = true;
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let wire = builder.build().map_err(|error| format!("cannot ask name servers: {error}"))?;
        Ok(Resolver {
            wire,
            places: Semaphore::new(QUESTIONS_ASKED_MAX),
            present: AtomicUsize::new(0),
            patience,
        })
    }

    /// The answer to a question, or what was in the way of it, within the time for one question.
    pub async fn ask(&self, question: &Question) -> Answer {
        let Some(_present) = Present::among(&self.present) else { return Answer::Trouble(Trouble::Busy) };
        let asked = async {
            // Nobody closes the semaphore.
            let _place = self.places.acquire().await;
            self.look_up(question).await
        };
        tokio::time::timeout(self.patience.question, asked).await.unwrap_or(Answer::Trouble(Trouble::Timeout))
    }

    async fn look_up(&self, question: &Question) -> Answer {
        // Every `Name` fits into the wire format: this cannot fail.
        let Some(name) = wire_name(&question.name) else { return Answer::Trouble(Trouble::Malformed) };
        match self.wire.lookup(name.clone(), record_type(question.kind)).await {
            Ok(lookup) => gather(name, question.kind, &lookup),
            Err(error) => meaning(&error),
        }
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("present", &self.present).finish_non_exhaustive()
    }
}

/// A question counts while this lives.
struct Present<'a>(&'a AtomicUsize);

impl<'a> Present<'a> {
    fn among(count: &'a AtomicUsize) -> Option<Present<'a>> {
        let present = Present(count);
        (count.fetch_add(1, Ordering::Relaxed) < QUESTIONS_MAX).then_some(present)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let at = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    NameServerConfig::new(address.ip(), true, vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())])
}

fn wire_name(name: &Name) -> Option<WireName> {
    let mut wire = WireName::from_labels(name.labels().map(str::as_bytes)).ok()?;
    // Fully qualified: no search list.
    wire.set_fqdn(true);
    Some(wire)
}

fn record_type(kind: Kind) -> RecordType {
    match kind {
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
        Kind::Mx => RecordType::MX,
        Kind::Txt => RecordType::TXT,
        Kind::Ptr => RecordType::PTR,
    }
}

/// Keeps the records of the name, and of the names that it is an alias of.
fn gather(name: WireName, kind: Kind, lookup: &Lookup) -> Answer {
    let mut names = vec![name];
    for record in lookup.answers() {
        if let RData::CNAME(target) = &record.data
            && names.contains(&record.name)
            && !names.contains(&target.0)
        {
            names.push(target.0.clone());
        }
    }
    let mut gathering = Gathering::new(kind);
    for record in lookup.answers().iter().filter(|record| names.contains(&record.name)) {
        if let RData::A(address) = &record.data {
            gathering.a(address.0);
        } else if let RData::AAAA(address) = &record.data {
            gathering.aaaa(address.0);
        } else if let RData::MX(mx) = &record.data {
            gathering.mx(mx.preference, mx.exchange.iter());
        } else if let RData::TXT(text) = &record.data {
            gathering.txt(text.txt_data.iter().map(|string| &**string));
        } else if let RData::PTR(name) = &record.data {
            gathering.ptr(name.0.iter());
        }
    }
    gathering.finish()
}

/// What an error means to whoever asked.
fn meaning(error: &NetError) -> Answer {
    let code = if let NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. })) = error {
        if *response_code == ResponseCode::NoError {
            return Answer::NoData;
        }
        if *response_code == ResponseCode::NXDomain {
            return Answer::NoName;
        }
        Some(*response_code)
    } else if let NetError::Dns(DnsError::ResponseCode(code)) = error {
        Some(*code)
    } else {
        None
    };
    Answer::Trouble(if code == Some(ResponseCode::ServFail) {
        Trouble::ServerFailure
    } else if code.is_some() {
        Trouble::Refused
    } else if matches!(error, NetError::Timeout) {
        Trouble::Timeout
    } else if matches!(error, NetError::Busy) {
        Trouble::Busy
    } else if matches!(error, NetError::Io(_) | NetError::NoConnections) {
        Trouble::Unreachable
    } else {
        Trouble::Malformed
    })
}
