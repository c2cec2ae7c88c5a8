//! What a check says about itself: the way to its result, and the domain's own words for a fail.

use super::super::macros::{self, Values};
use super::super::outcome::{Cause, Outcome, SpfResult};
use super::super::record::{self, Found};
use super::{Check, Explaining, Flow, Purpose, Role};
use crate::dns::{Kind, Name, Question};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl Check {
    /// One step on the way to the domain's own words for a fail. Whatever goes wrong here, the fail stands without.
    pub(super) fn explain(&mut self) -> Flow {
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

    pub(super) fn end_explaining(&mut self, explanation: Option<String>) -> Flow {
        match self.explaining.take() {
            Some(Explaining { outcome, .. }) => self.end(Outcome { explanation, ..outcome }),
            None => Flow::Wait,
        }
    }

    /// Writes down how it came to where we are: the term at hand in each record of the stack, `innermost` in the last.
    pub(super) fn remember(&mut self, innermost: &str) {
        let mut trail = Vec::new();
        let last = self.frames.len().saturating_sub(1);
        for (index, frame) in self.frames.iter().enumerate() {
            trail.extend(frame.via.iter().cloned());
            let term = if index == last {
                record::short(innermost)
            } else if matches!(frame.role, Role::Own { .. })
                && matches!(self.frames[index + 1].role, Role::Local { .. })
            {
                "local policy".to_string()
            } else {
                frame
                    .record
                    .directive_at(frame.at)
                    .map_or_else(String::new, |found| record::short(found.text))
            };
            if !matches!(frame.role, Role::Included) {
                self.mechanism = Some(term.clone());
            }
            trail.push(Cause { domain: frame.domain.clone(), term });
        }
        self.trail = trail;
    }

    pub(super) fn at_hand<T>(&self, look: impl FnOnce(&Found<'_>) -> T) -> Option<T> {
        let frame = self.frames.last()?;
        frame.record.directive_at(frame.at).map(|found| look(&found))
    }

    pub(super) fn directive_at_hand(&self) -> Option<(SpfResult, String)> {
        self.at_hand(|found| (found.directive.result, found.text.to_string()))
    }

    pub(super) fn spec_at_hand(&self) -> Option<String> {
        self.at_hand(|found| found.directive.mechanism.spec().map(ToString::to_string))?
    }

    pub(super) fn values<'a>(&'a self, domain: &'a Name) -> Values<'a> {
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

    pub(super) fn target(&self, spec: Option<&str>) -> Option<Name> {
        let domain = &self.frames.last()?.domain;
        match spec {
            Some(spec) => macros::expand_name(spec, &self.values(domain)),
            None => Some(domain.clone()),
        }
    }
}
