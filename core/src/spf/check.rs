//! The machine that evaluates records: `check_host()` of RFC 7208 §4, its recursion laid out as a stack of records.
//!
//! Each include is a frame on the stack and costs a look-up, so the stack is bounded by the look-ups; a redirect takes
//! the place of the record that names it. One question is open at a time.

use super::local::LocalPolicy;
use super::macros::{self, Values};
use super::outcome::{Cause, Identity, Outcome, Problem, SpfResult};
use super::record::{self, Found, Record};
use super::term::{Mechanism, Prefixes};
use crate::dns::reverse::{Reverse, address_kind};
use crate::dns::{Answer, Finding, Kind, Mx, Name, Question, Step};
use crate::limits::{DNS_HOSTS_MAX, SPF_LOOKUPS_MAX, SPF_VOIDS_MAX};
use crate::now::Wall;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

/// What a check looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The client. An IPv4-mapped IPv6 address counts as IPv4.
    pub client: IpAddr,
    /// The name in HELO or EHLO.
    pub helo: String,
    /// The reverse-path without brackets, empty for the null one.
    pub mail_from: String,
    /// Our own name.
    pub receiver: String,
    /// The hour, for explanations.
    pub wall: Wall,
}

/// One check.
#[derive(Clone, Debug)]
pub struct Check {
    facts: Facts,
    local_part: String,
    sender_domain: String,
    identity: Identity,
    local_policy: Option<Arc<LocalPolicy>>,
    budget: Budget,
    /// The domain's own record, and the records it includes, innermost last.
    frames: Vec<Frame>,
    /// Confirmed names of the client, once somebody needed them.
    names: Option<Vec<Name>>,
    /// How the last match came about.
    trail: Vec<Cause>,
    mechanism: Option<String>,
    /// A fail that waits for its explanation.
    explaining: Option<Explaining>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    lookups: u32,
    voids: u32,
}

/// A record that is being read.
#[derive(Clone, Debug)]
struct Frame {
    domain: Name,
    record: Arc<Record>,
    at: usize,
    /// The term at `at` has been counted as a look-up.
    counted: bool,
    role: Role,
    /// The redirects that led to this record.
    via: Vec<Cause>,
}

#[derive(Clone, Copy, Debug)]
enum Role {
    Own { local_policy_tried: bool },
    Included,
    /// The operator's mechanisms; the domain's budget waits here.
    Local { saved: Budget },
}

#[derive(Clone, Debug)]
struct Explaining {
    outcome: Outcome,
    /// The text to expand, once it is known.
    text: Option<String>,
}

#[derive(Clone, Debug)]
enum State {
    /// Only between two answers.
    Running,
    Asking(Question, Purpose),
    Naming(Reverse),
    Done(Outcome),
}

#[derive(Clone, Debug)]
enum Purpose {
    Record(Name, Load),
    Address(Prefixes),
    Exchanges(Prefixes),
    /// An address of one host; the hosts to come, in reverse order; whether there were more than may be asked.
    Exchange(Prefixes, Vec<Name>, bool),
    Exists,
    Explanation,
}

#[derive(Clone, Copy, Debug)]
enum Load {
    Own,
    Include,
    Redirect,
}

/// Whether there is more to do before the next answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Go,
    Wait,
}

impl Check {
    /// Begins a check, with the operator's own mechanisms if there are any.
    pub fn new(facts: Facts, local_policy: Option<Arc<LocalPolicy>>) -> Check {
        let identity = if facts.mail_from.is_empty() { Identity::Helo } else { Identity::MailFrom };
        let (local_part, sender_domain) = match identity {
            Identity::Helo => ("", facts.helo.as_str()),
            Identity::MailFrom => facts.mail_from.rsplit_once('@').unwrap_or(("", facts.mail_from.as_str())),
        };
        let local_part = if local_part.is_empty() { "postmaster" } else { local_part }.to_string();
        let sender_domain = sender_domain.to_string();
        let facts = Facts { client: facts.client.to_canonical(), ..facts };
        let mut check = Check {
            facts,
            local_part,
            sender_domain,
            identity,
            local_policy,
            budget: Budget::default(),
            frames: Vec::new(),
            names: None,
            trail: Vec::new(),
            mechanism: None,
            explaining: None,
            state: State::Running,
        };
        // A domain of one label, an address literal or anything that is no host's name has nothing to say.
        match Name::parse(&check.sender_domain).filter(|name| name.is_host() && name.labels().nth(1).is_some()) {
            Some(domain) => check.load(domain, Load::Own),
            None => check.finish(SpfResult::None, None),
        };
        check
    }

    /// What is wanted next.
    pub fn poll(&self) -> Step<Outcome> {
        match &self.state {
            State::Asking(question, _) => Step::Ask(question.clone()),
            State::Naming(reverse) => match reverse.poll() {
                Step::Ask(question) => Step::Ask(question),
                Step::Done(_) => Step::Done(self.outcome(SpfResult::TempError, Some(Problem::TookTooLong))),
            },
            State::Done(outcome) => Step::Done(outcome.clone()),
            State::Running => Step::Done(self.outcome(SpfResult::TempError, Some(Problem::TookTooLong))),
        }
    }

    /// The answer to the question of the last `poll`.
    pub fn answer(&mut self, answer: Answer) {
        let mut flow = match core::mem::replace(&mut self.state, State::Running) {
            State::Asking(question, purpose) => self.answered(question, purpose, answer),
            State::Naming(mut reverse) => {
                reverse.answer(answer);
                self.named(reverse)
            }
            State::Done(outcome) => self.end(outcome),
            State::Running => Flow::Go,
        };
        while flow == Flow::Go {
            flow = if self.explaining.is_some() { self.explain() } else { self.advance() };
        }
    }

    /// Ends the check because the time for it is over (RFC 7208 §4.6.4 asks for at least 20 seconds).
    pub fn give_up(&mut self) {
        match (&self.state, self.explaining.take()) {
            (State::Done(_), _) => {}
            // The result was known; only the domain's words for it were not.
            (_, Some(Explaining { outcome, .. })) => {
                self.end(outcome);
            }
            (_, None) => {
                self.finish(SpfResult::TempError, Some(Problem::TookTooLong));
            }
        }
    }

    /// The facts it was begun with.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    fn answered(&mut self, question: Question, purpose: Purpose, answer: Answer) -> Flow {
        match purpose {
            Purpose::Record(domain, load) => match answer.texts() {
                Finding::Some(texts) => match record::select(&texts) {
                    Ok(Some(record)) => self.loaded(domain, load, record),
                    Ok(None) => self.no_record(load),
                    Err(problem) => self.fail(problem),
                },
                Finding::Void => self.no_record(load),
                Finding::Trouble(trouble) => self.fail(Problem::Dns(question, trouble)),
            },
            Purpose::Address(prefixes) => match answer.addresses() {
                Finding::Some(all) => self.judge(self.is_among(&all, prefixes)),
                Finding::Void => self.void(),
                Finding::Trouble(trouble) => self.fail(Problem::Dns(question, trouble)),
            },
            Purpose::Exchanges(prefixes) => match answer.exchanges() {
                Finding::Some(all) => self.exchanges(all, prefixes),
                Finding::Void => self.void(),
                Finding::Trouble(trouble) => self.fail(Problem::Dns(question, trouble)),
            },
            Purpose::Exchange(prefixes, rest, more) => match answer.addresses() {
                Finding::Some(all) if self.is_among(&all, prefixes) => self.judge(true),
                Finding::Some(_) | Finding::Void => self.next_exchange(prefixes, rest, more),
                Finding::Trouble(trouble) => self.fail(Problem::Dns(question, trouble)),
            },
            Purpose::Exists => match answer.addresses() {
                Finding::Some(_) => self.judge(true),
                Finding::Void => self.void(),
                Finding::Trouble(trouble) => self.fail(Problem::Dns(question, trouble)),
            },
            Purpose::Explanation => {
                if let Some(explaining) = &mut self.explaining {
                    explaining.text = match answer.texts() {
                        Finding::Some(texts) => explanation_of(&texts),
                        Finding::Void | Finding::Trouble(_) => None,
                    };
                    if explaining.text.is_none() {
                        return self.end_explaining(None);
                    }
                }
                Flow::Go
            }
        }
    }

    /// One step through the innermost record.
    fn advance(&mut self) -> Flow {
        let Some(frame) = self.frames.last() else { return Flow::Wait };
        let record = frame.record.clone();
        let Some(found) = record.directive_at(frame.at) else { return self.end_of_record(&record) };
        if found.directive.mechanism == Mechanism::All && self.local_policy_is_due() {
            return self.try_local_policy();
        }
        self.evaluate(&found)
    }

    fn evaluate(&mut self, found: &Found<'_>) -> Flow {
        let mechanism = found.directive.mechanism;
        if mechanism.asks() && !self.count() {
            return self.fail(Problem::TooManyLookups);
        }
        let spec = mechanism.spec();
        if self.names.is_none() && (matches!(mechanism, Mechanism::Ptr(_)) || spec.is_some_and(macros::needs_names)) {
            return self.look_for_names();
        }
        match mechanism {
            Mechanism::All => self.judge(true),
            Mechanism::Ip4(network, prefix) => self.judge(self.is_in(IpAddr::V4(network), prefix)),
            Mechanism::Ip6(network, prefix) => self.judge(self.is_in(IpAddr::V6(network), prefix)),
            Mechanism::Ptr(_) => {
                let target = self.target(spec);
                let names = self.names.as_deref().unwrap_or_default();
                self.judge(target.is_some_and(|target| names.iter().any(|name| name.is_within(&target))))
            }
            Mechanism::Include(_) => match self.target(spec) {
                Some(domain) => self.load(domain, Load::Include),
                None => self.fail(Problem::BadName),
            },
            Mechanism::A(_, prefixes) => {
                let kind = address_kind(self.facts.client);
                self.ask_target(spec, kind, Purpose::Address(prefixes))
            }
            Mechanism::Mx(_, prefixes) => self.ask_target(spec, Kind::Mx, Purpose::Exchanges(prefixes)),
            Mechanism::Exists(_) => self.ask_target(spec, Kind::A, Purpose::Exists),
        }
    }

    /// No directive is left in the innermost record.
    fn end_of_record(&mut self, record: &Record) -> Flow {
        let Some(frame) = self.frames.last() else { return Flow::Wait };
        if let Role::Local { saved } = frame.role {
            return self.leave_local_policy(saved);
        }
        if let Some(spec) = &record.redirect {
            if !self.count() {
                return self.fail(Problem::TooManyLookups);
            }
            if self.names.is_none() && macros::needs_names(spec) {
                return self.look_for_names();
            }
            return match self.target(Some(spec)) {
                Some(domain) => self.load(domain, Load::Redirect),
                None => self.fail(Problem::BadName),
            };
        }
        if self.local_policy_is_due() {
            return self.try_local_policy();
        }
        self.remember("default");
        self.conclude(SpfResult::Neutral)
    }

    /// What the directive at hand came to.
    fn judge(&mut self, matches: bool) -> Flow {
        if !matches {
            return self.pass_over();
        }
        let Some((result, text)) = self.directive_at_hand() else { return Flow::Wait };
        self.remember(&text);
        self.conclude(result)
    }

    /// The innermost record has a result.
    fn conclude(&mut self, mut result: SpfResult) -> Flow {
        while let Some(Frame { role: Role::Included, .. }) = self.frames.last() {
            self.frames.pop();
            if result != SpfResult::Pass {
                return self.pass_over();
            }
            let Some((of_include, _)) = self.directive_at_hand() else { return Flow::Wait };
            result = of_include;
        }
        let outcome = self.outcome(result, None);
        let own = self.frames.last().filter(|frame| matches!(frame.role, Role::Own { .. }));
        let explains = own.is_some_and(|frame| frame.record.explanation.is_some());
        if result == SpfResult::Fail && explains {
            self.explaining = Some(Explaining { outcome, text: None });
            return Flow::Go;
        }
        self.end(outcome)
    }

    /// The directive at hand does not match: on to the next one.
    fn pass_over(&mut self) -> Flow {
        if let Some(frame) = self.frames.last_mut() {
            let next = frame.record.directive_at(frame.at).map(|found| found.next);
            frame.at = next.unwrap_or(usize::MAX);
            frame.counted = false;
        }
        Flow::Go
    }

    /// It cannot be known. Inside of the operator's mechanisms, what is wrong for good is no match and no more.
    fn fail(&mut self, problem: Problem) -> Flow {
        let result = problem.result();
        let local = self.frames.iter().rposition(|frame| matches!(frame.role, Role::Local { .. }));
        match local.filter(|_| result == SpfResult::PermError) {
            Some(position) => {
                self.frames.truncate(position + 1);
                self.pass_over()
            }
            None => self.finish(result, Some(problem)),
        }
    }

    /// The look-up for the directive at hand found nothing.
    fn void(&mut self) -> Flow {
        self.budget.voids += 1;
        if self.budget.voids > SPF_VOIDS_MAX {
            return self.fail(Problem::TooManyVoids);
        }
        self.pass_over()
    }

    /// Counts the term at hand as a look-up, once; false when that was one too many.
    fn count(&mut self) -> bool {
        if let Some(frame) = self.frames.last_mut().filter(|frame| !frame.counted) {
            frame.counted = true;
            self.budget.lookups += 1;
        }
        self.budget.lookups <= SPF_LOOKUPS_MAX
    }

    fn load(&mut self, domain: Name, load: Load) -> Flow {
        let question = Question::new(domain.clone(), Kind::Txt);
        self.ask(question, Purpose::Record(domain, load))
    }

    fn loaded(&mut self, domain: Name, load: Load, record: Record) -> Flow {
        let mut frame = Frame {
            domain,
            record: Arc::new(record),
            at: 0,
            counted: false,
            role: Role::Own { local_policy_tried: false },
            via: Vec::new(),
        };
        match load {
            Load::Own => {}
            Load::Include => frame.role = Role::Included,
            Load::Redirect => {
                if let Some(before) = self.frames.pop() {
                    let spec = before.record.redirect.as_deref().unwrap_or_default();
                    let term = alloc::format!("redirect={}", record::short(spec));
                    frame.role = before.role;
                    frame.via = before.via;
                    frame.via.push(Cause { domain: before.domain, term });
                }
            }
        }
        self.frames.push(frame);
        Flow::Go
    }

    fn no_record(&mut self, load: Load) -> Flow {
        match load {
            Load::Own => self.finish(SpfResult::None, None),
            Load::Include | Load::Redirect => self.fail(Problem::NoRecord),
        }
    }

    fn ask(&mut self, question: Question, purpose: Purpose) -> Flow {
        self.state = State::Asking(question, purpose);
        Flow::Wait
    }

    /// Asks about the name that the directive at hand specifies. A name that cannot exist does not match: whoever built
    /// it from a client's words has published a good record.
    fn ask_target(&mut self, spec: Option<&str>, kind: Kind, purpose: Purpose) -> Flow {
        match self.target(spec) {
            Some(name) => self.ask(Question::new(name, kind), purpose),
            None => self.pass_over(),
        }
    }

    fn target(&self, spec: Option<&str>) -> Option<Name> {
        let domain = &self.frames.last()?.domain;
        match spec {
            Some(spec) => macros::expand_name(spec, &self.values(domain)),
            None => Some(domain.clone()),
        }
    }

    fn values<'a>(&'a self, domain: &'a Name) -> Values<'a> {
        Values {
            local_part: &self.local_part,
            sender_domain: &self.sender_domain,
            domain,
            client: self.facts.client,
            helo: &self.facts.helo,
            names: self.names.as_deref().unwrap_or_default(),
            receiver: &self.facts.receiver,
            seconds: self.facts.wall.seconds(),
        }
    }

    fn exchanges(&mut self, all: Vec<Mx>, prefixes: Prefixes) -> Flow {
        let mut hosts: Vec<Name> = all.into_iter().filter_map(|mx| mx.host).collect();
        let more = hosts.len() > DNS_HOSTS_MAX;
        hosts.truncate(DNS_HOSTS_MAX);
        hosts.reverse();
        self.next_exchange(prefixes, hosts, more)
    }

    fn next_exchange(&mut self, prefixes: Prefixes, mut rest: Vec<Name>, more: bool) -> Flow {
        match rest.pop() {
            Some(host) => {
                let question = Question::new(host, address_kind(self.facts.client));
                self.ask(question, Purpose::Exchange(prefixes, rest, more))
            }
            None if more => match self.target(self.spec_at_hand().as_deref()) {
                Some(domain) => self.fail(Problem::TooManyExchanges(domain)),
                None => self.pass_over(),
            },
            None => self.pass_over(),
        }
    }

    fn look_for_names(&mut self) -> Flow {
        self.state = State::Naming(Reverse::all(self.facts.client));
        Flow::Wait
    }

    /// The search for names goes on, or is over. Trouble in it means only that there are fewer names.
    fn named(&mut self, reverse: Reverse) -> Flow {
        let names = match reverse.poll() {
            Step::Ask(_) => {
                self.state = State::Naming(reverse);
                return Flow::Wait;
            }
            Step::Done(names) => names,
        };
        self.names = Some(names.confirmed);
        let for_ptr = self.explaining.is_none() && self.at_hand(|found| matches!(found.directive.mechanism, Mechanism::Ptr(_))) == Some(true);
        if names.none && for_ptr { self.void() } else { Flow::Go }
    }

    fn local_policy_is_due(&self) -> bool {
        let own = self.frames.last().map(|frame| frame.role);
        self.local_policy.is_some() && matches!(own, Some(Role::Own { local_policy_tried: false }))
    }

    fn try_local_policy(&mut self) -> Flow {
        let (Some(policy), Some(own)) = (&self.local_policy, self.frames.last_mut()) else { return Flow::Wait };
        own.role = Role::Own { local_policy_tried: true };
        let frame = Frame {
            domain: own.domain.clone(),
            record: Arc::new(policy.record.clone()),
            at: 0,
            counted: false,
            role: Role::Local { saved: self.budget },
            via: Vec::new(),
        };
        self.budget = Budget::default();
        self.frames.push(frame);
        Flow::Go
    }

    fn leave_local_policy(&mut self, saved: Budget) -> Flow {
        self.budget = saved;
        self.frames.pop();
        Flow::Go
    }

    /// One step on the way to the domain's own words for a fail. Whatever goes wrong here, the fail stands without.
    fn explain(&mut self) -> Flow {
        let Some(explaining) = &self.explaining else { return Flow::Wait };
        let Some(frame) = self.frames.last() else { return self.end_explaining(None) };
        let text = explaining.text.as_deref().or(frame.record.explanation.as_deref()).unwrap_or_default();
        if self.names.is_none() && macros::needs_names(text) {
            return self.look_for_names();
        }
        let values = self.values(&frame.domain);
        if explaining.text.is_some() {
            let said = macros::expand_explanation(text, &values);
            return self.end_explaining(Some(said));
        }
        match macros::expand_name(text, &values) {
            Some(name) => self.ask(Question::new(name, Kind::Txt), Purpose::Explanation),
            None => self.end_explaining(None),
        }
    }

    fn end_explaining(&mut self, explanation: Option<String>) -> Flow {
        match self.explaining.take() {
            Some(Explaining { outcome, .. }) => self.end(Outcome { explanation, ..outcome }),
            None => Flow::Wait,
        }
    }

    fn finish(&mut self, result: SpfResult, problem: Option<Problem>) -> Flow {
        if problem.is_some() {
            let at_hand = self.directive_at_hand().map(|(_, text)| text);
            self.remember(&at_hand.unwrap_or_else(|| "default".to_string()));
            self.mechanism = None;
        }
        let outcome = self.outcome(result, problem);
        self.end(outcome)
    }

    fn end(&mut self, outcome: Outcome) -> Flow {
        self.frames.clear();
        self.state = State::Done(outcome);
        Flow::Wait
    }

    fn outcome(&self, result: SpfResult, problem: Option<Problem>) -> Outcome {
        Outcome {
            result,
            identity: self.identity,
            domain: self.sender_domain.clone(),
            mechanism: self.mechanism.clone(),
            trail: self.trail.clone(),
            problem,
            explanation: None,
        }
    }

    /// Writes down how it came to where we are: the term at hand in each record of the stack, `innermost` in the last.
    fn remember(&mut self, innermost: &str) {
        let mut trail = Vec::new();
        let last = self.frames.len().saturating_sub(1);
        for (index, frame) in self.frames.iter().enumerate() {
            trail.extend(frame.via.iter().cloned());
            let term = if index == last {
                record::short(innermost)
            } else if matches!(frame.role, Role::Own { .. }) && matches!(self.frames[index + 1].role, Role::Local { .. }) {
                "local policy".to_string()
            } else {
                frame.record.directive_at(frame.at).map_or_else(String::new, |found| record::short(found.text))
            };
            if !matches!(frame.role, Role::Included) {
                self.mechanism = Some(term.clone());
            }
            trail.push(Cause { domain: frame.domain.clone(), term });
        }
        self.trail = trail;
    }

    fn at_hand<T>(&self, look: impl FnOnce(&Found<'_>) -> T) -> Option<T> {
        let frame = self.frames.last()?;
        frame.record.directive_at(frame.at).map(|found| look(&found))
    }

    fn directive_at_hand(&self) -> Option<(SpfResult, String)> {
        self.at_hand(|found| (found.directive.result, found.text.to_string()))
    }

    fn spec_at_hand(&self) -> Option<String> {
        self.at_hand(|found| found.directive.mechanism.spec().map(ToString::to_string))?
    }

    fn is_among(&self, addresses: &[IpAddr], prefixes: Prefixes) -> bool {
        addresses.iter().any(|address| match address {
            IpAddr::V4(_) => self.is_in(*address, prefixes.v4),
            IpAddr::V6(_) => self.is_in(*address, prefixes.v6),
        })
    }

    /// Whether the client lies in a network of the same family.
    fn is_in(&self, network: IpAddr, prefix: u8) -> bool {
        let differing = match (self.facts.client, network) {
            (IpAddr::V4(client), IpAddr::V4(network)) => {
                (client.to_bits() ^ network.to_bits()).checked_shr(32 - u32::from(prefix)).map(u128::from)
            }
            (IpAddr::V6(client), IpAddr::V6(network)) => {
                (client.to_bits() ^ network.to_bits()).checked_shr(128 - u32::from(prefix))
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        // A shift by all bits is none at all: then no bit counts.
        differing.unwrap_or(0) == 0
    }
}

/// The text of an explanation, when there is exactly one and it is well-formed.
fn explanation_of(texts: &[Vec<u8>]) -> Option<String> {
    let [text] = texts else { return None };
    let text = core::str::from_utf8(text).ok()?;
    macros::is_explanation(text).then(|| text.to_string())
}
