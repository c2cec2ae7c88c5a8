//! Sources of a policy: whatever compiles can be written and read again, and gives nobody a right that it does not
//! speak of.

use smtpserver_core::policy::evaluate::{DomainIs, Step, Told, Wish, connect};
use smtpserver_core::policy::{Role, Rules, SourceFile, compile};
use smtpserver_core::wire::path::{Address, ForwardPath, ReversePath};
use std::net::IpAddr;
use std::sync::Arc;

/// Words without which nobody may relay.
const RIGHTS: [&[u8]; 6] =
    [b"relaycustnet", b"fulltrustnet", b"trustrecipient", b"relaytarget", b"acceptif", b"freeze "];

/// The first octet chooses the role; the rest is the source, behind one that makes every role complete.
pub fn policy_source(data: &[u8]) {
    let (choice, text) = super::choice(data);
    let role = Role::ALL[usize::from(choice) % Role::ALL.len()];
    let base =
        SourceFile { role: Role::Source, name: "base", text: b". senderokwithdns -\n_bulk_mail spf -\n" };
    let Ok(compiled) = compile(&[base, SourceFile { role, name: "fuzz", text }]) else { return };
    let again = Rules::decode(&compiled.rules.encode());
    assert_eq!(again.as_ref(), Ok(&compiled.rules));
    let rules = Arc::new(compiled.rules);
    let harmless = RIGHTS.iter().all(|word| !text.windows(word.len()).any(|part| part == *word));
    let own = Arc::default();
    for address in ["192.0.2.1", "2001:db8::1"] {
        let address: IpAddr = address.parse().expect("an address");
        let Some(client) = done(|told| connect(&rules, &own, address, told)).verdict.ok() else { continue };
        let client = client.reverse_name("host.far.example").hello("far.example");
        let Some(sender) = done(|told| client.sender(&ReversePath::Null, told)).verdict.ok() else {
            continue;
        };
        let path = ForwardPath::Address(Address::parse("x@far.example").expect("an address"));
        let ruling = done(|told| client.recipient(&sender, &path, told));
        client.explain(&ruling.chain);
        assert!(!harmless || ruling.verdict.is_err(), "admitted by omission");
    }
}

fn done<T>(mut judge: impl FnMut(&[Told]) -> Step<T>) -> T {
    let mut told = Vec::new();
    loop {
        match judge(&told) {
            Step::Done(done) => return done,
            Step::Wish(Wish::Domain(..)) => told.push(Told::Domain(DomainIs::Elsewhere)),
            Step::Wish(Wish::Listing { .. } | Wish::Spf | Wish::Message(_) | Wish::Recipient(_)) => {
                told.push(Told::Trouble);
            }
        }
    }
}
