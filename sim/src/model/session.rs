//! The session's twin: reads all that a client sent, from the first octet to the last, and says which replies it must
//! get, in order, and which messages must be kept.

use super::grammar::{self, Command, Fault, Sender, Who};
use smtpserver_core::Settings;
use smtpserver_core::wire::text::BareNewline;
use std::net::IpAddr;

/// The greatest length of a command line, with its CRLF.
const LINE_MAX: usize = 4_096;
/// The greatest length of what follows the fault in a broken line, with its CRLF.
const BROKEN_MAX: usize = 65_536;
/// Trace fields that a message may have.
const HOPS_MAX: usize = 100;

/// Everything that must happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// The replies, the greeting first.
    pub replies: Vec<Said>,
    /// The server ends the session behind the last of them, for what the client said.
    pub closed: bool,
    /// The messages that are kept.
    pub kept: Vec<Kept>,
}

/// A reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its code.
    pub code: u16,
    /// Whether it waits in the tarpit first.
    pub wait: Wait,
}

/// Whether a reply waits in the tarpit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It does not.
    No,
    /// It does.
    Yes,
    /// The code alone does not tell why it was said.
    Unknown,
}

/// A message that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The reverse-path without brackets.
    pub from: String,
    /// The recipients without brackets, in order.
    pub to: Vec<String>,
    /// As it is stored: line ends are LF, unless it is binary.
    pub body: Vec<u8>,
    /// `BODY=BINARYMIME` was said.
    pub binary: bool,
    /// Which of the replies accepts it.
    pub reply: usize,
}

/// What must happen to a client at `client` that sent this, when nothing goes wrong in the world.
pub fn predict(settings: &Settings, client: IpAddr, sent: &[u8]) -> Course {
    follow(settings, client, sent, &[], None)
}

/// What must happen, given the codes that were heard so far: where the world's trouble may make a 4yz, the course
/// goes on from what was heard; everywhere else it goes its own way, and the difference is a broken law. `ruled` are the
/// codes with which questions about policy are answered, in their order, where a policy says more than the settings.
pub fn follow(
    settings: &Settings,
    client: IpAddr,
    sent: &[u8],
    heard: &[u16],
    ruled: Option<&[Option<u16>]>,
) -> Course {
    let (course, state) = (Course::default(), State::Fresh);
    let mut model = Model { settings, client, heard, ruled, asked: 0, course, state, unknown: 0 };
    model.run(sent);
    model.course
}

enum State {
    /// Before HELO.
    Fresh,
    Ready,
    /// Policy is against the client: QUIT is all that is left to it.
    Unwelcome,
    /// A transaction is open.
    Mail(Mail),
    /// A chunk was refused; LAST or RSET is awaited.
    Refused,
}

struct Mail {
    sender: Sender,
    to: Vec<String>,
    /// The chunks so far, when there are any.
    chunks: Option<Vec<u8>>,
}

struct Model<'a> {
    settings: &'a Settings,
    client: IpAddr,
    heard: &'a [u16],
    ruled: Option<&'a [Option<u16>]>,
    /// Questions about policy so far.
    asked: usize,
    course: Course,
    state: State,
    unknown: u32,
}

impl Model<'_> {
    fn run(&mut self, sent: &[u8]) {
        let greeting = self.rule(220);
        match self.reply(greeting, Wait::No, &[450]) {
            220 => {}
            554 => self.state = State::Unwelcome,
            _ => self.course.closed = true,
        }
        let mut rest = sent;
        while !self.course.closed {
            // Within LINE_MAX octets a CRLF must come, and nothing that no line may hold before it.
            let window = &rest[..rest.len().min(LINE_MAX)];
            let mark = window.iter().position(|octet| matches!(octet, b'\r' | b'\n' | 0));
            let next = match mark {
                Some(at) if window[at..].starts_with(b"\r\n") => self.line(&window[..at], &rest[at + 2..]),
                Some(at) if window[at..] == *b"\r" && window.len() < LINE_MAX => None,
                Some(at) if window[at..] == *b"\r" => self.broken(rest, at),
                Some(at) => self.broken(rest, at + 1),
                None if window.len() < LINE_MAX => None,
                None => self.broken(rest, LINE_MAX),
            };
            match next {
                Some(behind) => rest = behind,
                None => return,
            }
        }
    }

    /// Says this, or what was heard in its place if that can be the world's fault; what was said is returned.
    fn reply(&mut self, code: u16, wait: Wait, troubles: &[u16]) -> u16 {
        let heard = self.heard.get(self.course.replies.len()).copied().unwrap_or(code);
        if heard == 421 && code != 421 {
            // Out of time, stopped, or broken: it may come at any moment, and is the last word.
            self.course.closed = true;
            self.course.replies.push(Said { code: heard, wait: Wait::No });
            return heard;
        }
        let said = if troubles.contains(&heard) { heard } else { code };
        let wait = if said == code { wait } else { Wait::Unknown };
        self.course.replies.push(Said { code: said, wait });
        said
    }

    /// What policy says to the next question; the settings say `own`.
    fn rule(&mut self, own: u16) -> u16 {
        let ruled = self.ruled.and_then(|ruled| ruled.get(self.asked).copied().flatten());
        self.asked += 1;
        ruled.unwrap_or(own)
    }

    fn end(&mut self, code: u16) {
        self.reply(code, Wait::No, &[]);
        self.course.closed = true;
    }

    /// A line that is none; `used` octets of it say so, and the rest goes up to the next CRLF.
    fn broken<'a>(&mut self, rest: &'a [u8], used: usize) -> Option<&'a [u8]> {
        if rest.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"BDAT")) {
            self.end(501);
            return None;
        }
        self.unknown(Wait::No);
        let behind = &rest[used..];
        let end = behind.windows(2).position(|two| two == b"\r\n").map(|at| at + 2);
        let thrown_away = end.unwrap_or(behind.len() - usize::from(behind.ends_with(b"\r")));
        if thrown_away > BROKEN_MAX && !self.course.closed {
            self.end(421);
        }
        end.map(|end| &behind[end..])
    }

    fn unknown(&mut self, wait: Wait) {
        self.unknown += 1;
        if self.unknown >= self.settings.limits.unknown_commands_max {
            self.end(421);
        } else {
            self.reply(500, wait, &[]);
        }
    }

    /// A line; what follows it and what it announces.
    fn line<'a>(&mut self, line: &[u8], rest: &'a [u8]) -> Option<&'a [u8]> {
        match grammar::understand(line, self.settings) {
            Err(Fault::Unknown) => self.unknown(Wait::Yes),
            Err(Fault::Code(code)) => {
                self.reply(code, Wait::Yes, &[]);
            }
            Err(Fault::Count) => self.end(501),
            Ok(Command::Bdat { octets, .. }) if matches!(self.state, State::Unwelcome) => {
                let (_, rest) = rest.split_at_checked(octets)?;
                self.out_of_order(Wait::Unknown);
                return Some(rest);
            }
            Ok(command) if matches!(self.state, State::Unwelcome) && command != Command::Quit => {
                self.out_of_order(Wait::Unknown);
            }
            Ok(Command::Hello) => {
                let code = self.rule(250);
                if self.reply(code, Wait::No, &[451]) == 250 {
                    self.state = State::Ready;
                }
            }
            Ok(Command::Polite(code)) => {
                self.reply(code, Wait::No, &[]);
            }
            Ok(Command::StartTls) => {
                // Where there is TLS in a world it is on from the beginning.
                let refused = if self.settings.tls.first { (503, Wait::No) } else { (502, Wait::Yes) };
                self.reply(refused.0, refused.1, &[]);
            }
            Ok(Command::NotOffered) => {
                self.reply(502, Wait::Yes, &[]);
            }
            Ok(Command::Rset) => {
                self.reply(250, Wait::No, &[]);
                if !matches!(self.state, State::Fresh) {
                    self.state = State::Ready;
                }
            }
            Ok(Command::Quit) => self.end(221),
            Ok(Command::Mail(sender)) => self.mail(sender),
            Ok(Command::Rcpt(who)) => self.rcpt(&who),
            Ok(Command::Data) => return self.data(rest),
            Ok(Command::Bdat { octets, last }) => {
                // Whatever the answer is, the octets are not commands.
                let (chunk, rest) = rest.split_at_checked(octets)?;
                self.bdat(chunk, last);
                return Some(rest);
            }
        }
        Some(rest)
    }

    fn mail(&mut self, sender: Sender) {
        let limit = self.settings.limits.message_octets_max;
        let soonest = i64::from(self.settings.extensions.deliverby.unwrap_or(0));
        match &self.state {
            State::Ready => {}
            State::Fresh | State::Unwelcome => return self.out_of_order(Wait::Yes),
            State::Mail(mail) if mail.chunks.is_none() => return self.out_of_order(Wait::Yes),
            State::Mail(_) | State::Refused => return self.out_of_order(Wait::No),
        }
        let limit = if limit == 0 { u64::MAX / 2 } else { limit };
        if sender.size > limit {
            self.reply(552, Wait::Yes, &[]);
        } else if sender.return_after.is_some_and(|seconds| seconds < soonest) {
            self.reply(555, Wait::Yes, &[]);
        } else {
            let code = self.rule(250);
            let wait = if code == 250 { Wait::No } else { Wait::Unknown };
            if self.reply(code, wait, &[452, 451]) == 250 {
                self.state = State::Mail(Mail { sender, to: Vec::new(), chunks: None });
            }
        }
    }

    fn rcpt(&mut self, who: &Who) {
        let admitted = self.admits(who);
        let limits = &self.settings.limits;
        let (all_max, error_max) = (limits.recipients_max, limits.error_recipients_max);
        let count = match &self.state {
            State::Mail(mail) if mail.chunks.is_none() => u32::try_from(mail.to.len()).expect("a count"),
            State::Fresh | State::Unwelcome | State::Ready => return self.out_of_order(Wait::Yes),
            State::Mail(_) | State::Refused => return self.out_of_order(Wait::No),
        };
        let null = matches!(&self.state, State::Mail(mail) if mail.sender.who == Who::Nobody);
        if count >= all_max {
            self.reply(452, Wait::Yes, &[]);
        } else if null && count >= error_max && count > 0 {
            self.reply(550, Wait::Yes, &[]);
        } else {
            let (code, wait) = match self.rule(if admitted { 250 } else { 550 }) {
                250 => (250, Wait::No),
                550 => (550, Wait::Yes),
                other => (other, Wait::Unknown),
            };
            if self.reply(code, wait, &[451]) == 250
                && let State::Mail(mail) = &mut self.state
            {
                mail.to.push(who.bare());
            }
        }
    }

    fn admits(&self, who: &Who) -> bool {
        let policy = &self.settings.policy;
        match who {
            Who::Nobody => false,
            Who::Postmaster => true,
            _ if policy.open_to_loopback && self.client.to_canonical().is_loopback() => true,
            Who::Mailbox { local, domain } => {
                let domain = domain.to_ascii_lowercase();
                (policy.local_domains.contains(&domain) && self.stays(local))
                    || (policy.own_names.contains(&domain) && local.eq_ignore_ascii_case("postmaster"))
            }
        }
    }

    /// Whether a local part at a domain of ours leads, by `%`, `!`, `@` or a route, to a domain of ours.
    fn stays(&self, local: &str) -> bool {
        let local = local.strip_prefix('"').map_or(local, |rest| &rest[..rest.len() - 1]);
        let onward = if let Some(route) = local.strip_prefix('@') {
            route.split_once([',', ':']).or(Some(("", "")))
        } else if let Some((rest, domain)) = local.rsplit_once('@') {
            Some((domain, rest))
        } else if let Some(bang) = local.split_once('!') {
            Some(bang)
        } else {
            local.rsplit_once('%').map(|(rest, domain)| (domain, rest))
        };
        let ours = |domain: &str| self.settings.policy.local_domains.contains(&domain.to_ascii_lowercase());
        onward.is_none_or(|(domain, rest)| !rest.is_empty() && ours(domain) && self.stays(rest))
    }

    fn out_of_order(&mut self, wait: Wait) {
        self.reply(503, wait, &[]);
    }

    fn data<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        match &self.state {
            State::Fresh | State::Unwelcome | State::Ready => self.out_of_order(Wait::Yes),
            State::Refused => self.out_of_order(Wait::No),
            State::Mail(mail) if mail.to.is_empty() || mail.chunks.is_some() || mail.sender.binary => {
                self.out_of_order(Wait::No);
            }
            State::Mail(_) => {
                if self.reply(354, Wait::No, &[]) != 354 {
                    return None;
                }
                let starts_line = |at: usize| at == 0 || rest[..at].ends_with(b"\r\n");
                let end = (0..rest.len()).find(|&at| rest[at..].starts_with(b".\r\n") && starts_line(at))?;
                let removed = |at: usize| rest[at] == b'.' && starts_line(at);
                let text: Vec<u8> = (0..end).filter(|&at| !removed(at)).map(|at| rest[at]).collect();
                self.message(&text);
                return Some(&rest[end + 3..]);
            }
        }
        Some(rest)
    }

    fn bdat(&mut self, chunk: &[u8], last: bool) {
        if !self.settings.extensions.chunking {
            self.reply(502, Wait::Yes, &[]);
            return;
        }
        let mail = match &mut self.state {
            State::Fresh | State::Unwelcome | State::Ready => return self.out_of_order(Wait::Yes),
            State::Mail(mail) if mail.to.is_empty() => return self.out_of_order(Wait::No),
            State::Refused => {
                self.out_of_order(Wait::No);
                if last {
                    self.state = State::Ready;
                }
                return;
            }
            State::Mail(mail) => mail,
        };
        let text = mail.chunks.get_or_insert_default();
        text.extend_from_slice(chunk);
        let (text, binary) = (text.clone(), mail.sender.binary);
        if last {
            return self.message(&text);
        }
        // A CR at the end of a chunk may be half of a CRLF.
        let so_far = if binary { &text[..] } else { text.strip_suffix(b"\r").unwrap_or(&text) };
        let code = match self.fault(so_far, text.len(), binary) {
            Some(code) => self.reply(code, Wait::No, &[]),
            None => self.reply(250, Wait::No, &[451, 452]),
        };
        if code != 250 {
            self.state = State::Refused;
        }
    }

    /// The message is complete.
    fn message(&mut self, text: &[u8]) {
        let State::Mail(mail) = std::mem::replace(&mut self.state, State::Ready) else {
            unreachable!("a message without a transaction")
        };
        let binary = mail.sender.binary;
        if let Some(code) = self.fault(text, text.len(), binary) {
            self.reply(code, Wait::No, &[]);
            return;
        }
        let reply = self.course.replies.len();
        if self.reply(250, Wait::No, &[451, 452]) == 250 {
            let body = if binary { text.to_vec() } else { stored(text) };
            self.course.kept.push(Kept { from: mail.sender.who.bare(), to: mail.to, body, binary, reply });
        }
    }

    /// Why a message of `octets` octets is refused, as far as it has come.
    fn fault(&self, text: &[u8], octets: usize, binary: bool) -> Option<u16> {
        let limit = self.settings.limits.message_octets_max;
        let normalize = self.settings.bare_newline == BareNewline::Normalize;
        if !binary && (text.contains(&0) || (!normalize && has_bare(text))) {
            Some(550)
        } else if limit != 0 && u64::try_from(octets).expect("a size") > limit {
            Some(552)
        } else if hops(text, binary) > HOPS_MAX {
            Some(554)
        } else {
            None
        }
    }
}

/// Whether there is a CR without LF or an LF without CR.
fn has_bare(text: &[u8]) -> bool {
    let count = |wanted: u8| text.iter().filter(|octet| **octet == wanted).count();
    let pairs = text.windows(2).filter(|two| *two == b"\r\n").count();
    count(b'\r') != pairs || count(b'\n') != pairs
}

/// Every line end, also a bare one, as LF.
fn stored(text: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(text.len());
    for (at, octet) in text.iter().enumerate() {
        match octet {
            b'\r' if text.get(at + 1) == Some(&b'\n') => {}
            b'\r' => stored.push(b'\n'),
            octet => stored.push(*octet),
        }
    }
    stored
}

/// How many lines of the header begin with `Received:`.
fn hops(text: &[u8], binary: bool) -> usize {
    let (text, end): (Vec<u8>, &[u8]) = if binary { (text.to_vec(), b"\r\n") } else { (stored(text), b"\n") };
    let mut hops = 0;
    let mut rest = &text[..];
    while !rest.starts_with(end) {
        hops += usize::from(rest.get(..9).is_some_and(|name| name.eq_ignore_ascii_case(b"Received:")));
        match rest.windows(end.len()).position(|window| window == end) {
            Some(at) => rest = &rest[at + end.len()..],
            None => break,
        }
    }
    hops
}
