//! Every bound of the hands on one screen, each with a word of why. The core has its own (`smtpserver_core::limits`),
//! and an operator's limits are parameters; these hold whatever the configuration says.

use smtpserver_core::limits::DRAFT_MEMORY_MAX;
use std::time::Duration;

// The client's end.

/// How long a client may leave our words untaken (as RFC 2821 §4.5.3.2 has it for a command: 5 minutes).
pub(crate) const UNTAKEN_MAX: Duration = Duration::from_secs(300);
/// How long the last words may need to leave: a client that takes none of them is not worth more.
pub(crate) const LAST_WORDS_MAX: Duration = Duration::from_secs(5);
/// How long, and how many octets, a client may go on sending after our end. To close at once would throw away
/// what it has not read yet, as octets that nobody reads turn the close into a reset.
pub(crate) const LINGER_MAX: Duration = Duration::from_secs(1);
/// See [`LINGER_MAX`].
pub(crate) const LINGER_OCTETS_MAX: usize = 65_536;

// Listening.

/// How long to wait after an accept that failed for want of something that may come back. It doubles each time up to
/// [`PAUSE_MAX`].
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(10);
/// See [`PAUSE_MIN`]: a second late is not too late for a client that is already waiting.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Connections of load balancers that may wait for their PROXY header: it comes at once or never.
pub(crate) const ARRIVALS_MAX: usize = 1_000;

// TLS.

/// Handshakes that are computed at the same moment: all processors but one, so that those who need none go on.
pub(crate) fn handshakes_at_once() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}
/// Octets that wait within TLS for a client to take them; more wait in clear text.
pub(crate) const TLS_UNSENT_MAX: usize = 16_384;
/// Octets of a file with certificates or keys: the bundle of all authorities of the world has a quarter of this.
pub(crate) const TLS_FILE_OCTETS_MAX: u64 = 1 << 20;
/// Seconds before the end of a certificate at which it is spoken of: 21 days.
pub(crate) const CERTIFICATE_WARNING: i64 = 21 * 86_400;
/// How often certificates are looked at again.
pub(crate) const CERTIFICATE_LOOK: Duration = Duration::from_secs(12 * 3600);

// The end.

/// How much later than the last deadline of a session the server itself goes: time to be woken.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(1);
/// How long the last writes to disk and log may take when the server ends.
pub(crate) const LAST_WRITES_MAX: Duration = Duration::from_secs(2);

// The change of guard: one server takes over from another.

/// How long a server may take to answer one that wants to take over: it has nothing to do for that but a few calls.
pub(crate) const TAKEOVER_ANSWER_MAX: Duration = Duration::from_secs(20);
/// How long a successor may take to make itself ready: it tries its spool and reads its configuration meanwhile.
pub(crate) const SUCCESSOR_READY_MAX: Duration = Duration::from_secs(60);
/// How long our own tasks may take to stop accepting. Shorter than [`TAKEOVER_ANSWER_MAX`], for which somebody waits.
pub(crate) const RELIEF_MAX: Duration = Duration::from_secs(10);
/// How long a successor waits for the lock of the pid file once it was told that it is free.
pub(crate) const LOCK_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long between two tries.
pub(crate) const LOCK_WAIT_STEP: Duration = Duration::from_millis(10);
/// How long a server that cannot hand over may take to end after it was told to: its sessions may go on for a while.
pub(crate) const PREDECESSOR_END_MAX: Duration = Duration::from_secs(60);
/// Sockets that are handed over at most; the kernel's own bound is 253.
pub(crate) const HANDED_OVER_MAX: usize = 250;
/// How long to wait after successors could not be listened to, for want of descriptors.
pub(crate) const ACCEPT_RETRY: Duration = Duration::from_secs(1);
/// Successors that may wait for a word; one at a time is heard.
pub(crate) const TAKEOVER_BACKLOG: i32 = 8;
/// Octets of the stack of the thread that waits for successors; the descriptors of a message lie on it.
pub(crate) const TAKEOVER_STACK_OCTETS: usize = 128 * 1024;

// The spool.

/// Threads for the disk. Where each file has a sync of its own a thread has one message in its hands until that is done,
/// so they are to be as many as there are messages at a time on a busy server; elsewhere a few do all the work.
pub(crate) const THREADS_MAX: usize = 64;
/// Octets of a spool thread's stack: the jobs need little more than a path.
pub(crate) const STACK_OCTETS: usize = 256 * 1024;
/// Jobs that wait for the disk. A session has at most one at a time, and those that only tidy up; beyond this the disk
/// is so far behind that a message is better refused.
pub(crate) const JOBS_MAX: usize = 16_384;
/// Octets of a draft kept in memory before they are written, so that small messages meet the disk once.
pub(crate) const PIECE: usize = DRAFT_MEMORY_MAX;
/// Names that are tried when one of a message is taken already, in `public` or in `router`: whoever has taken that
/// many has taken all.
pub(crate) const NAMES_MAX: u32 = 100;
/// The host's part of a temporary name, at most (as the spool's other writers have it).
pub(crate) const HOST_OCTETS_MAX: usize = 19;

// Logs.

/// Octets of log lines that may wait to be written; more are lost and counted.
pub(crate) const LINES_WAITING_MAX: usize = 4 << 20;
/// How long the writer of lines waits for company after the first line: one write for many lines, and one wake-up.
pub(crate) const COMPANY_WAIT: Duration = Duration::from_millis(20);
/// How long the writer waits before it tries again where lines were lost and no others come.
pub(crate) const LINES_RETRY: Duration = Duration::from_secs(5);
/// Octets of the stack of a thread that writes lines.
pub(crate) const LINES_STACK_OCTETS: usize = 128 * 1024;
/// The least time between two warnings that lines of a log were lost: a full disk would repeat them for every line.
pub(crate) const LOSS_WARNING_WAIT: Duration = Duration::from_secs(60);

/// Octets of a line for syslog; longer ones are cut. Receivers take at least 2048 (RFC 5424 §6.1), local ones take this.
pub(crate) const SYSLOG_OCTETS_MAX: usize = 8192;

// Metrics.

/// Threads that answer whoever reads the counters, one caller each at a time.
pub(crate) const SCRAPE_THREADS: usize = 4;
/// Octets of the stack of such a thread.
pub(crate) const SCRAPE_STACK_OCTETS: usize = 128 * 1024;
/// How long a caller may take for everything.
pub(crate) const SCRAPE_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long a caller that says nothing is borne while others wait: with the system's queue of 128 and our threads, nobody
/// waits longer than two seconds for such callers.
pub(crate) const SCRAPE_HURRY: Duration = Duration::from_millis(50);
/// Octets of the head of a caller's request.
pub(crate) const SCRAPE_HEAD_MAX: usize = 8192;

// The domain name system.

/// Questions that are on their way at the same moment; more wait for a place.
pub(crate) const QUESTIONS_ASKED_MAX: usize = 256;
/// Questions that are on their way or wait; whatever comes beyond is told to come again.
pub(crate) const QUESTIONS_MAX: usize = 4_096;
/// How long the answer to one question may take, all attempts and the wait for a place together. A session waits longer
/// for its verdict than for several of these in a row.
pub(crate) const QUESTION_TIME_MAX: Duration = Duration::from_secs(10);
/// How long one attempt may take before the next one.
pub(crate) const ATTEMPT_TIME_MAX: Duration = Duration::from_secs(3);
/// Answers that are remembered. They have some hundred octets each, rarely more.
pub(crate) const ANSWERS_REMEMBERED_MAX: u64 = 4_096;
/// How long a "there is none" is remembered, whatever the zone says: whoever repairs a zone shall not wait for a day.
pub(crate) const NOTHING_REMEMBERED_MAX: Duration = Duration::from_secs(900);

// Helpers.

/// How long the server is not called when it waits for nothing.
pub(crate) const ALARM_WAIT_MAX: Duration = Duration::from_secs(3_600);
/// Octets of a frame to or from the host of helpers: as many as are read of a helper at a time.
pub(crate) const HELPER_FRAME_OCTETS_MAX: usize = 65_536;
/// Octets that are read of a helper at a time.
pub(crate) const HELPER_READ_OCTETS: usize = 4_096;
/// Frames that may wait to be carried. A helper has few under way at a time, and there are twenty of each trade at most.
pub(crate) const HELPER_FRAMES_WAITING_MAX: usize = 1_024;
/// How long a helper may take to end by itself once its input is closed.
pub(crate) const HELPER_PARTING_MAX: Duration = Duration::from_secs(5);
/// How often the keeper of a helper process looks who has ended.
pub(crate) const KEEPER_LOOK: Duration = Duration::from_secs(60);
/// Rounds in which what a helper process has left behind is ended; each ends a generation.
pub(crate) const KEEPER_ROUNDS_MAX: usize = 20;
/// Octets of a line that a helper says to an operator; longer ones are several.
pub(crate) const COMPLAINT_OCTETS_MAX: usize = 1_000;
/// How often a helper's program is looked at, whether it is another one.
pub(crate) const PROGRAM_LOOK_WAIT: Duration = Duration::from_secs(10);

// Files that are read.

/// Octets that are looked at in a pid file: more than any pid has.
pub(crate) const PID_FILE_OCTETS_MAX: u64 = 64;
/// How often a pid file is opened again because it vanished while it was being locked.
pub(crate) const PID_FILE_OPENS_MAX: u32 = 10;
/// Longest envelope line that is read back at a time; the command lines that they come from are shorter.
pub(crate) const ENVELOPE_LINE_MAX: u64 = 65_536;
/// Octets of an envelope that are read back. The largest that can be configured sensibly has some megabytes.
pub(crate) const ENVELOPE_OCTETS_MAX: u64 = 64 << 20;
/// Octets of a recording that is replayed: many times what a session of the usual length takes.
pub(crate) const RECORDING_OCTETS_MAX: u64 = 1 << 30;
/// Octets of a configuration file, and of a ZENV file: 100,000 domains and much else fit.
pub(crate) const CONFIG_OCTETS_MAX: u64 = 16 << 20;

// Policies.

/// Octets of a policy's source or of a compiled policy: sixty of them for each of sixteen million entries.
pub(crate) const POLICY_SOURCE_OCTETS_MAX: u64 = 1 << 30;

/// Who asks for statistics at a time.
pub(crate) const STATS_CALLERS_MAX: usize = 4;
/// Octets of such a request.
pub(crate) const STATS_REQUEST_MAX: u64 = 1_024;
/// Sources that are looked at without letting a session's question in between.
pub(crate) const STATS_PAGE: usize = 500;
/// How long an answer may take, and how long it is waited for.
pub(crate) const STATS_WAIT_MAX: Duration = Duration::from_secs(60);
/// Octets of a line of a log in which an explanation is looked for: a chain of policy is shorter by far.
pub(crate) const EXPLAIN_LINE_MAX: u64 = 1 << 20;
/// Letters of a token of an explanation.
pub(crate) const EXPLAIN_TOKEN_MAX: usize = 32;
/// How often compiled policies are looked at for new ones.
pub(crate) const POLICY_LOOK: Duration = Duration::from_secs(2);

/// How often what rate windows know is written down: so much is forgiven when a process is killed.
pub(crate) const RATE_SAVE: Duration = Duration::from_secs(60);
/// Keys of rate windows that are written down or taken in while sessions wait.
pub(crate) const RATE_KEYS_AT_ONCE: usize = 1_000;
/// Octets of the file of rate windows: a million keys, most of whose counts are small.
pub(crate) const RATE_FILE_OCTETS_MAX: u64 = 512 << 20;

// Logins.

/// How long a back end may take for an answer, the wait for others included. Sessions wait longer
/// (`timeout-answer`, 60 s).
pub(crate) const CHECK_MAX: Duration = Duration::from_secs(40);
/// How long a program that checks passwords, or PAM, may take. Less than [`CHECK_MAX`], so that it is known who hung.
pub(crate) const PROGRAM_MAX: Duration = Duration::from_secs(30);
/// How long the helper process may need to be ready.
pub(crate) const WORKER_START_MAX: Duration = Duration::from_secs(20);
/// The least time between two starts of a helper process that died; it doubles up to [`WORKER_PAUSE_MAX`].
pub(crate) const WORKER_PAUSE_MIN: Duration = Duration::from_secs(1);
/// See [`WORKER_PAUSE_MIN`].
pub(crate) const WORKER_PAUSE_MAX: Duration = Duration::from_secs(60);
/// Questions that a back end gets at a time. A hash takes a core and some 20 MiB for a twentieth of a second.
pub(crate) const CHECKS_AT_ONCE: usize = 16;
/// Hashes that the helper process computes at a time: the others' mail needs cores, too.
pub(crate) const HASHES_AT_ONCE: usize = 2;
/// Octets of a frame to or from the helper process: a SCRAM transcript holds at most two long lines of a client.
pub(crate) const FRAME_OCTETS_MAX: usize = 40_960;
/// Octets of a password file.
pub(crate) const PASSWORD_FILE_OCTETS_MAX: u64 = 64 << 20;
/// Octets of a line of Dovecot's auth protocol, as Dovecot itself has it.
pub(crate) const DOVECOT_LINE_MAX: usize = 16_384;
/// The most that a hash in a password file may cost: each is a second or so.
pub(crate) const ARGON2_KIB_MAX: u32 = 262_144;
/// See [`ARGON2_KIB_MAX`].
pub(crate) const ARGON2_PASSES_MAX: u32 = 64;
/// See [`ARGON2_KIB_MAX`].
pub(crate) const ARGON2_LANES_MAX: u32 = 16;
/// See [`ARGON2_KIB_MAX`].
pub(crate) const SHA_ROUNDS_MAX: u32 = 5_000_000;
/// See [`ARGON2_KIB_MAX`].
pub(crate) const BCRYPT_COST_MAX: u32 = 15;
