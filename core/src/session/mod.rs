//! The one: a session with one client from 220 to close. Bytes, time, answers and reports come in by `handle`;
//! replies, questions, orders and events come out of `poll`. It never waits, never fails, and owns every deadline.

mod asking;
mod backlog;
mod batch;
mod body;
mod chunks;
mod fates;
mod filtering;
mod greet;
mod leaving;
mod login;
mod manners;
mod milting;
mod pace;
mod saying;
mod state;
mod timers;
mod transcript;
mod verbs;

use crate::auth::LoggedIn;
use crate::config::Settings;
use crate::config::patterns::Styles;
use crate::event::{Event, NamedRefusal, SessionRecord};
use crate::input::Input;
use crate::limits::{
    BODY_READ_MAX, BODY_WINDOW, COMMAND_LINE_MAX, COMMAND_READ_MAX, DISCARD_MAX, REPLY_GROUP_MAX,
    REPLY_WINDOW,
};
use crate::now::{Duration, Instant, Now};
use crate::output::{Output, Reason};
use crate::peer::{Peer, SessionId, TransactionId};
use crate::policy::{Conditions, Question};
use crate::refusal::Refusal;
use crate::server::tarpit::Tarpit;
use crate::spool::{Order, Report};
use crate::tls::Secured;
use crate::wire::command::{self, SyntaxFault, Verb};
use crate::wire::line::{self, Found};
use crate::wire::text::BareNewline;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use backlog::Backlog;
pub(crate) use fates::Fate;
use fates::Fates;
use state::{Resume, State};

/// A session with one client.
#[derive(Debug)]
pub struct Session {
    settings: Arc<Settings>,
    id: SessionId,
    /// The client: at the other end of the connection, or behind a proxy that told of it.
    peer: Arc<Peer>,
    /// How the client is taken.
    styles: Styles,
    /// On what conditions it is welcome.
    conditions: Conditions,
    /// The messages come over a BSMTP channel.
    marked: bool,
    /// Lines of a batch that were used.
    lines: batch::BatchLines,
    /// Who has logged in.
    login: Option<LoggedIn>,
    /// A line came that was meant to be AUTH: what is no command after that may be a password. Only where a transcript is
    /// kept.
    login_tried: bool,
    state: State,
    backlog: Backlog,
    /// Replies that wait for company (RFC 2920 §3.2).
    outbox: Vec<u8>,
    outputs: VecDeque<Output>,
    close: Option<Reason>,
    tarpit: Tarpit,
    /// Octets given to the spool and not yet reported back.
    debt: usize,
    /// Octets of the present draft.
    drafted: u64,
    /// Since when they are too many.
    blocked_since: Instant,
    /// Octets of replies that were written and are not known to have left.
    unsent: usize,
    next_ticket: u64,
    began: Instant,
    /// When the input was that is being handled.
    at: Instant,
    /// Since when the session waits for whatever its state waits for.
    since: Instant,
    client_gone: bool,
    stop_by: Option<Instant>,
    unknown: u32,
    record: SessionRecord,
    /// What was refused since MAIL was accepted, the first ones.
    verdicts: Vec<NamedRefusal>,
    /// What is said now is said within TLS.
    secured: Option<Secured>,
    /// The client is one that a proxy named.
    proxied: bool,
    /// Only while somebody records the session.
    fates: Option<Box<Fates>>,
}

/// Whether work can go on with the octets at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Again,
    Wait,
}

impl Session {
    /// A session with a client whose connection was just welcomed. Bring [`Input::Opened`] next.
    pub fn new(settings: Arc<Settings>, id: SessionId, peer: Arc<Peer>) -> Session {
        Session {
            tarpit: Tarpit::new(settings.tarpit),
            styles: settings.style,
            conditions: Conditions::default(),
            marked: settings.manners.batch.is_some_and(|batch| batch.marked),
            lines: batch::BatchLines::default(),
            settings,
            id,
            peer,
            login: None,
            login_tried: false,
            state: State::Greeting,
            backlog: Backlog::default(),
            outbox: Vec::new(),
            outputs: VecDeque::new(),
            close: None,
            debt: 0,
            drafted: 0,
            blocked_since: Instant::ZERO,
            unsent: 0,
            next_ticket: 0,
            began: Instant::ZERO,
            at: Instant::ZERO,
            since: Instant::ZERO,
            client_gone: false,
            stop_by: None,
            unknown: 0,
            record: SessionRecord {
                reason: Reason::PeerClosed,
                commands: 0,
                transactions: 0,
                stored: 0,
                refused: 0,
                last_refusal: None,
                heard: 0,
                said: 0,
                tarpitted: Duration::ZERO,
                lasted: Duration::ZERO,
            },
            verdicts: Vec::new(),
            secured: None,
            proxied: false,
            fates: None,
        }
    }

    /// Takes one input. Never fails, never waits. Drain [`Session::poll`] afterwards.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        self.at = now.instant;
        if !matches!(self.state, State::Closing) {
            match input {
                Input::Opened => self.open(now),
                Input::Bytes(octets) => self.hear(now, octets),
                Input::Tick => self.tick(now),
                Input::Answered(ticket, answer) => self.answered(now, ticket, answer),
                Input::Advised(ticket, advice) => self.advised(now, ticket, advice),
                Input::Reported(report) => self.reported(now, report),
                Input::Secured(facts) => self.secured(now, facts),
                Input::Unsecured(fault) => self.unsecured(now, fault),
                Input::Sent => self.unsent = 0,
                Input::PeerClosed => self.client_gone = true,
                Input::ShuttingDown => {
                    self.stop_by.get_or_insert(now.instant + self.settings.timeouts.drain);
                }
            }
            self.work_on_backlog(now);
            self.leave_if_over(now);
            // A client that always has something to say must not keep the deadline from being looked at.
            self.tick(now);
        }
        self.invariants();
    }

    /// The next thing to do. Call until `None` after every input; an answer that is at hand at once may be
    /// brought by `handle` before the next call, and then replies keep each other company.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        //= rfc2920#3.2/7
        // Nothing more can be done with the octets at hand: whatever waits in the outbox leaves now, as one send.
        self.send();
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        self.close.take().map(Output::Close)
    }

    /// How many octets the session would take now; 0 means: do not read.
    pub fn wants_bytes(&self) -> usize {
        if matches!(self.state, State::Closing | State::Securing { .. })
            || self.client_gone
            || self.is_blocked()
            || self.awaits_sent()
        {
            0
        } else if self.state.is_in_data() {
            BODY_READ_MAX
        } else {
            // Also while it asks, stores or waits in the tarpit: only so is a client that leaves noticed.
            COMMAND_READ_MAX.saturating_sub(self.backlog.len())
        }
    }

    /// Whether the session waits for [`Input::Sent`] before it goes on.
    pub fn awaits_sent(&self) -> bool {
        self.unsent > REPLY_WINDOW && !matches!(self.state, State::Closing)
    }

    /// The session's id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// The settings that it began with.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// Octets of memory that it holds, and those that it gave to its hands and that are not off its account: what
    /// [`crate::config::worst`] bounds.
    pub fn octets_held(&self) -> usize {
        size_of::<Session>() + self.backlog.capacity() + self.outbox.capacity() + self.debt + self.unsent
    }

    fn open(&mut self, now: Now) {
        self.began = now.instant;
        if !self.open_secured(now) {
            self.open_plain(now);
        }
    }

    /// Nothing is between us and the client any more: whether it may speak to us at all?
    fn open_plain(&mut self, now: Now) {
        self.ask(now, Question::Connect, Resume::Greet { hello: None, again: false });
    }

    fn hear(&mut self, now: Now, octets: &[u8]) {
        self.record.heard = self.record.heard.saturating_add(length(octets));
        if self.backlog.is_empty() {
            let mut rest = octets;
            self.work(now, &mut rest);
            self.backlog.push(rest);
        } else {
            self.backlog.push(octets);
        }
    }

    fn work_on_backlog(&mut self, now: Now) {
        let (octets, start) = self.backlog.take();
        let mut rest = &octets[start..];
        self.work(now, &mut rest);
        let used = octets.len() - rest.len();
        self.backlog.put_back(octets, used);
    }

    /// Uses octets as far as the state allows.
    fn work(&mut self, now: Now, rest: &mut &[u8]) {
        while self.step(now, rest) == Flow::Again {
            if self.outbox.len() > REPLY_GROUP_MAX {
                self.send();
            }
        }
    }

    fn step_unwatched(&mut self, now: Now, rest: &mut &[u8]) -> Flow {
        if self.is_blocked() || self.awaits_sent() || (self.stop_by.is_some() && self.state.may_be_stopped())
        {
            return Flow::Wait;
        }
        match &mut self.state {
            // Most steps come to nothing, as all there was is used: they shall cost nothing, either.
            State::Receiving(_) | State::Unwanted(_) if rest.is_empty() => Flow::Wait,
            State::InChunk(_, chunk) if rest.is_empty() && chunk.octets > 0 => Flow::Wait,
            State::Unwelcome
            | State::Ready(_)
            | State::Opened(_)
            | State::Addressed(_)
            | State::Chunking(_)
            | State::ChunksRefused(..) => self.take_line(now, rest),
            State::Login(_) => self.take_login_line(now, rest),
            State::Skipping { .. } => self.skip(now, rest),
            State::Receiving(_) => self.take_text(now, rest),
            State::InChunk(..) => self.take_chunk(now, rest),
            State::Swallowing(_) => self.swallow(now, rest),
            State::Unwanted(_) => self.skip_text(now, rest),
            State::Hush { .. } => {
                if !rest.is_empty() {
                    self.early_talk(now);
                }
                Flow::Wait
            }
            State::Early { .. } => self.hear_early(now, rest),
            State::Turning(_) => self.turn(now, rest),
            State::Securing { .. }
            | State::Greeting
            | State::Asking { .. }
            | State::Showing(_)
            | State::Storing(_)
            | State::Paused { .. }
            | State::Closing
            | State::Moving => Flow::Wait,
        }
    }

    fn take_line(&mut self, now: Now, rest: &mut &[u8]) -> Flow {
        let octets = *rest;
        match line::find(octets, COMMAND_LINE_MAX) {
            Found::Incomplete => return Flow::Wait,
            Found::Line { text, used } => {
                self.took(&octets[..used]);
                *rest = &octets[used..];
                self.record.commands = self.record.commands.saturating_add(1);
                self.heard_command(text);
                self.event(Event::Command(command::verb(text)));
                self.echo(text);
                self.since = now.instant;
                if octets.len() > used && !self.may_send_ahead(command::verb(text)) {
                    self.dismiss(now, Refusal::SentAhead, Reason::Misbehaved);
                    return Flow::Wait;
                }
                match command::parse(text, &self.offered()) {
                    Ok(command) => self.obey(now, command),
                    Err(fault) => self.misspelt(now, command::verb(text), fault),
                }
            }
            Found::Broken { fault, used } => {
                // Said at once, not at the end of the line: whoever types LF for CRLF would wait for ever.
                self.took(&octets[..used]);
                *rest = &octets[used..];
                self.record.commands = self.record.commands.saturating_add(1);
                self.heard_line(&octets[..used]);
                self.event(Event::Command(None));
                self.since = now.instant;
                if octets.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"BDAT")) {
                    // A chunk may follow, and nobody can say how long it is.
                    self.dismiss(now, Refusal::Syntax(SyntaxFault::ChunkSize), Reason::Misbehaved);
                    return Flow::Wait;
                }
                let then = State::Skipping { dropped: 0, then: Box::new(self.leave_state()) };
                self.refuse_unknown(now, None, Refusal::Line(fault), then);
            }
        }
        Flow::Again
    }

    fn skip(&mut self, now: Now, rest: &mut &[u8]) -> Flow {
        let (used, ended) = line::discard(rest);
        self.took(&rest[..used]);
        *rest = &rest[used..];
        let State::Skipping { dropped, then } = self.leave_state() else {
            unreachable!("the state was looked at by the caller")
        };
        let dropped = dropped + used;
        // Judged by the line's length alone, wherever the segments end.
        if dropped > DISCARD_MAX {
            self.state = *then;
            self.dismiss(now, Refusal::EndlessLine, Reason::Misbehaved);
        } else if ended {
            self.state = *then;
            return Flow::Again;
        } else {
            self.state = State::Skipping { dropped, then };
        }
        Flow::Wait
    }

    fn misspelt(&mut self, now: Now, verb: Option<Verb>, fault: SyntaxFault) {
        let state = self.leave_state();
        if fault == SyntaxFault::ForeignProtocol {
            self.state = state;
            self.dismiss(now, Refusal::Syntax(fault), Reason::Misbehaved);
        } else if fault == SyntaxFault::UnknownVerb {
            self.refuse_unknown(now, None, Refusal::Syntax(fault), state);
        } else if fault == SyntaxFault::ChunkSize {
            // How many octets follow cannot be told, so the commands behind them cannot be found either.
            self.state = state;
            self.dismiss(now, Refusal::Syntax(fault), Reason::Misbehaved);
        } else if verb == Some(Verb::Data) {
            let then = self.after_refused_data(now, state);
            self.refuse(now, verb, Refusal::Syntax(fault), then);
        } else {
            self.refuse(now, verb, Refusal::Syntax(fault), state);
        }
    }

    /// A verb that is known elsewhere and not here.
    fn refuse_unknown_verb(&mut self, now: Now, then: State) {
        self.refuse_unknown(now, None, Refusal::Syntax(SyntaxFault::UnknownVerb), then);
    }

    fn refuse_unknown(&mut self, now: Now, verb: Option<Verb>, refusal: Refusal, then: State) {
        self.unknown = self.unknown.saturating_add(1);
        if self.unknown >= self.settings.limits.unknown_commands_max {
            self.state = then;
            self.dismiss(now, Refusal::TooManyUnknown, Reason::Misbehaved);
        } else {
            self.refuse(now, verb, refusal, then);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a state that is not named refuses or ignores it")]
    fn reported(&mut self, now: Now, report: Report) {
        if let Report::Room(octets) = report {
            let was_blocked = self.is_blocked();
            self.debt = self.debt.saturating_sub(octets);
            if was_blocked && !self.is_blocked() {
                self.since = now.instant;
                self.resume_pace(now.instant);
            }
            return;
        }
        match self.leave_state() {
            State::Storing(storing) => self.stored(now, *storing, report),
            State::Showing(shown) => self.reported_showing(now, *shown, report),
            state => {
                self.state = state;
                if let Report::Failed(fault) = report {
                    self.draft_failed(now, fault);
                }
            }
        }
    }

    fn order(&mut self, order: Order) {
        if matches!(order, Order::Begin) {
            self.drafted = 0;
        }
        if let Order::Append(octets) = &order {
            self.drafted += length(octets);
            let was_blocked = self.is_blocked();
            self.debt += octets.len();
            if !was_blocked && self.is_blocked() {
                self.blocked_since = self.at;
            }
        }
        self.outputs.push_back(Output::Order(order));
    }

    /// Whether the spool is so far behind that nothing more is taken from the client.
    fn is_blocked(&self) -> bool {
        self.debt > BODY_WINDOW
    }

    /// The largest message in octets: the smaller of what is configured and what policy says of the client; 0 for any.
    fn octets_max(&self) -> u64 {
        let own = self.settings.limits.message_octets_max;
        match self.conditions.message_octets_max {
            None | Some(0) => own,
            Some(most) if own == 0 => most,
            Some(most) => most.min(own),
        }
    }

    /// What becomes of bare newlines in its messages.
    fn bare_newline(&self) -> BareNewline {
        self.conditions.bare_newline.unwrap_or(self.settings.bare_newline)
    }

    fn transaction_id(&self) -> TransactionId {
        TransactionId { session: self.id, number: self.record.transactions }
    }

    /// What holds after every input. Our own defect otherwise: the session ends, the server lives.
    fn invariants(&self) {
        assert!(!matches!(self.state, State::Moving), "no state was put in place");
        assert!(
            self.backlog.len() <= COMMAND_READ_MAX + BODY_READ_MAX,
            "backlog of {} octets in state {}",
            self.backlog.len(),
            self.state.name()
        );
        assert!(self.close.is_none() || matches!(self.state, State::Closing), "closing and going on");
    }
}

/// How many octets there are.
fn length(octets: &[u8]) -> u64 {
    u64::try_from(octets.len()).expect("a length in memory fits 64 bits")
}

#[cfg(test)]
mod tests;
