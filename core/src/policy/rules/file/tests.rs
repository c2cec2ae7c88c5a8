//! Rules go into a file and come back; everything that is not such a file is told apart.

use super::*;
use crate::policy::{Role, SourceFile, compile};
use alloc::format;
use alloc::vec::Vec;
use proptest::prelude::*;

const SOURCE: &str = "\
. relaytarget - message \"No\" senderokwithdns +
[192.0.2.0]/24 ratelimitmsgs -100,500 maxsameipsource 20 = _relay
[IPv6:2001:db8::]/32 rcpt-dns-rbl bl.example:bl2.example=127.0.0.2,4
home.example = _relay bare-newline normalize
user@ rcpt-dns-rbl _listed
_relay relaycustnet + = _more
_more maxinsize 18446744073709551615
";

fn rules() -> Rules {
    let file = SourceFile { role: Role::Source, name: "smtp-policy.src", text: SOURCE.as_bytes() };
    compile(&[file]).expect("compiles").rules
}

/// The body with a head that fits.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&u64::try_from(body.len()).expect("small").to_le_bytes());
    out.extend_from_slice(&fingerprint(body).to_le_bytes());
    out.extend_from_slice(body);
    out
}

#[test]
fn what_was_written_is_read() {
    let rules = rules();
    let file = rules.encode();
    let again = Rules::decode(&file).expect("reads");
    assert_eq!(again, rules);
    assert_eq!(again.encode(), file);
}

#[test]
fn what_is_something_else_is_told_apart() {
    let file = rules().encode();
    assert_eq!(Rules::decode(b""), Err(FileFault::Foreign));
    assert_eq!(Rules::decode(SOURCE.as_bytes()), Err(FileFault::Foreign));
    for end in [1, 17, 20, HEAD, file.len() - 1] {
        assert_eq!(Rules::decode(&file[..end]), Err(FileFault::Truncated), "{end}");
    }
    let mut other = file.clone();
    other[MAGIC.len()] = 9;
    assert_eq!(Rules::decode(&other), Err(FileFault::OtherVersion(9)));
    let mut longer = file.clone();
    longer.push(0);
    assert_eq!(Rules::decode(&longer), Err(FileFault::Surplus));
    for at in HEAD - 8..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x40;
        assert_eq!(Rules::decode(&damaged), Err(FileFault::Damaged), "{at}");
    }
    let none = sealed(&[0; 24]);
    assert_eq!(Rules::decode(&none), Err(FileFault::Misfit(Misfit::NoDefault)));
    let text = format!("{}", Rules::decode(&none).expect_err("nothing in it"));
    assert!(text.contains("no rules"), "{text}");
}

proptest! {
    /// Somebody may write a head that fits whatever is behind it.
    #[test]
    fn no_body_makes_it_panic(edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut body = rules().encode().split_off(HEAD);
        for (at, octet) in edits {
            let at = at.index(body.len());
            body[at] = octet;
        }
        if let Ok(rules) = Rules::decode(&sealed(&body)) {
            prop_assert_eq!(&Rules::decode(&rules.encode()), &Ok(rules.clone()));
            let found = rules.find_domain("home.example").expect("there is a default");
            rules.take(found, Attribute::MaxInSize);
        }
    }
}
