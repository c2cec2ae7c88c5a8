//! The names of an address, confirmed: a name counts only when its own addresses hold the one we came from.
//! Whoever controls an address can give it any name; nobody else's name leads back.
//!
//! At most ten names are looked at (RFC 7208 §4.6.4), the ones that come first.

use super::{Finding, Kind, Name, Question, Step, Trouble};
use crate::limits::DNS_HOSTS_MAX;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

/// What is known of the names of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Those that lead back to the address, in the order in which they came.
    pub confirmed: Vec<Name>,
    /// Those that were claimed and do not, or are not known to, lead back.
    pub claimed: Vec<Name>,
    /// What went wrong on the way; with nothing confirmed, the truth is not known.
    pub trouble: Option<Trouble>,
    /// The address has no name at all, and that is known.
    pub none: bool,
}

/// The machine: PTR, then the addresses of each name.
#[derive(Clone, Debug)]
pub struct Reverse {
    address: IpAddr,
    first_only: bool,
    state: State,
    names: Names,
}

#[derive(Clone, Debug)]
enum State {
    Names,
    /// The name that is asked for, and those to come, in reverse order.
    Addresses(Name, Vec<Name>),
    Done,
}

impl Reverse {
    /// Until the first name is confirmed.
    pub fn first(address: IpAddr) -> Reverse {
        Reverse {
            address: address.to_canonical(),
            first_only: true,
            state: State::Names,
            names: Names::default(),
        }
    }

    /// All names, as sender policies want them.
    pub fn all(address: IpAddr) -> Reverse {
        Reverse { first_only: false, ..Reverse::first(address) }
    }

    /// What is wanted next.
    pub fn poll(&self) -> Step<Names> {
        match &self.state {
            State::Names => Step::Ask(Question::new(Name::reverse(self.address), Kind::Ptr)),
            State::Addresses(name, _) => Step::Ask(Question::new(name.clone(), address_kind(self.address))),
            State::Done => Step::Done(self.names.clone()),
        }
    }

    /// The answer to the question of the last `poll`.
    pub fn answer(&mut self, answer: super::Answer) {
        let rest = match core::mem::replace(&mut self.state, State::Done) {
            State::Names => match answer.names() {
                Finding::Some(names) => first_hosts(names),
                Finding::Void => {
                    self.names.none = true;
                    vec![]
                }
                Finding::Trouble(trouble) => self.troubled(trouble),
            },
            State::Addresses(name, rest) => {
                let leads_back = match answer.addresses() {
                    Finding::Some(addresses) => addresses.contains(&self.address),
                    Finding::Void => false,
                    Finding::Trouble(trouble) => {
                        self.names.trouble.get_or_insert(trouble);
                        false
                    }
                };
                if leads_back {
                    self.names.confirmed.push(name);
                    if self.first_only { vec![] } else { rest }
                } else {
                    self.names.claimed.push(name);
                    rest
                }
            }
            State::Done => vec![],
        };
        self.next(rest);
    }

    fn troubled(&mut self, trouble: Trouble) -> Vec<Name> {
        self.names.trouble.get_or_insert(trouble);
        vec![]
    }

    fn next(&mut self, mut rest: Vec<Name>) {
        if let Some(name) = rest.pop() {
            self.state = State::Addresses(name, rest);
        }
    }
}

/// Which addresses a client with this one is compared with.
pub(crate) fn address_kind(address: IpAddr) -> Kind {
    match address.to_canonical() {
        IpAddr::V4(_) => Kind::A,
        IpAddr::V6(_) => Kind::Aaaa,
    }
}

/// The first names that can be those of hosts, each once, in reverse order.
fn first_hosts(names: Vec<Name>) -> Vec<Name> {
    let mut hosts: Vec<Name> = vec![];
    for name in names.into_iter().take(DNS_HOSTS_MAX) {
        if name.is_host() && !hosts.contains(&name) {
            hosts.push(name);
        }
    }
    hosts.reverse();
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::fake::World;

    fn look(machine: Reverse, zone: &str) -> (Names, Vec<alloc::string::String>) {
        let mut world = World::parse(zone);
        let mut machine = machine;
        let names = loop {
            match machine.poll() {
                Step::Ask(question) => machine.answer(world.answer(&question)),
                Step::Done(names) => break names,
            }
        };
        (names, world.asked)
    }

    fn texts(names: &[Name]) -> Vec<&str> {
        names.iter().map(Name::as_str).collect()
    }

    #[test]
    fn only_names_that_lead_back_are_confirmed() {
        let zone = "7.2.0.192.in-addr.arpa PTR liar.example
                    7.2.0.192.in-addr.arpa PTR mx.example
                    7.2.0.192.in-addr.arpa PTR second.example
                    liar.example A 198.51.100.1
                    mx.example A 192.0.2.7
                    second.example A 192.0.2.7";
        let address: IpAddr = "::ffff:192.0.2.7".parse().expect("address");
        let (names, asked) = look(Reverse::first(address), zone);
        assert_eq!(texts(&names.confirmed), ["mx.example"]);
        assert_eq!(texts(&names.claimed), ["liar.example"]);
        assert_eq!(asked.len(), 3);
        let (names, _) = look(Reverse::all(address), zone);
        assert_eq!(texts(&names.confirmed), ["mx.example", "second.example"]);
    }

    #[test]
    fn ipv6_names_are_confirmed_by_ipv6_addresses() {
        let zone = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR six.example
                    six.example AAAA 2001:db8::1
                    six.example A 192.0.2.1";
        let (names, _) = look(Reverse::first("2001:db8::1".parse().expect("address")), zone);
        assert_eq!(texts(&names.confirmed), ["six.example"]);
    }

    #[test]
    fn trouble_and_nothing_are_told_apart() {
        let address: IpAddr = "192.0.2.7".parse().expect("address");
        let (names, _) = look(Reverse::first(address), "");
        assert!(names.none && names.trouble.is_none());
        let (names, _) = look(Reverse::first(address), "7.2.0.192.in-addr.arpa TIMEOUT");
        assert_eq!((names.none, names.trouble), (false, Some(Trouble::Timeout)));
        let (names, _) =
            look(Reverse::first(address), "7.2.0.192.in-addr.arpa PTR a.example\na.example TIMEOUT");
        assert_eq!(texts(&names.claimed), ["a.example"]);
        assert_eq!(names.trouble, Some(Trouble::Timeout));
    }

    #[test]
    fn a_thousand_names_cost_eleven_questions() {
        let zone: alloc::string::String =
            (0..100).map(|number| alloc::format!("7.2.0.192.in-addr.arpa PTR h{number}.example\n")).collect();
        let (names, asked) = look(Reverse::first("192.0.2.7".parse().expect("address")), &zone);
        assert_eq!(asked.len(), 11);
        assert!(names.confirmed.is_empty());
        assert_eq!(names.claimed.len(), 10);
    }
}
