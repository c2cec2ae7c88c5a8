//! SCRAM: an honest client gets in with its own messages and with none that were changed; kept keys survive being written.

use base64ct::{Base64, Encoding};
use smtpserver_core::auth::scram::{Cost, ScramKeys};
use smtpserver_core::auth::{
    Channel, Check, Finding, LoginFault, Mechanism, Nonce, Prompts, Request, Step, Terms, UserName, begin,
};

/// All of it is, in turn: a line of kept keys; a client's first message; and, behind the last line end, its last one.
pub fn scram(data: &[u8]) {
    if let Some(keys) = std::str::from_utf8(data).ok().and_then(ScramKeys::parse) {
        let again = ScramKeys::parse(&keys.text()).expect("our own writing");
        assert_eq!((again.text(), again.salt()), (keys.text(), keys.salt()));
        assert_eq!(keys.prove(b"", &[0; 32]), None);
    }
    if let Some(user) = UserName::from_octets(data) {
        let nobody = ScramKeys::nobody(b"secret", &user, Cost::default());
        assert_eq!(nobody.text(), ScramKeys::nobody(b"secret", &user, Cost::default()).text());
    }
    let at = data.iter().rposition(|octet| *octet == b'\n').unwrap_or(data.len());
    let (first, last) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    let bound = first.starts_with(b"p");
    let mechanism = if bound { Mechanism::ScramSha256Plus } else { Mechanism::ScramSha256 };
    // A message of no octets is written so.
    let initial = if first.is_empty() { "=".to_owned() } else { Base64::encode_string(first) };
    let request = Request::parse(&format!("{mechanism} {initial}")).expect("two words");
    let channel = Channel {
        is_private: true,
        certificate: None,
        exporter: bound.then(|| vec![9; 32]),
        end_point: None,
    };
    let terms = Terms { prompts: Prompts::default(), channel, nonce: Nonce::new([7; 18]) };
    let Step::Ask(Check::Salt { user }, asking) = begin(mechanism, &request, terms) else { return };
    let salt = Finding::Salt { salt: b"salt".to_vec(), iterations: 4_096 };
    let Step::Challenge(text, awaiting) = asking.answered(salt) else { panic!("no challenge") };
    let challenge = Base64::decode_vec(&text).expect("base64");
    assert!(challenge.ends_with(b",s=c2FsdA==,i=4096"));
    match awaiting.line(Base64::encode_string(last).as_bytes()) {
        Step::Ask(Check::Proof { user: same, transcript, .. }, _) => {
            assert_eq!(user, same);
            // Both messages are in what is signed, whole: nothing of them can have been changed on the way.
            let unproven = last.windows(3).rposition(|three| three == b",p=").expect("a proof");
            let bare = transcript.len() - challenge.len() - unproven - 2;
            assert!(first.ends_with(&transcript[..bare]));
            assert_eq!(transcript[bare + 1..][..challenge.len()], challenge);
            assert_eq!(transcript[bare + challenge.len() + 2..], last[..unproven]);
        }
        Step::Failed(fault) => {
            assert!(
                matches!(fault, LoginFault::Malformed | LoginFault::Wrong | LoginFault::TooLong),
                "{fault:?}"
            );
        }
        other @ (Step::Challenge(..) | Step::Ask(..) | Step::AskLeave(..) | Step::Passed(_)) => {
            panic!("{other:?}")
        }
    }
}
