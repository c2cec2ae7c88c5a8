//! The policy of a server to which nobody has given one: our own domains and postmaster, and perhaps whoever is on this
//! machine. It becomes rules like any other, so that there is one way to judge.

use super::rules::Rules;
use super::source::{Role, SourceFile, compile, is_key};
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;

/// Who may receive mail here, where no policy data base says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Domains, in lower case, all of whose mailboxes are admitted (`localnames`).
    pub local_domains: BTreeSet<String>,
    /// Our own names, in lower case: `postmaster` is admitted there, and without a domain.
    pub own_names: BTreeSet<String>,
    /// Admit every recipient when the client is on a loopback address (`smtpserver demo`).
    pub open_to_loopback: bool,
}

/// What is said of nobody's domain: nothing that would admit it.
const NOBODY: &str = ". localdomain -\n_own localdomain + relaytarget +\n";
/// Who is on this machine may send to whom he likes.
const LOOPBACK: &str = "[127.0.0.0]/8 trustrecipients +\n[::1]/128 trustrecipients +\n";

impl Policy {
    /// The same as rules. Names that can be no key admit nobody.
    pub fn rules(&self) -> Arc<Rules> {
        let mut text = String::from(NOBODY);
        if self.open_to_loopback {
            text.push_str(LOOPBACK);
        }
        for domain in self.local_domains.iter().filter(|domain| is_key(domain)) {
            text.extend([domain, " = _own\n"]);
        }
        for name in &self.own_names {
            let mailbox = alloc::format!("postmaster@{name}");
            if is_key(&mailbox) {
                text.extend([&mailbox, " relaytarget +\n"]);
            }
        }
        let source = SourceFile { role: Role::Source, name: "localnames", text: text.as_bytes() };
        Arc::new(compile(&[source]).expect("each line is one of the language").rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::evaluate::{Step, connect};
    use crate::wire::path::{Address, ForwardPath, ReversePath};

    fn admits(policy: &Policy, client: &str, to: &str) -> bool {
        let address = client.parse().expect("an address");
        let Step::Done(ruling) = connect(&policy.rules(), &Arc::default(), address, &[]) else {
            panic!("a wish")
        };
        let client = ruling.verdict.expect("welcome");
        let Step::Done(ruling) = client.sender(&ReversePath::Null, &[]) else { panic!("a wish") };
        let sender = ruling.verdict.expect("taken");
        let path = if to == "postmaster" {
            ForwardPath::Postmaster
        } else {
            ForwardPath::Address(Address::parse(to).expect("an address"))
        };
        let Step::Done(ruling) = client.recipient(&sender, &path, &[]) else { panic!("a wish") };
        ruling.verdict.is_ok()
    }

    #[test]
    fn our_domains_and_our_postmaster_are_reached_and_nobody_else() {
        let mut policy = Policy::default();
        policy.own_names.extend(["mx.example".into(), "[192.0.2.1]".into(), "not a name".into()]);
        policy.local_domains.extend(["local.example".into(), "no domain".into()]);
        for (to, wanted) in [
            ("postmaster", true),
            ("ann@local.example", true),
            ("ann@LOCAL.example", true),
            ("Postmaster@mx.example", true),
            ("postmaster@[192.0.2.1]", true),
            ("ann@mx.example", false),
            ("ann@sub.local.example", false),
            ("ann@elsewhere.example", false),
            ("postmaster@elsewhere.example", false),
            ("ann%elsewhere.example@local.example", false),
        ] {
            assert_eq!(admits(&policy, "127.0.0.1", to), wanted, "{to}");
        }
        policy.open_to_loopback = true;
        for client in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert!(admits(&policy, client, "ann@elsewhere.example"), "{client}");
        }
        assert!(!admits(&policy, "192.0.2.7", "ann@elsewhere.example"));
    }
}
