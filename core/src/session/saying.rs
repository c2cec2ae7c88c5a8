//! Replies on their way out: which may wait for company and when they leave (RFC 2920 §3.2), and how the tarpit
//! holds a refusal back. No sentence is made here.

use super::state::State;
use super::{Session, length};
use crate::event::{Event, NamedRefusal};
use crate::limits::{RECORDED_SAID_MAX, REMEMBERED_MAX};
use crate::now::{Duration, Now};
use crate::output::{Output, Reason};
use crate::peer::SessionId;
use crate::refusal::Refusal;
use crate::reply::{Reply, catalog};
use crate::wire::verb::Verb;
use alloc::boxed::Box;
use alloc::string::String;
use core::mem;

/// Octets of one write.
const WRITE_MAX: usize = RECORDED_SAID_MAX;

impl Session {
    /// Puts a reply into the outbox, where it may wait for company.
    pub(super) fn say(&mut self, reply: &Reply) {
        assert!(!matches!(self.state, State::Securing { .. }), "nothing can be said in a handshake");
        let start = self.outbox.len();
        let enhanced = self.settings.extensions.enhanced_status_codes;
        if self.settings.multiline_replies {
            reply.encode_to(enhanced, &mut self.outbox);
        } else {
            reply.in_one_line().encode_to(enhanced, &mut self.outbox);
        }
        self.event(Event::Reply(reply.code()));
        if self.settings.transcript && reply.is_challenge() {
            // What helps to find out a password is nobody else's business.
            self.outputs.push_back(Output::Event(Event::Said(reply.code_and("..."))));
        } else if self.settings.transcript {
            let said = &self.outbox[start..];
            for line in said.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()) {
                let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
                self.outputs.push_back(Output::Event(Event::Said(text)));
            }
        }
    }

    /// Lets the outbox leave.
    pub(super) fn send(&mut self) {
        if !self.outbox.is_empty() {
            let mut octets = mem::take(&mut self.outbox);
            self.unsent += octets.len();
            self.record.said = self.record.said.saturating_add(length(&octets));
            // Only replies to many recipients at once are longer.
            while octets.len() > WRITE_MAX {
                let end = memchr::memrchr(b'\n', &octets[..WRITE_MAX]).map_or(WRITE_MAX, |at| at + 1);
                let rest = octets.split_off(end);
                self.outputs.push_back(Output::Write(mem::replace(&mut octets, rest)));
            }
            self.outputs.push_back(Output::Write(octets));
        }
    }

    pub(super) fn event(&mut self, mut event: Event) {
        if let Event::Transaction(record) = &mut event {
            record.verdicts = mem::take(&mut self.verdicts);
        }
        self.outputs.push_back(Output::Event(event));
    }

    /// Says no and goes on in state `then`, after the tarpit's wait if there is one.
    pub(super) fn refuse(&mut self, now: Now, verb: Option<Verb>, refusal: Refusal, then: State) {
        self.refuse_times(now, verb, refusal, then, 1);
    }

    /// The same, said so many times (RFC 2033 §4.2).
    pub(super) fn refuse_times(
        &mut self,
        now: Now,
        verb: Option<Verb>,
        refusal: Refusal,
        then: State,
        times: u32,
    ) {
        let reply = self.no(&refusal).repeated(times);
        let delay = self.tarpit_delay(&refusal);
        self.refused(verb, refusal);
        match delay {
            None => {
                self.say(&reply);
                self.send_unless_grouped(verb);
                self.state = then;
            }
            Some(delay) => {
                self.event(Event::TarpitDelayed(delay));
                self.record.tarpitted = self.record.tarpitted.saturating_add(delay);
                self.state = State::Paused { until: now.instant + delay, verb, reply, then: Box::new(then) };
            }
        }
    }

    /// How long this refusal waits. One that counts twice waits twice, one wait behind the other.
    fn tarpit_delay(&mut self, refusal: &Refusal) -> Option<Duration> {
        let waits = (0..refusal.tarpits()).filter_map(|_| self.tarpit.delay());
        waits.reduce(Duration::saturating_add)
    }

    /// Tells of a refusal, and remembers it.
    pub(super) fn refused(&mut self, verb: Option<Verb>, refusal: Refusal) {
        let named = NamedRefusal { verb, why: refusal.name() };
        self.record.refused = self.record.refused.saturating_add(1);
        self.record.last_refusal = Some(named);
        if self.verdicts.len() < REMEMBERED_MAX {
            self.verdicts.push(named);
        }
        self.event(Event::Refused { verb, refusal });
    }

    /// Lets the outbox leave, unless the reply just said may wait for those of the commands behind it.
    pub(super) fn send_unless_grouped(&mut self, verb: Option<Verb>) {
        //= rfc2920#3.2/2 rfc2920#3.2/5 rfc2920#3.2/6
        // An unknown command, too, may be one after which the client waits.
        if !verb.is_some_and(Verb::may_be_grouped) {
            self.send();
        }
    }

    /// The reply to a refusal, with the operator's pointer where it belongs.
    pub(super) fn no(&mut self, refusal: &Refusal) -> Reply {
        let reply = self.with_token(catalog::refusal(refusal), refusal);
        match self.settings.contact.as_str() {
            "" => reply,
            contact if refusal.is_policy() => catalog::with_contact(reply, contact),
            _ => reply,
        }
    }

    /// A refusal by policy shows a token where the operator wants to look up what led to it, which is told under it.
    fn with_token(&mut self, reply: Reply, refusal: &Refusal) -> Reply {
        let Refusal::Policy(denial) = refusal else { return reply };
        let Some(chain) = denial.chain.clone() else { return reply };
        let token = token(self.id, self.record.refused);
        let reply = catalog::with_token(reply, &token);
        self.event(Event::Explained { token, chain });
        reply
    }

    /// Says no and ends the session.
    pub(super) fn dismiss(&mut self, now: Now, refusal: Refusal, reason: Reason) {
        let reply = self.no(&refusal);
        self.refused(None, refusal);
        self.say(&reply);
        self.end(now, reason);
    }
}

/// Letters of a token.
const TOKEN_LETTERS: usize = 8;
/// What they are taken from: no vowels, so that no word comes about, and nothing that looks like something else.
const TOKEN_ALPHABET: &[u8; 32] = b"23456789bcdfghjkmnpqrstvwxzBCDFG";

/// A token for the session's refusal of this number. It says nothing by itself: forty bits of a hash (FNV-1a).
fn token(session: SessionId, number: u32) -> String {
    let octets = session.began.to_le_bytes().into_iter().chain(session.serial.to_le_bytes());
    let hash = octets.chain(number.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    // The high bits are mixed best.
    let letter = |place: usize| {
        let five_bits = usize::try_from(hash >> (59 - 5 * place) & 31).expect("five bits");
        char::from(TOKEN_ALPHABET[five_bits])
    };
    (0..TOKEN_LETTERS).map(letter).collect()
}
