//! hosts.allow and hosts.deny: who may connect to the service `smtp-receiver`, in the form that hosts_access(5) and
//! hosts_options(5) describe. Text comes in, a yes or no comes out; no name is looked up here and no command is run.
//!
//! Both files are shared with other services, so only lines that speak of ours are understood to their end. There,
//! what cannot be supported is an error with its place: a rule that silently means nothing would let somebody in.

mod pattern;
mod read;

use super::file::remark::Remark;
use alloc::vec::Vec;
use core::net::IpAddr;
use pattern::{ClientPattern, ServicePattern};

/// The service that the lines must name.
pub const SERVICE: &str = "smtp-receiver";

/// A file as it was read. A file that does not exist is an empty one.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// What it holds.
    pub octets: &'a [u8],
}

/// What both files say about our service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostAccess {
    /// In the order in which they are tried: hosts.allow, then hosts.deny.
    rules: Vec<Rule>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    services: List<ServicePattern>,
    clients: List<ClientPattern>,
    then: Access,
}

/// Patterns, and behind each EXCEPT those that are left out again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct List<P>(Vec<Vec<P>>);

impl<P> List<P> {
    /// `a EXCEPT b EXCEPT c` is a without what is in b without what is in c.
    fn holds(&self, fits: impl Fn(&P) -> bool) -> bool {
        self.0.iter().rev().fold(false, |left_out, patterns| patterns.iter().any(&fits) && !left_out)
    }

    fn patterns(&self) -> impl Iterator<Item = &P> {
        self.0.iter().flatten()
    }
}

/// What follows from the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The client may connect.
    Granted,
    /// It may not.
    Denied,
}

/// What is known of a client's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientName<'a> {
    /// This name leads back to the client's address.
    Confirmed(&'a str),
    /// Its address has a name that does not lead back to it.
    Contradicted,
    /// Its address has no name, or it could not be found out.
    Unknown,
}

/// Who connects.
struct Client<'a> {
    address: IpAddr,
    name: ClientName<'a>,
}

impl HostAccess {
    /// Reads both files. The errors are all there are, in the order of the files.
    pub fn read(allow: Text<'_>, deny: Text<'_>) -> Result<HostAccess, Vec<Remark>> {
        let mut errors = Vec::new();
        let mut rules = read::rules(allow, Access::Granted, &mut errors);
        rules.append(&mut read::rules(deny, Access::Denied, &mut errors));
        if errors.is_empty() { Ok(HostAccess { rules }) } else { Err(errors) }
    }

    /// Whether a judgement may depend on the client's name.
    pub fn wants_names(&self) -> bool {
        self.rules.iter().any(|rule| rule.clients.patterns().any(ClientPattern::is_about_names))
    }

    /// Judges a connection from `client` to our own address `local`: the first line that fits both decides, and
    /// whom no line fits may connect.
    pub fn judge(&self, client: IpAddr, local: IpAddr, name: ClientName<'_>) -> Access {
        let client = Client { address: client.to_canonical(), name };
        let local = local.to_canonical();
        let fits = |rule: &&Rule| {
            rule.services.holds(|pattern| pattern.fits(local))
                && rule.clients.holds(|pattern| pattern.fits(&client))
        };
        self.rules.iter().find(fits).map_or(Access::Granted, |rule| rule.then)
    }
}

#[cfg(test)]
mod tests;
