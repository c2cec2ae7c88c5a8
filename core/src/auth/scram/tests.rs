//! SCRAM against the published exchange (RFC 7677 §3), and against a client of our own that may lie.

use super::gs2::sasl_name;
use super::keys::{Cost, ScramKeys};
use super::server::First;
use crate::auth::{Channel, LoginFault, Nonce, Prompts, Terms, UserName};
use crate::limits::SCRAM_ITERATIONS_MIN;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base64ct::{Base64, Encoding};
use proptest::prelude::*;

fn name(name: &str) -> UserName {
    UserName::new(name).expect("a name")
}

#[test]
fn the_published_exchange_comes_out_as_published() {
    let salt = Base64::decode_vec("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
    let keys = ScramKeys::of(b"pencil", &salt, 4096);
    let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let transcript = alloc::format!(
        "n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}"
    );
    let proof = Base64::decode_vec("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").expect("base64");
    let proof: [u8; 32] = proof.try_into().expect("32 octets");
    let signature = keys.prove(transcript.as_bytes(), &proof).expect("the proof is right");
    assert_eq!(Base64::encode_string(&signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    let mut wrong = proof;
    wrong[31] ^= 1;
    assert_eq!(keys.prove(transcript.as_bytes(), &wrong), None);
    assert_eq!(keys.prove(&transcript.as_bytes()[1..], &proof), None);
    assert_eq!(ScramKeys::of(b"pencils", &salt, 4096).prove(transcript.as_bytes(), &proof), None);
    assert!(keys.fits(b"pencil") && !keys.fits(b"pencils"));
}

#[test]
fn keys_survive_being_written_down() {
    let keys = ScramKeys::of(b"pencil", b"0123456789abcdef", SCRAM_ITERATIONS_MIN);
    let text = keys.text();
    assert!(text.starts_with("SCRAM-SHA-256$4096:MDEyMzQ1Njc4OWFiY2RlZg==$"), "{text}");
    let again = ScramKeys::parse(&text).expect("our own");
    assert!(again.fits(b"pencil"));
    assert_eq!(again.text(), text);
    assert_eq!(alloc::format!("{keys:?}"), "ScramKeys(Cost { iterations: 4096, salt_octets: 16 })");
    for broken in [
        text.replace("4096", "4095"),
        text.replace("4096", "+4096"),
        text.replace("4096", "5000001"),
        text.replace("4096", "99999999999"),
        text.replace("MDEyMzQ1Njc4OWFiY2RlZg==", ""),
        text.replace("256", "1"),
        text.replacen('$', ":", 2),
        text[..text.len() - 4].to_string(),
        alloc::format!("{text}:x"),
        alloc::format!("{text} "),
    ] {
        assert!(ScramKeys::parse(&broken).is_none(), "{broken}");
    }
}

#[test]
fn nobody_looks_like_somebody_and_always_the_same() {
    let cost = Cost::default();
    let nobody = |secret: &[u8], user| ScramKeys::nobody(secret, &name(user), cost);
    let one = nobody(b"secret", "ann");
    assert_eq!(one.text(), nobody(b"secret", "ann").text());
    assert_eq!(one.cost(), cost);
    assert_ne!(one.salt(), nobody(b"secret", "bob").salt());
    assert_ne!(one.salt(), nobody(b"other", "ann").salt());
    assert_eq!(ScramKeys::parse(&one.text()).expect("a usual form").salt(), one.salt());
    for salt_octets in [1, 31, 32, 33, 64] {
        let cost = Cost { salt_octets, ..cost };
        assert_eq!(ScramKeys::nobody(b"secret", &name("ann"), cost).cost(), cost);
    }
}

fn terms(channel: Channel) -> Terms {
    Terms { prompts: Prompts::default(), channel, nonce: Nonce::new([7; 18]) }
}

fn bound() -> Channel {
    Channel {
        is_private: true,
        exporter: Some(Vec::from([9; 32])),
        end_point: Some(Vec::from([8; 32])),
        ..Channel::default()
    }
}

#[test]
fn first_messages_are_taken_or_refused_for_what_they_are() {
    let plain = Channel { is_private: true, ..Channel::default() };
    for (message, plus, channel, fault) in [
        ("n,,n=user,r=abc", false, &plain, None),
        ("y,,n=user,r=abc", false, &plain, None),
        ("n,a=user,n=user,r=abc", false, &plain, None),
        ("n,,n=user,r=abc,x=later", false, &plain, None),
        ("p=tls-exporter,,n=user,r=abc", true, &bound(), None),
        ("p=tls-server-end-point,,n=user,r=abc", true, &bound(), None),
        ("n,,n=us=3Der,r=abc", false, &plain, None),
        // Somebody has hidden the better mechanism from the client.
        ("y,,n=user,r=abc", false, &bound(), Some(LoginFault::Wrong)),
        ("p=tls-unique,,n=user,r=abc", true, &bound(), Some(LoginFault::Wrong)),
        ("p=tls-exporter,,n=user,r=abc", true, &plain, Some(LoginFault::Wrong)),
        ("n,a=other,n=user,r=abc", false, &plain, Some(LoginFault::Wrong)),
        ("p=tls-exporter,,n=user,r=abc", false, &bound(), Some(LoginFault::Malformed)),
        ("n,,n=user,r=abc", true, &bound(), Some(LoginFault::Malformed)),
        ("y,,n=user,r=abc", true, &bound(), Some(LoginFault::Malformed)),
        ("n,,m=more,n=user,r=abc", false, &plain, Some(LoginFault::Malformed)),
        ("n,,n=,r=abc", false, &plain, Some(LoginFault::Malformed)),
        ("n,,n=user,r=", false, &plain, Some(LoginFault::Malformed)),
        ("n,,n=user,r=a c", false, &plain, Some(LoginFault::Malformed)),
        ("n,,n=us=er,r=abc", false, &plain, Some(LoginFault::Malformed)),
        ("n,,n=user,r=abc,", false, &plain, Some(LoginFault::Malformed)),
        ("n,,n=user", false, &plain, Some(LoginFault::Malformed)),
        ("n,n=user,r=abc", false, &plain, Some(LoginFault::Malformed)),
        ("F,,n=user,r=abc", false, &plain, Some(LoginFault::Malformed)),
        ("p=,,n=user,r=abc", true, &bound(), Some(LoginFault::Malformed)),
        ("", false, &plain, Some(LoginFault::Malformed)),
    ] {
        assert_eq!(First::read(message.as_bytes(), plus, channel).err(), fault, "{message}");
    }
    assert_eq!(First::read(b"n,,n=\xff,r=abc", false, &plain).err(), Some(LoginFault::Malformed));
    let long = alloc::format!("n,,n=user,r={}", "x".repeat(257));
    assert_eq!(First::read(long.as_bytes(), false, &plain).err(), Some(LoginFault::Malformed));
}

#[test]
fn last_messages_must_fit_the_first() {
    let nonce = Base64::encode_string(&[7; 18]);
    let begin = || {
        let first = First::read(b"n,,n=user,r=abc", false, &Channel::default()).expect("fit");
        first.challenge(&terms(Channel::default()), b"salt", 4096)
    };
    let (challenge, _) = begin();
    assert_eq!(challenge, alloc::format!("r=abc{nonce},s=c2FsdA==,i=4096"));
    let proof = Base64::encode_string(&[5; 32]);
    for (message, fault) in [
        (alloc::format!("c=biws,r=abc{nonce},p={proof}"), None),
        (alloc::format!("c=biws,r=abc{nonce},x=1,p={proof}"), None),
        (alloc::format!("c=eSws,r=abc{nonce},p={proof}"), Some(LoginFault::Wrong)),
        (alloc::format!("c=biws,r=abd{nonce},p={proof}"), Some(LoginFault::Wrong)),
        (alloc::format!("c=biws,r=abc,p={proof}"), Some(LoginFault::Wrong)),
        (alloc::format!("c=biws,r=abc{nonce}"), Some(LoginFault::Malformed)),
        (alloc::format!("c=biws,r=abc{nonce},p="), Some(LoginFault::Malformed)),
        (alloc::format!("c=biws,r=abc{nonce},p=AAAA"), Some(LoginFault::Malformed)),
        (alloc::format!("c=biws,r=abc{nonce},p={proof},x=1"), Some(LoginFault::Malformed)),
        (alloc::format!("c=biws,m=1,r=abc{nonce},p={proof}"), Some(LoginFault::Malformed)),
        (alloc::format!("r=abc{nonce},c=biws,p={proof}"), Some(LoginFault::Malformed)),
        (alloc::format!("c=*,r=abc{nonce},p={proof}"), Some(LoginFault::Malformed)),
        (String::new(), Some(LoginFault::Malformed)),
    ] {
        assert_eq!(begin().1.last(message.as_bytes()).err(), fault, "{message}");
    }
    let (user, transcript, octets) =
        begin().1.last(alloc::format!("c=biws,r=abc{nonce},p={proof}").as_bytes()).expect("fit");
    assert_eq!((user.as_str(), octets), ("user", [5; 32]));
    let wanted = alloc::format!("n=user,r=abc,r=abc{nonce},s=c2FsdA==,i=4096,c=biws,r=abc{nonce}");
    assert_eq!(transcript, wanted.as_bytes());
}

#[test]
fn a_binding_to_another_channel_is_found() {
    let nonce = Base64::encode_string(&[7; 18]);
    let proof = Base64::encode_string(&[5; 32]);
    for (octets, fits) in [([9; 32], true), ([8; 32], false)] {
        let first = First::read(b"p=tls-exporter,,n=user,r=abc", true, &bound()).expect("fit");
        let (_, challenged) = first.challenge(&terms(bound()), b"salt", 4096);
        let mut binding = b"p=tls-exporter,,".to_vec();
        binding.extend_from_slice(&octets);
        let message = alloc::format!("c={},r=abc{nonce},p={proof}", Base64::encode_string(&binding));
        assert_eq!(challenged.last(message.as_bytes()).is_ok(), fits);
    }
}

proptest! {
    #[test]
    fn no_message_breaks_it(message in "[npy=,a-z]{0,40}|.{0,60}", plus: bool) {
        if let Ok(first) = First::read(message.as_bytes(), plus, &bound()) {
            prop_assert!(message.contains(",r="));
            let (text, challenged) = first.challenge(&terms(bound()), b"salt", 4096);
            prop_assert!(text.is_ascii());
            let _ = challenged.last(message.as_bytes());
        }
    }

    #[test]
    fn an_escaped_name_is_the_name(name in "[a-z=,\u{fc}]{1,20}") {
        let escaped = name.replace('=', "=3D").replace(',', "=2C");
        prop_assert_eq!(sasl_name(&escaped), UserName::new(&name));
    }

    #[test]
    fn no_text_breaks_the_keys(text in "(SCRAM-SHA-256\\$)?[0-9]{0,8}:?[A-Za-z0-9+/=]{0,48}[$:]{0,2}[A-Za-z0-9+/=:]{0,90}") {
        if let Some(keys) = ScramKeys::parse(&text) {
            let again = ScramKeys::parse(&keys.text()).expect("our own");
            prop_assert_eq!(again.text(), keys.text());
        }
    }
}
