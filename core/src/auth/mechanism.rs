//! The mechanisms, their names, and which of them are offered when. How each works is written beside this file.

use super::terms::{Channel, Means};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// SCRAM-SHA-256-PLUS: a proof of the password, bound to the TLS channel. Spec: RFC 5802, RFC 7677.
    ScramSha256Plus,
    /// SCRAM-SHA-256: a proof of the password. Spec: RFC 5802, RFC 7677.
    ScramSha256,
    /// OAUTHBEARER: a token. Spec: RFC 7628.
    OAuthBearer,
    /// EXTERNAL: the client's certificate. Spec: RFC 4422 appendix A.
    External,
    /// PLAIN: name and password in one response. Spec: RFC 4616.
    Plain,
    /// LOGIN: name and password, asked for one after the other. Never a standard, and spoken by everybody.
    Login,
}

impl Mechanism {
    /// Every mechanism, those first that tell the least.
    pub const ALL: [Mechanism; 6] = [
        Mechanism::ScramSha256Plus,
        Mechanism::ScramSha256,
        Mechanism::OAuthBearer,
        Mechanism::External,
        Mechanism::Plain,
        Mechanism::Login,
    ];

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::OAuthBearer => "OAUTHBEARER",
            Mechanism::External => "EXTERNAL",
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
        }
    }

    /// The mechanism of that name, in upper or lower case.
    pub fn parse(name: &str) -> Option<Mechanism> {
        Mechanism::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// Whether it can work over this channel with this back end. What carries a password or a token as it is needs a
    /// private channel, and the proofs of SCRAM do too: whoever hears one can try passwords against it.
    fn can_work(self, channel: &Channel, means: Means) -> bool {
        channel.is_private
            && match self {
                Mechanism::ScramSha256Plus => means.proofs && channel.can_bind(),
                Mechanism::ScramSha256 => means.proofs,
                Mechanism::OAuthBearer => means.tokens,
                Mechanism::External => channel.certificate.is_some(),
                Mechanism::Plain | Mechanism::Login => means.passwords,
            }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The mechanisms that an operator wants, in the order in which they are offered (`sasl-mechanisms`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mechanisms(Vec<Mechanism>);

impl Default for Mechanisms {
    /// All of them.
    fn default() -> Self {
        Mechanisms(Mechanism::ALL.to_vec())
    }
}

impl Mechanisms {
    /// Those that everybody speaks: name and password.
    pub fn with_password() -> Mechanisms {
        Mechanisms(alloc::vec![Mechanism::Plain, Mechanism::Login])
    }

    /// These, in this order.
    pub fn of(wanted: impl IntoIterator<Item = Mechanism>) -> Mechanisms {
        let mut mechanisms = Vec::new();
        for mechanism in wanted {
            if !mechanisms.contains(&mechanism) {
                mechanisms.push(mechanism);
            }
        }
        Mechanisms(mechanisms)
    }

    /// Their names, with blanks between them.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|mechanism| mechanism.name()).collect();
        names.join(" ")
    }

    /// Reads names with blanks or commas between them. An empty list is an error: to offer nothing is to leave out
    /// `smtp-auth`.
    pub fn parse(list: &str) -> Result<Mechanisms, MechanismsFault> {
        let mut wanted = Vec::new();
        for name in list.split([' ', '\t', ',']).filter(|name| !name.is_empty()) {
            let mechanism =
                Mechanism::parse(name).ok_or_else(|| MechanismsFault::Unknown(String::from(name)))?;
            if !wanted.contains(&mechanism) {
                wanted.push(mechanism);
            }
        }
        if wanted.is_empty() { Err(MechanismsFault::Empty) } else { Ok(Mechanisms(wanted)) }
    }

    /// Those that are offered over this channel with this back end.
    pub fn offered(&self, channel: &Channel, means: Means) -> Vec<Mechanism> {
        self.0.iter().copied().filter(|mechanism| mechanism.can_work(channel, means)).collect()
    }
}

/// What is wrong with a list of mechanisms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MechanismsFault {
    /// It names none.
    Empty,
    /// It names one that there is not.
    Unknown(String),
}

impl fmt::Display for MechanismsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MechanismsFault::Empty => f.write_str("names no mechanism")?,
            MechanismsFault::Unknown(name) => write!(f, "there is no mechanism {name:?}")?,
        }
        f.write_str("; there are")?;
        Mechanism::ALL.iter().try_for_each(|mechanism| write!(f, " {mechanism}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::UserName;
    use alloc::string::ToString;
    use alloc::vec;

    const ALL: Means = Means { passwords: true, proofs: true, tokens: true };

    #[test]
    fn a_list_chooses_and_orders() {
        let list = Mechanisms::parse("plain, LOGIN  scram-sha-256,plain").expect("names");
        let private = Channel { is_private: true, ..Channel::default() };
        let names = [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256];
        assert_eq!(list.offered(&private, ALL), names);
        assert_eq!(Mechanisms::parse(" ,"), Err(MechanismsFault::Empty));
        let fault = Mechanisms::parse("PLAIN CRAM-MD5").expect_err("not ours").to_string();
        assert!(fault.contains("\"CRAM-MD5\"") && fault.ends_with("PLAIN LOGIN"), "{fault}");
    }

    #[test]
    fn what_cannot_work_is_not_offered() {
        let all = Mechanisms::default();
        assert_eq!(all.offered(&Channel { exporter: Some(vec![1; 32]), ..Channel::default() }, ALL), []);
        let mut channel = Channel { is_private: true, ..Channel::default() };
        assert_eq!(
            all.offered(&channel, Means { passwords: true, ..Means::default() }),
            [Mechanism::Plain, Mechanism::Login]
        );
        assert_eq!(
            all.offered(&channel, Means { tokens: true, ..Means::default() }),
            [Mechanism::OAuthBearer]
        );
        assert_eq!(
            all.offered(&channel, Means { proofs: true, ..Means::default() }),
            [Mechanism::ScramSha256]
        );
        channel.certificate = UserName::new("ann");
        assert_eq!(all.offered(&channel, Means::default()), [Mechanism::External]);
        channel.end_point = Some(vec![1; 32]);
        assert_eq!(all.offered(&channel, ALL), Mechanism::ALL);
    }
}
