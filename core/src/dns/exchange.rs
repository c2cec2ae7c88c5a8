//! Does a domain exist for mail, and are we among those who receive it? `senderokwithdns`, `acceptifdns` and
//! `acceptifmx` of the policy language.
//!
//! A domain exists when it has a mail exchange with an address, or no exchange and an address of its own
//! (RFC 5321 §5.1). The null exchange of RFC 7505 is neither. At most ten exchanges are looked at, the most preferred.

use super::{Answer, Finding, Kind, Name, Question, Step, Trouble};
use crate::limits::DNS_HOSTS_MAX;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is to be found out.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// Whether there is anybody at all to send mail for the domain to.
    Exists,
    /// Whether one of these, our own addresses, is among them. Any preference is enough: a backup is one of us too.
    Ours(Arc<BTreeSet<IpAddr>>),
}

/// What was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exchange {
    /// Yes.
    Yes,
    /// It receives mail, but not here. Only when it was asked for our addresses.
    NotOurs,
    /// There is no such name.
    NoName,
    /// The name is there, but nothing to send mail to: no exchange and no address, or exchanges without addresses.
    NoHost,
    /// It says itself that it takes no mail (RFC 7505): nobody there can be answered.
    NullMx,
    /// Not known.
    Trouble(Trouble),
}

/// The machine: MX, then addresses.
#[derive(Clone, Debug)]
pub struct Check {
    wanted: Wanted,
    state: State,
    /// What the domain itself answered, for when no exchange is named.
    name_exists: bool,
    resolves: bool,
    trouble: Option<Trouble>,
}

#[derive(Clone, Debug)]
enum State {
    Exchanges(Name),
    /// The questions to come, in reverse order.
    Addresses(Vec<Question>),
    Done(Exchange),
}

impl Check {
    /// Asks about a domain.
    pub fn new(domain: Name, wanted: Wanted) -> Check {
        Check { wanted, state: State::Exchanges(domain), name_exists: false, resolves: false, trouble: None }
    }

    /// What is wanted next.
    pub fn poll(&self) -> Step<Exchange> {
        match &self.state {
            State::Exchanges(domain) => Step::Ask(Question::new(domain.clone(), Kind::Mx)),
            State::Addresses(questions) => match questions.last() {
                Some(question) => Step::Ask(question.clone()),
                None => Step::Done(self.conclusion()),
            },
            State::Done(exchange) => Step::Done(*exchange),
        }
    }

    /// The answer to the question of the last `poll`.
    pub fn answer(&mut self, answer: Answer) {
        match &mut self.state {
            State::Exchanges(domain) => {
                let domain = domain.clone();
                self.state = self.after_exchanges(domain, answer);
            }
            State::Addresses(questions) => {
                let Some(asked) = questions.pop() else { return };
                self.name_exists |= answer != Answer::NoName;
                match answer.addresses() {
                    Finding::Some(all) => {
                        if all.iter().any(|address| self.wanted.is_met_by(*address)) {
                            self.state = State::Done(Exchange::Yes);
                            return;
                        }
                        self.resolves |= all.into_iter().any(is_reachable);
                    }
                    Finding::Void => {}
                    Finding::Trouble(trouble) => {
                        self.trouble.get_or_insert(trouble);
                    }
                }
                // One family was enough to know that the host is there.
                if asked.kind == Kind::A && self.resolves && matches!(self.wanted, Wanted::Exists) {
                    self.state = State::Done(Exchange::Yes);
                }
            }
            State::Done(_) => {}
        }
    }

    fn after_exchanges(&mut self, domain: Name, answer: Answer) -> State {
        if answer == Answer::NoName {
            return State::Done(Exchange::NoName);
        }
        match answer.exchanges() {
            Finding::Some(all) => {
                self.name_exists = true;
                let mut hosts: Vec<Name> = all.into_iter().filter_map(|mx| mx.host).collect();
                hosts.truncate(DNS_HOSTS_MAX);
                if hosts.is_empty() {
                    return State::Done(Exchange::NullMx);
                }
                State::Addresses(hosts.into_iter().rev().flat_map(both_families).collect())
            }
            Finding::Void => State::Addresses(both_families(domain).into()),
            Finding::Trouble(trouble) => State::Done(Exchange::Trouble(trouble)),
        }
    }

    /// All was asked, and nothing ended it early.
    fn conclusion(&self) -> Exchange {
        match (self.trouble, self.resolves, self.name_exists) {
            (Some(trouble), _, _) => Exchange::Trouble(trouble),
            (None, true, _) => match self.wanted {
                Wanted::Exists => Exchange::Yes,
                Wanted::Ours(_) => Exchange::NotOurs,
            },
            (None, false, true) => Exchange::NoHost,
            (None, false, false) => Exchange::NoName,
        }
    }
}

impl Wanted {
    fn is_met_by(&self, address: IpAddr) -> bool {
        match self {
            Wanted::Exists => is_reachable(address),
            Wanted::Ours(own) => own.contains(&address.to_canonical()),
        }
    }
}

/// Both families of a host, IPv4 to be asked first (so last in the list).
fn both_families(host: Name) -> [Question; 2] {
    [Question::new(host.clone(), Kind::Aaaa), Question::new(host, Kind::A)]
}

/// Whether mail could ever be sent there: "this host", loopback, link-local, multicast and reserved addresses are what
/// domains publish that want no answer. Private networks may be ours.
fn is_reachable(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, ..] = v4.octets();
            first != 0 && !v4.is_loopback() && !v4.is_link_local() && v4 < Ipv4Addr::new(224, 0, 0, 0)
        }
        IpAddr::V6(v6) => v6 > Ipv6Addr::LOCALHOST && !v6.is_multicast() && !v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::fake::World;

    const ZONE: &str = "ok.example MX 10 mx.ok.example
        mx.ok.example A 198.51.100.9
        plain.example A 198.51.100.10
        six.example AAAA 2001:db8::6
        null.example MX 0 .
        odd.example MX 0 .
        odd.example MX 5 mx.ok.example
        lost.example MX 10 nowhere.example
        empty.example TXT nothing else
        loop.example MX 10 local.example
        local.example A 127.0.0.1
        tmp.example SERVFAIL
        half.example MX 10 tmp.example
        half.example MX 20 mx.ok.example
        gone.example MX 10 tmp.example
        us.example MX 50 backup.example
        us.example MX 10 mx.ok.example
        backup.example A 192.0.2.1
        us6.example MX 10 backup6.example
        backup6.example AAAA 2001:db8::25
        selfhost.example A 192.0.2.1";

    fn check(domain: &str, wanted: Wanted) -> (Exchange, usize) {
        let mut world = World::parse(ZONE);
        let mut machine = Check::new(Name::parse(domain).expect(domain), wanted);
        loop {
            match machine.poll() {
                Step::Ask(question) => machine.answer(world.answer(&question)),
                Step::Done(exchange) => return (exchange, world.asked.len()),
            }
        }
    }

    #[test]
    fn a_domain_exists_when_somebody_takes_its_mail() {
        for (domain, found, questions) in [
            ("ok.example", Exchange::Yes, 2),
            ("plain.example", Exchange::Yes, 2),
            ("six.example", Exchange::Yes, 3),
            ("null.example", Exchange::NullMx, 1),
            ("odd.example", Exchange::Yes, 2),
            ("lost.example", Exchange::NoHost, 3),
            ("empty.example", Exchange::NoHost, 3),
            ("loop.example", Exchange::NoHost, 3),
            ("absent.example", Exchange::NoName, 1),
            ("tmp.example", Exchange::Trouble(Trouble::ServerFailure), 1),
            ("half.example", Exchange::Yes, 4),
            ("gone.example", Exchange::Trouble(Trouble::ServerFailure), 3),
        ] {
            assert_eq!(check(domain, Wanted::Exists), (found, questions), "{domain}");
        }
    }

    #[test]
    fn we_are_among_those_who_take_its_mail() {
        let own: BTreeSet<IpAddr> =
            ["192.0.2.1", "2001:db8::25"].iter().map(|text| text.parse().expect(text)).collect();
        let own = Arc::new(own);
        for (domain, found) in [
            ("us.example", Exchange::Yes),
            ("us6.example", Exchange::Yes),
            ("selfhost.example", Exchange::Yes),
            ("ok.example", Exchange::NotOurs),
            ("half.example", Exchange::Trouble(Trouble::ServerFailure)),
            ("null.example", Exchange::NullMx),
            ("lost.example", Exchange::NoHost),
            ("absent.example", Exchange::NoName),
        ] {
            assert_eq!(check(domain, Wanted::Ours(own.clone())).0, found, "{domain}");
        }
    }

    #[test]
    fn a_domain_with_a_hundred_exchanges_costs_at_most_twenty_one_questions() {
        let zone: alloc::string::String =
            (0..100).map(|number| alloc::format!("many.example MX {number} h{number}.example\n")).collect();
        let mut world = World::parse(&zone);
        let mut machine = Check::new(Name::parse("many.example").expect("name"), Wanted::Exists);
        while let Step::Ask(question) = machine.poll() {
            machine.answer(world.answer(&question));
        }
        assert_eq!(machine.poll(), Step::Done(Exchange::NoHost));
        assert_eq!(world.asked.len(), 21);
    }
}
