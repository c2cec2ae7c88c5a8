//! Every bound on one screen. A queue, buffer or wait of the core that is not bounded here is a defect.
//!
//! Constants hold whatever the configuration says; `Limits` and `Timeouts` are what an operator may choose.

use crate::now::Duration;

/// Longest command line, CRLF included. RFC 2821 §4.5.3.1 asks for 512, DSN (RFC 3461 §5.4) and other
/// extensions add to it.
pub const COMMAND_LINE_MAX: usize = 4096;
/// Octets of a broken or overlong command line that are thrown away before the session is given up.
pub const DISCARD_MAX: usize = 65_536;
/// Octets that a session takes at a time while it waits for commands.
pub const COMMAND_READ_MAX: usize = 16_384;
/// Octets that a session takes at a time while it receives a message.
pub const BODY_READ_MAX: usize = 65_536;
/// Octets given to the spool and not yet reported back, above which a session stops reading.
pub const BODY_WINDOW: usize = 131_072;
/// Octets of a draft that the spool may keep in memory; of what is beyond, it must report `Room` in time.
pub const DRAFT_MEMORY_MAX: usize = 65_536;
/// Octets above which a message is too big even where the operator has set no limit: no file can have more.
pub const MESSAGE_OCTETS_EVER_MAX: u64 = i64::MAX.unsigned_abs();
/// Octets of replies held back for company, above which they leave.
pub const REPLY_GROUP_MAX: usize = 8_192;
/// Octets of replies that were written and are not known to have left, above which a session obeys no further
/// command: a client that sends and never reads costs no more than this.
pub const REPLY_WINDOW: usize = 16_384;
/// Longest reply text; longer ones are cut. RFC 2821 §4.5.3.1 allows a reply line of 512 octets.
pub const REPLY_TEXT_MAX: usize = 480;
/// Lines of one reply.
pub const REPLY_LINES_MAX: usize = 64;
/// `Received:` fields above which a message is taken to go in circles (RFC 2821 §6.2 asks for at least 100).
pub const HOPS_MAX: u32 = 100;
/// Octets that the name of a header field may have; a line that begins with more is taken to be none. The longest in the
/// registries has 40.
pub const FIELD_NAME_MAX: usize = 128;
/// Octets of a client's name or address that any reply or log repeats.
pub const ECHO_MAX: usize = 64;
/// The smallest recipient limit that can be configured (RFC 2821 §4.5.3.1).
pub const RECIPIENTS_MIN: u32 = 100;
/// Drafts of one publication; others wait for the next one, so that no report waits for an endless batch.
pub const BATCH_MAX: usize = 1_000;
/// Publications under way at the same moment. A second one lets drafts go on that became ready just after the first
/// began; more of them only make the batches smaller.
pub const PUBLICATIONS_MAX: usize = 2;
/// How old a measurement of free space may be before it is made anew, when somebody asks.
pub const SPACE_AGE_MAX: Duration = Duration::from_secs(1);
/// Recipients that a transaction remembers by name, and refusals, for logs.
pub const REMEMBERED_MAX: usize = 10;
/// Connections above the total limit that are still told why they are turned away.
pub const TURN_AWAY_MARGIN: u32 = 100;
/// Multiple of the per-source limit up to which a source is still told why it is turned away.
pub const TURN_AWAY_FACTOR: u32 = 4;
/// Octets of the head of a recording: 41 lines of help and all other parameters fit.
pub const RECORDED_HEADER_MAX: usize = 65_536;
/// Octets of one input in a recording: as many as a session takes at a time.
pub const RECORDED_HEARD_MAX: usize = BODY_READ_MAX;
/// Octets of one write in a recording: a full group of replies, and one more reply of many lines.
pub const RECORDED_SAID_MAX: usize = REPLY_GROUP_MAX + REPLY_LINES_MAX * (REPLY_TEXT_MAX + 16);
/// Octets of one text of a verdict in a recording: longer than any that the rules, a zone or a check makes.
pub const RECORDED_TEXT_MAX: usize = 8_192;
/// How long a load balancer may take for its PROXY header: it sends it at once.
pub const PROXY_WAIT_MAX: Duration = Duration::from_secs(5);
/// Octets of a line to or from a helper, LF included.
pub const HELPER_LINE_MAX: usize = 8_192;
/// Octets of what a helper is told in a paragraph, all LF included.
pub const HELPER_PARAGRAPH_MAX: usize = 16_384;
/// Lines of one answer of a helper.
pub const HELPER_LINES_MAX: usize = 64;
/// From the end of a message to its reply, whatever is waited for in between: a client waits ten minutes (RFC 2821
/// §4.5.3.2), and would send the message again.
pub const END_OF_DATA_MAX: Duration = Duration::from_secs(570);
/// How long the spool may take to show a message to the content filter, so that time is left for the filter and for the
/// commit.
pub const SHOW_MAX: Duration = Duration::from_secs(240);
/// How long a session waits for what the content filter says: longer than the queue and the filter have together
/// ([`FILTER_QUEUE_MAX`], [`FILTER_WORK_MAX`]).
pub const FILTERED_WAIT_MAX: Duration = Duration::from_secs(200);
/// How long a message may wait for a content filter that is free.
pub const FILTER_QUEUE_MAX: Duration = Duration::from_secs(60);
/// How long the content filter may work on one message (as the ancestor had it).
pub const FILTER_WORK_MAX: Duration = Duration::from_secs(120);
/// How long an address may wait for a router that is free. A session waits for that and the router's work
/// ([`ROUTER_WORK_MAX`]), and longer (`timeout-answer`, 60 s).
pub const ROUTER_QUEUE_MAX: Duration = Duration::from_secs(10);
/// How long the router may work on one address.
pub const ROUTER_WORK_MAX: Duration = Duration::from_secs(40);
/// How long a helper may need from its start to its first `#hungry` (as the ancestor had it).
pub const HELPER_START_MAX: Duration = Duration::from_secs(10);
/// How long a helper may be idle that is not the only one (as the ancestor had it).
pub const HELPER_IDLE_MAX: Duration = Duration::from_secs(600);
/// Jobs after which a helper is replaced, so that what it leaks has an end.
pub const HELPER_JOBS_MAX: u32 = 1_000;
/// The pause before a helper is started after a failure; it doubles up to [`HELPER_PAUSE_MAX`].
pub const HELPER_PAUSE_MIN: Duration = Duration::from_millis(500);
/// See [`HELPER_PAUSE_MIN`].
pub const HELPER_PAUSE_MAX: Duration = Duration::from_secs(30);
/// Failures in a row after which nobody waits for a helper that is not there.
pub const HELPER_FAILURES_MAX: u32 = 5;
/// Jobs that wait for a helper: more than there are sessions, each of which has one at most.
pub const HELPER_JOBS_WAITING_MAX: usize = 10_000;
/// How long a recipient may wait for a connection to a policy service that is free. A session waits for that and the
/// service's work ([`POLICY_SERVICE_WORK_MAX`]), and longer (`timeout-answer`, 60 s).
pub const POLICY_SERVICE_QUEUE_MAX: Duration = Duration::from_secs(10);
/// How long a policy service may work on one request.
pub const POLICY_SERVICE_WORK_MAX: Duration = Duration::from_secs(40);
/// How long a connection to a policy service may be idle.
pub const POLICY_SERVICE_IDLE_MAX: Duration = Duration::from_secs(60);
/// Connections to one policy service.
pub const POLICY_SERVICE_CONNECTIONS_MAX: usize = 20;
/// Requests after which a connection to a policy service is replaced.
pub const POLICY_SERVICE_REQUESTS_MAX: u32 = 1_000;
/// Octets of the fields that helpers and checks want at the head of one message.
pub const HEAD_FIELDS_OCTETS_MAX: usize = 8_192;
/// Connections to a content filter behind a socket, which has helpers of its own.
pub const FILTER_CONNECTIONS_MAX: usize = 50;
/// Lines of a reply in a helper's words: as many as the ancestor took, and one.
pub const WORDS_LINES_MAX: usize = 18;
/// Octets of a text of TLS in a recording: a cipher's name, a server's name, a certificate's subject.
pub const TLS_TEXT_MAX: usize = 256;
/// Names of a client's certificate that are kept.
pub const TLS_NAMES_MAX: usize = 16;
/// How long a client on another port than 25 may take to begin TLS where a greeting is due (manual, `outlook-tls-bug`).
pub const OUTLOOK_WAIT: Duration = Duration::from_secs(2);
/// Sources that are looked at for one dump in a reply, of which there is room for a few.
pub const DUMP_LOOKED_AT_MAX: usize = 1_000;
/// Sources that a rate window or failure window remembers.
pub const TRACKED_SOURCES_MAX: usize = 1_000_000;
/// Longest line of a configuration file in octets, also with its variables put in.
pub const CONFIG_LINE_MAX: usize = 4096;
/// Remarks about one configuration file; whoever sees that many begins with the first.
pub const CONFIG_REMARKS_MAX: usize = 200;
/// Groups of a configuration.
pub const CONFIG_GROUPS_MAX: usize = 100;
/// Places to listen of a configuration.
pub const CONFIG_BINDS_MAX: usize = 1_000;
/// Pattern lines of a configuration: each HELO is held against them one by one.
pub const CONFIG_PATTERNS_MAX: usize = 10_000;

// The domain name system, and what is made of its answers.

/// How long the answer to one question may take; what is not known by then is trouble.
pub const LOOK_UP_TIME_MAX: Duration = Duration::from_secs(10);
/// How long all that one verdict must look up may take together, whatever the session would wait: what is not known by
/// then is trouble. SPF wants at least 20 seconds (RFC 7208 §4.6.4).
pub const JUDGEMENT_TIME_MAX: Duration = Duration::from_secs(40);
/// Addresses that are kept of one answer.
pub const DNS_ADDRESSES_MAX: usize = 1_024;
/// Texts that are kept of one answer; their octets are bounded by the 64 KiB of the answer itself.
pub const DNS_TEXTS_MAX: usize = 1_024;
/// Names that are kept of one answer: each may be a pointer of a few octets to 253.
pub const DNS_NAMES_MAX: usize = 128;
/// Records of one answer that a log shows.
pub const DNS_RECORDS_SHOWN_MAX: usize = 8;
/// Octets of a text that a log shows.
pub const DNS_TEXT_SHOWN_MAX: usize = 200;
/// Names of an address that are looked up to confirm it, and hosts of a domain whose addresses are looked up.
pub const DNS_HOSTS_MAX: usize = 10;
/// Zones of one list of blocklists.
pub const BLOCKLIST_ZONES_MAX: usize = 16;
/// Octets of a blocklist's text that are repeated to a client.
pub const BLOCKLIST_TEXT_MAX: usize = 200;
/// Terms that may ask the domain name system in one check (RFC 7208 §4.6.4).
pub const SPF_LOOKUPS_MAX: u32 = 10;
/// Terms that may find nothing there (RFC 7208 §4.6.4).
pub const SPF_VOIDS_MAX: u32 = 2;
/// Octets of one SPF record; the standard advises to stay under 512, the longest in use have about 2,000.
pub const SPF_RECORD_MAX: usize = 8_192;
/// Octets of an explanation that a sender's domain gives; more is cut.
pub const SPF_EXPLANATION_MAX: usize = 300;
/// Octets of a term that are repeated in a log or header.
pub const SPF_TERM_MAX: usize = 100;
/// Lines of a policy with a key that is no label: what one process can hold, and what its numbers can count.
pub const POLICY_ENTRIES_MAX: usize = 16_000_000;
/// Files of a policy.
pub const POLICY_FILES_MAX: usize = 64;
/// Lines with the same key that say different things.
pub const POLICY_KEY_LINES_MAX: usize = 32;
/// Attributes and labels on one line of a policy.
pub const POLICY_LINE_PAIRS_MAX: usize = 64;
/// Labels followed from a key, one through the other (as in the manual's sample of a policy).
pub const POLICY_LABEL_DEPTH_MAX: usize = 5;
/// Attributes that one label leads to, through others, so that a look-up stays short.
pub const POLICY_ITEMS_MAX: usize = 1_000;
/// Octets of one value in a policy: a message, or names of zones.
pub const POLICY_TEXT_OCTETS_MAX: usize = 400;
/// Faults of a policy that are told; more tell nobody more.
pub const POLICY_FAULTS_MAX: usize = 100;
/// Rounds in which `%` and `!` of a recipient at one of our domains lead to another domain.
pub const POLICY_ROUTE_ROUNDS_MAX: usize = 19;
/// Octets of a line in an exchange of AUTH, without CRLF (RFC 4954 §4 holds 12288 to be enough for every mechanism).
pub const AUTH_LINE_MAX: usize = 12_288;
/// Octets of a user's name (RFC 4616 §2 wants 255 to be taken).
pub const USER_NAME_MAX: usize = 255;
/// Octets of a password: no hash takes noticeably longer for so few.
pub const PASSWORD_OCTETS_MAX: usize = 1_024;
/// Octets of a client's part of SCRAM's nonce; clients use two dozen. The challenge that repeats it is one reply line.
pub const SCRAM_NONCE_MAX: usize = 200;
/// Octets of the salt of SCRAM's keys; ours have sixteen.
pub const SCRAM_SALT_MAX: usize = 64;
/// The fewest iterations that SCRAM's keys may be made with (RFC 7677 §4).
pub const SCRAM_ITERATIONS_MIN: u32 = 4_096;
/// The most: a second or more of a client's time, and of ours when it logs in with the password itself.
pub const SCRAM_ITERATIONS_MAX: u32 = 5_000_000;

/// What an operator may bound. Defaults are the manual's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest message in octets; 0 for no limit (`maxsize`, `-M`).
    pub message_octets_max: u64,
    /// Kibibytes that must stay free on the spool's file system (`min-availspace`).
    pub free_kib_min: u64,
    /// Recipients of one message (`RcptLimitCount`), at least [`RECIPIENTS_MIN`].
    pub recipients_max: u32,
    /// Recipients of a message with the null reverse-path (`max-error-recipients`).
    pub error_recipients_max: u32,
    /// Unknown commands after which the session is closed (`max-unknown-commands`).
    pub unknown_commands_max: u32,
    /// Connections from one source (`MaxSameIpSource`).
    pub same_source_max: u32,
    /// Connections in all (`MaxParallelConnections`).
    pub connections_max: u32,
    /// TLS handshakes of one source within the hour, after which it is told to come later; 0 for no limit.
    pub handshakes_max: u32,
    /// Files that are synced at the same moment.
    pub parallel_syncs_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message_octets_max: 0,
            free_kib_min: 5000,
            recipients_max: 10_000,
            error_recipients_max: 3,
            unknown_commands_max: 10,
            same_source_max: 100,
            connections_max: 800,
            handshakes_max: 20_000,
            parallel_syncs_max: 64,
        }
    }
}

/// How long a session waits for what. Every wait has an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the next command, from the last octet of the one before (RFC 2821 §4.5.3.2: at least 5 minutes).
    pub command: Duration,
    /// For the next octets of a message (RFC 2821 §4.5.3.2: 3 minutes).
    pub data_block: Duration,
    /// For an answer to a question.
    pub answer: Duration,
    /// For the spool's report after the end of data. The client waits ten minutes (RFC 2821 §4.5.3.2).
    pub store: Duration,
    /// For a TLS handshake, from the reply to STARTTLS or from the connection.
    pub handshake: Duration,
    /// For a whole session, after which it ends wherever it is (a commit under way is still reported).
    pub session: Duration,
    /// For sessions still open after the order to stop.
    pub drain: Duration,
    /// Least average rate of a message's octets, a second, once `data_grace` is over; 0 for none.
    pub data_rate_min: u64,
    /// The time before the rate counts.
    pub data_grace: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            command: Duration::from_secs(300),
            data_block: Duration::from_secs(180),
            answer: Duration::from_secs(60),
            store: Duration::from_secs(540),
            handshake: Duration::from_secs(30),
            session: Duration::from_secs(4 * 3600),
            drain: Duration::from_secs(30),
            data_rate_min: 200,
            data_grace: Duration::from_secs(180),
        }
    }
}
/// Milters that see a message of one group.
pub const MILTERS_MAX: usize = 4;
/// Conversations with milters at a time, over all sessions.
pub const MILTER_TALKS_MAX: usize = 1_000;
/// How long a milter may take for one answer, but for the last one.
pub const MILTER_STEP_MAX: Duration = Duration::from_secs(30);
/// How long a milter may have one message. With all of [`MILTERS_MAX`] and the content filter behind them a client that
/// waits ten minutes (RFC 2821 §4.5.3.2) still hears what became of it.
pub const MILTER_MESSAGE_MAX: Duration = Duration::from_secs(80);
/// How long a session waits for what a milter says: longer than the milter has.
pub const MILTER_WAIT_MAX: Duration = Duration::from_secs(85);
/// Octets of a packet of a milter, without its length: a field may have 65,535.
pub const MILTER_PACKET_MAX: usize = 131_072;
/// Octets that are read of a message's file at a time: as a chunk of the body, with CRLF for LF, they stay below 65,535.
pub const MILTER_PIECE: usize = 32_767;
/// Octets of one field of a header that a milter is shown.
pub const MILTER_FIELD_MAX: usize = 65_000;
/// Octets of a header that may be changed.
pub const HEADER_OCTETS_MAX: usize = 262_144;
/// Changes that a milter may make to one message.
pub const MILTER_CHANGES_MAX: usize = 1_000;
/// Octets of all of them.
pub const MILTER_CHANGES_OCTETS_MAX: usize = 262_144;
