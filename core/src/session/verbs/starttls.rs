//! STARTTLS (RFC 3207), and the handshake at the beginning of a connection: when one may begin, what came too soon, and
//! what is forgotten when it is done. Nothing that was said in clear text outlives a handshake.

use crate::limits::OUTLOOK_WAIT;
use crate::now::Now;
use crate::output::{Output, Reason};
use crate::policy::{Answer, Question, Verdict};
use crate::refusal::{Refusal, Trouble};
use crate::reply::catalog;
use crate::session::state::{Beginning, Resume, State};
use crate::session::{Flow, Session};
use crate::tls::{HandshakeFault, Opening, Secured, TlsFacts};
use crate::wire::command::{Command, Verb};
use crate::{Event, now::Instant};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The first octet of a TLS handshake (RFC 8446 §5.1); no command of SMTP begins with it.
const HANDSHAKE: u8 = 0x16;

impl Session {
    /// Whether a client that is not within TLS could be.
    pub(in crate::session) fn offers_tls(&self) -> bool {
        self.settings.tls.offered && self.secured.is_none() && !self.proxied && self.batch().is_none()
    }

    pub(in crate::session) fn start_tls(&mut self, now: Now, state: State) {
        let refusal = match state {
            _ if self.secured.is_some() => Refusal::SecuredAlready,
            // A login in clear text must not seem to have been one within TLS.
            _ if self.login.is_some() => Refusal::LoggedInAlready(Verb::StartTls),
            _ if self.settings.tls.offered && self.proxied => Refusal::SecuredByProxy,
            _ if !self.offers_tls() => Refusal::NotOffered(Verb::StartTls),
            State::Ready(hello) => {
                let question = Question::Handshake { peer: Arc::clone(&self.peer) };
                return self.ask(now, question, Resume::Secure(Beginning::Asked(hello)));
            }
            State::Unwelcome
            | State::Login(_)
            | State::Greeting
            | State::Hush { .. }
            | State::Early { .. }
            | State::Opened(_)
            | State::Addressed(_)
            | State::Receiving(_)
            | State::Chunking(_)
            | State::InChunk(..)
            | State::ChunksRefused(..)
            | State::Unwanted(_)
            | State::Swallowing(_)
            | State::Skipping { .. }
            | State::Asking { .. }
            | State::Showing(_)
            | State::Storing(_)
            | State::Paused { .. }
            | State::Turning(_)
            | State::Securing { .. }
            | State::Closing
            | State::Moving => Refusal::InTransaction(Verb::StartTls),
        };
        self.refuse(now, Some(Verb::StartTls), refusal, state);
    }

    /// The connection is open: the client may have to begin with a handshake, or be one that does so unasked.
    pub(in crate::session) fn open_secured(&mut self, now: Now) -> bool {
        let tls = &self.settings.tls;
        if self.batch().is_some() {
            return false;
        }
        if tls.first {
            self.begin_first(now, Vec::new());
            return true;
        }
        let waits = tls.offered && tls.outlook_bug && self.peer.local.port() != 25;
        if waits {
            self.state = State::Early { until: now.instant + OUTLOOK_WAIT };
        }
        waits
    }

    /// The first octets of a client that was not greeted yet and may be one that begins with a handshake.
    pub(in crate::session) fn hear_early(&mut self, now: Now, rest: &mut &[u8]) -> Flow {
        match rest.first() {
            None => {}
            Some(&HANDSHAKE) => {
                let octets = core::mem::take(rest).to_vec();
                self.begin_first(now, octets);
            }
            Some(_) => self.open_plain(now),
        }
        Flow::Wait
    }

    fn begin_first(&mut self, now: Now, octets: Vec<u8>) {
        let question = Question::Handshake { peer: Arc::clone(&self.peer) };
        self.ask(now, question, Resume::Secure(Beginning::First(octets)));
    }

    /// Whether a handshake may begin was asked.
    pub(in crate::session) fn handshake_judged(&mut self, now: Now, beginning: Beginning, answer: &Answer) {
        match (beginning, &answer.verdict) {
            (Beginning::Asked(hello), Verdict::Accept) => self.state = State::Turning(hello),
            (Beginning::Asked(hello), _) => {
                let refusal = Refusal::Trouble(Trouble::TooManyHandshakes);
                self.refuse(now, Some(Verb::StartTls), refusal, State::Ready(hello));
            }
            (Beginning::First(mut octets), Verdict::Accept) => {
                let (more, used) = self.backlog.take();
                octets.extend_from_slice(&more[used..]);
                self.secure(now.instant, Opening::First(octets), true);
            }
            // No word that is not within TLS would be understood.
            (Beginning::First(_), _) => {
                self.state = State::Greeting;
                self.end(now, Reason::Trouble);
            }
        }
    }

    /// The client may begin: unless it has begun already, or has said something else. What it said in clear text must not
    /// be taken for something said within TLS, nor be obeyed before it.
    pub(in crate::session) fn turn(&mut self, now: Now, rest: &[u8]) -> Flow {
        if rest.is_empty() {
            self.say(&catalog::start_handshake());
            self.send();
            self.secure(now.instant, Opening::Asked, false);
        } else {
            self.dismiss(now, Refusal::SentAhead, Reason::Misbehaved);
        }
        Flow::Wait
    }

    fn secure(&mut self, now: Instant, opening: Opening, first: bool) {
        self.state = State::Securing { until: now + self.settings.timeouts.handshake, first };
        self.outputs.push_back(Output::Secure(opening));
    }

    /// The handshake is done.
    pub(in crate::session) fn secured(&mut self, now: Now, facts: Arc<TlsFacts>) {
        let State::Securing { first, .. } = self.state else { return };
        self.event(Event::Secured(Arc::clone(&facts)));
        //= rfc3207#4.2/1
        // The state that follows holds nothing of what was said before.
        assert!(self.backlog.is_empty() && self.outbox.is_empty(), "clear text was left behind a handshake");
        self.secured = Some(Secured::by(facts));
        self.styles = self.settings.style;
        self.verdicts.clear();
        assert!(self.login.is_none(), "a login in clear text has outlived a handshake");
        self.since = now.instant;
        if first {
            self.open_plain(now);
        } else {
            self.state = State::Ready(None);
        }
    }

    /// The handshake failed: nothing can be said to the client, neither in clear text nor within TLS.
    pub(in crate::session) fn unsecured(&mut self, now: Now, fault: HandshakeFault) {
        if matches!(self.state, State::Securing { .. }) {
            self.event(Event::Unsecured(fault));
            self.end(now, Reason::Unsecured);
        }
    }

    /// The verb of a command that is obeyed only within TLS, where TLS is enforced and not there yet.
    pub(in crate::session) fn lacks_tls(&self, command: &Command) -> Option<Verb> {
        let lacking = self.settings.tls.enforced && self.secured.is_none() && self.batch().is_none();
        match command {
            _ if !lacking => None,
            Command::Mail { verb, .. } | Command::Vrfy { verb, .. } => Some(*verb),
            Command::Rcpt { .. } => Some(Verb::Rcpt),
            Command::Data => Some(Verb::Data),
            Command::Bdat(_) => Some(Verb::Bdat),
            Command::Expn(_) => Some(Verb::Expn),
            Command::Etrn(_) => Some(Verb::Etrn),
            Command::Auth(_) => Some(Verb::Auth),
            Command::Turn => Some(Verb::Turn),
            Command::Hello { .. }
            | Command::Rset
            | Command::Quit
            | Command::Noop { .. }
            | Command::Help(_)
            | Command::Tick(_)
            | Command::Verbose
            | Command::StartTls
            | Command::Xclient(_)
            | Command::Debug(_)
            | Command::Report(_)
            | Command::Ident => None,
        }
    }

    /// Whether mail is taken of a client with this certificate, or without any.
    pub(in crate::session) fn check_certificate(&self) -> Result<(), Refusal> {
        if !self.settings.tls.require_client || self.batch().is_some() {
            return Ok(());
        }
        match &self.secured {
            None => Err(Refusal::TlsFirst),
            Some(secured) if secured.client().is_some() => Ok(()),
            Some(secured) => {
                let shown = secured.facts().certificate.as_ref();
                Err(Refusal::CertificateFirst(shown.and_then(|shown| shown.trust.err())))
            }
        }
    }
}
