//! The steps through a record, as far as they go without an answer.

use super::super::macros;
use super::super::outcome::{Problem, SpfResult};
use super::super::record::{Found, Record};
use super::super::term::Mechanism;
use super::{Budget, Check, Explaining, Flow, Frame, Load, Purpose, Role, State};
use crate::dns::reverse::{Reverse, address_kind};
use crate::dns::{Kind, Question};
use crate::limits::SPF_LOOKUPS_MAX;
use alloc::vec::Vec;
use core::net::IpAddr;

impl Check {
    /// One step through the innermost record.
    pub(super) fn advance(&mut self) -> Flow {
        let Some(frame) = self.frames.last() else { return Flow::Wait };
        let record = frame.record.clone();
        let Some(found) = record.directive_at(frame.at) else { return self.end_of_record(&record) };
        if found.directive.mechanism == Mechanism::All && self.local_policy_is_due() {
            return self.try_local_policy();
        }
        self.evaluate(&found)
    }

    pub(super) fn evaluate(&mut self, found: &Found<'_>) -> Flow {
        let mechanism = found.directive.mechanism;
        if mechanism.asks() && !self.count() {
            return self.fail(Problem::TooManyLookups);
        }
        let spec = mechanism.spec();
        if self.names.is_none()
            && (matches!(mechanism, Mechanism::Ptr(_)) || spec.is_some_and(macros::needs_names))
        {
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
    pub(super) fn end_of_record(&mut self, record: &Record) -> Flow {
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
    pub(super) fn judge(&mut self, matches: bool) -> Flow {
        if !matches {
            return self.pass_over();
        }
        let Some((result, text)) = self.directive_at_hand() else { return Flow::Wait };
        self.remember(&text);
        self.conclude(result)
    }

    /// The innermost record has a result.
    pub(super) fn conclude(&mut self, mut result: SpfResult) -> Flow {
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
    pub(super) fn pass_over(&mut self) -> Flow {
        if let Some(frame) = self.frames.last_mut() {
            let next = frame.record.directive_at(frame.at).map(|found| found.next);
            frame.at = next.unwrap_or(usize::MAX);
            frame.counted = false;
        }
        Flow::Go
    }

    /// Counts the term at hand as a look-up, once; false when that was one too many.
    pub(super) fn count(&mut self) -> bool {
        if let Some(frame) = self.frames.last_mut().filter(|frame| !frame.counted) {
            frame.counted = true;
            self.budget.lookups += 1;
        }
        self.budget.lookups <= SPF_LOOKUPS_MAX
    }

    /// Asks about the name that the directive at hand specifies. A name that cannot exist does not match: whoever built
    /// it from a client's words has published a good record.
    pub(super) fn ask_target(&mut self, spec: Option<&str>, kind: Kind, purpose: Purpose) -> Flow {
        match self.target(spec) {
            Some(name) => self.ask(Question::new(name, kind), purpose),
            None => self.pass_over(),
        }
    }

    pub(super) fn look_for_names(&mut self) -> Flow {
        self.state = State::Naming(Reverse::all(self.facts.client));
        Flow::Wait
    }

    pub(super) fn local_policy_is_due(&self) -> bool {
        let own = self.frames.last().map(|frame| frame.role);
        self.local_policy.is_some() && matches!(own, Some(Role::Own { local_policy_tried: false }))
    }

    pub(super) fn try_local_policy(&mut self) -> Flow {
        let (Some(policy), Some(own)) = (&self.local_policy, self.frames.last_mut()) else {
            return Flow::Wait;
        };
        own.role = Role::Own { local_policy_tried: true };
        let frame = Frame {
            domain: own.domain.clone(),
            record: policy.record.clone(),
            at: 0,
            counted: false,
            role: Role::Local { saved: self.budget },
            via: Vec::new(),
        };
        self.budget = Budget::default();
        self.frames.push(frame);
        Flow::Go
    }

    pub(super) fn leave_local_policy(&mut self, saved: Budget) -> Flow {
        self.budget = saved;
        self.frames.pop();
        Flow::Go
    }
}
