//! What each answer means for the term that asked.

use super::super::macros;
use super::super::outcome::{Cause, Problem, SpfResult};
use super::super::record::{self, Record};
use super::super::term::{Mechanism, Prefixes};
use super::{Check, Flow, Frame, Load, Purpose, Role, State};
use crate::dns::reverse::{Reverse, address_kind};
use crate::dns::{Answer, Finding, Mx, Name, Question, Step};
use crate::limits::{DNS_HOSTS_MAX, SPF_VOIDS_MAX};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

impl Check {
    pub(super) fn answered(&mut self, question: Question, purpose: Purpose, answer: Answer) -> Flow {
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

    pub(super) fn loaded(&mut self, domain: Name, load: Load, record: Record) -> Flow {
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

    pub(super) fn no_record(&mut self, load: Load) -> Flow {
        match load {
            Load::Own => self.finish(SpfResult::None, None),
            Load::Include | Load::Redirect => self.fail(Problem::NoRecord),
        }
    }

    /// The most preferred ten are looked at; only when none of them matches are the others too many. Their order is that
    /// of [`crate::dns::Records::Mx`], so the result does not depend on the server's.
    pub(super) fn exchanges(&mut self, all: Vec<Mx>, prefixes: Prefixes) -> Flow {
        let mut hosts: Vec<Name> = all.into_iter().filter_map(|mx| mx.host).collect();
        let more = hosts.len() > DNS_HOSTS_MAX;
        hosts.truncate(DNS_HOSTS_MAX);
        hosts.reverse();
        self.next_exchange(prefixes, hosts, more)
    }

    pub(super) fn next_exchange(&mut self, prefixes: Prefixes, mut rest: Vec<Name>, more: bool) -> Flow {
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

    /// The search for names goes on, or is over. Trouble in it means only that there are fewer names.
    pub(super) fn named(&mut self, reverse: Reverse) -> Flow {
        let names = match reverse.poll() {
            Step::Ask(_) => {
                self.state = State::Naming(reverse);
                return Flow::Wait;
            }
            Step::Done(names) => names,
        };
        self.names = Some(names.confirmed);
        let for_ptr = self.explaining.is_none()
            && self.at_hand(|found| matches!(found.directive.mechanism, Mechanism::Ptr(_))) == Some(true);
        if names.none && for_ptr { self.void() } else { Flow::Go }
    }

    /// The look-up for the directive at hand found nothing. Counted by terms, as RFC 7208 §4.6.4 has it: hosts of a mail
    /// exchange that have no address of the client's family are not each one of them.
    pub(super) fn void(&mut self) -> Flow {
        self.budget.voids += 1;
        if self.budget.voids > SPF_VOIDS_MAX {
            return self.fail(Problem::TooManyVoids);
        }
        self.pass_over()
    }

    pub(super) fn is_among(&self, addresses: &[IpAddr], prefixes: Prefixes) -> bool {
        addresses.iter().any(|address| match address {
            IpAddr::V4(_) => self.is_in(*address, prefixes.v4),
            IpAddr::V6(_) => self.is_in(*address, prefixes.v6),
        })
    }

    /// Whether the client lies in a network of the same family.
    pub(super) fn is_in(&self, network: IpAddr, prefix: u8) -> bool {
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
