//! Whole exchanges with a back end that knows one user.

use super::*;
use crate::limits::{AUTH_LINE_MAX, PASSWORD_OCTETS_MAX};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base64ct::{Base64, Encoding};
use proptest::prelude::*;

const SALT: &[u8] = b"0123456789abcdef";
const ITERATIONS: u32 = 4096;

fn keys() -> scram::ScramKeys {
    scram::ScramKeys::of(b"pencil", SALT, ITERATIONS)
}

/// Knows ann, her password `pencil` and her token `abc`.
fn finding(check: &Check) -> Finding {
    let right = |right: bool| if right { Finding::Right } else { Finding::Wrong };
    let known = check.user().as_str() == "ann";
    match check {
        Check::Password { password, .. } => right(known && password.reveal() == b"pencil"),
        Check::Token { token, .. } => right(known && token.reveal() == b"abc"),
        Check::Salt { .. } => Finding::Salt { salt: SALT.to_vec(), iterations: ITERATIONS },
        Check::Proof { transcript, proof, .. } => {
            keys().prove(transcript, proof).filter(|_| known).map_or(Finding::Wrong, Finding::Proven)
        }
    }
}

fn channel() -> Channel {
    Channel {
        is_private: true,
        certificate: UserName::new("ann"),
        exporter: Some(Vec::from([9; 32])),
        end_point: None,
    }
}

/// What the client hears (challenges in clear) and what came of it.
fn talk(command: &str, lines: &[&[u8]]) -> (Vec<String>, Result<LoggedIn, LoginFault>) {
    let request = Request::parse(command).expect("words");
    let mechanism = request.mechanism.expect("a mechanism");
    let terms = Terms { prompts: Prompts::default(), channel: channel(), nonce: Nonce::new([7; 18]) };
    let mut heard = Vec::new();
    let mut lines = lines.iter();
    let mut step = begin(mechanism, &request, terms);
    loop {
        step = match step {
            Step::Challenge(text, awaiting) => {
                assert_eq!(awaiting.mechanism(), mechanism);
                heard.push(String::from_utf8(Base64::decode_vec(&text).expect("base64")).expect("text"));
                awaiting.line(lines.next().expect("the client has more to say"))
            }
            Step::Ask(check, asking) => asking.answered(finding(&check)),
            Step::AskLeave(user, asking) => {
                assert_eq!(user.as_str(), "ann");
                asking.answered(Finding::Right)
            }
            Step::Passed(logged_in) => {
                assert_eq!((logged_in.user().as_str(), logged_in.mechanism()), ("ann", mechanism));
                return (heard, Ok(logged_in));
            }
            Step::Failed(fault) => return (heard, Err(fault)),
        };
    }
}

fn b64(octets: &[u8]) -> String {
    Base64::encode_string(octets)
}

fn ends(command: &str, lines: &[&[u8]]) -> Option<LoginFault> {
    talk(command, lines).1.err()
}

#[test]
fn plain_takes_one_message_at_once_or_when_asked() {
    let right = b64(b"\0ann\0pencil");
    assert_eq!(ends(&alloc::format!("PLAIN {right}"), &[]), None);
    assert_eq!(ends(&alloc::format!("plain \t{right} "), &[]), None);
    let (heard, result) = talk("PLAIN", &[right.as_bytes()]);
    assert_eq!((heard, result.is_ok()), (Vec::from([String::new()]), true));
    for (message, fault) in [
        (&b"ann\0ann\0pencil"[..], None),
        (b"bob\0ann\0pencil", Some(LoginFault::Wrong)),
        (b"\0ann\0Pencil", Some(LoginFault::Wrong)),
        (b"\0bob\0pencil", Some(LoginFault::Wrong)),
        (b"\0ann", Some(LoginFault::Malformed)),
        (b"\0ann\0", Some(LoginFault::Malformed)),
        (b"\0\0pencil", Some(LoginFault::Malformed)),
        (b"\0ann\0pencil\0", Some(LoginFault::Malformed)),
        (b"\0ann\0pen\ncil", Some(LoginFault::Malformed)),
        (b"\0an\nn\0pencil", Some(LoginFault::Malformed)),
        (b"\0ann\0p\xffncil", Some(LoginFault::Malformed)),
        (b"", Some(LoginFault::Malformed)),
    ] {
        assert_eq!(ends("PLAIN", &[b64(message).as_bytes()]), fault, "{}", message.escape_ascii());
    }
    let long = [b"\0ann\0".as_slice(), &[b'x'; PASSWORD_OCTETS_MAX + 1]].concat();
    assert_eq!(ends("PLAIN", &[b64(&long).as_bytes()]), Some(LoginFault::Malformed));
    assert_eq!(ends("PLAIN", &[b64(&long[..long.len() - 1]).as_bytes()]), Some(LoginFault::Wrong));
    assert_eq!(ends("PLAIN =", &[]), Some(LoginFault::Malformed));
}

#[test]
fn what_is_no_response_ends_any_exchange() {
    let long = "A".repeat(AUTH_LINE_MAX + 4);
    for mechanism in Mechanism::ALL {
        let says = |line: &[u8]| ends(mechanism.name(), &[line]);
        assert_eq!(says(b"*"), Some(LoginFault::Cancelled));
        assert_eq!(says(b"**"), Some(LoginFault::NotBase64));
        assert_eq!(
            says(b"QUIT"),
            if mechanism == Mechanism::External {
                Some(LoginFault::Wrong)
            } else {
                Some(LoginFault::Malformed)
            }
        );
        assert_eq!(says(b"="), Some(LoginFault::NotBase64));
        assert_eq!(says(long.as_bytes()), Some(LoginFault::TooLong));
        assert_eq!(ends(&alloc::format!("{mechanism} AA=A"), &[]), Some(LoginFault::NotBase64));
    }
}

#[test]
fn login_asks_twice_or_once() {
    let (user, password) = (b64(b"ann"), b64(b"pencil"));
    let (heard, result) = talk("LOGIN", &[user.as_bytes(), password.as_bytes()]);
    assert_eq!(heard, ["Username:", "Password:"]);
    assert!(result.is_ok());
    let (heard, result) = talk(&alloc::format!("LOGIN {user}"), &[password.as_bytes()]);
    assert_eq!(heard, ["Password:"]);
    assert!(result.is_ok());
    assert_eq!(ends("LOGIN", &[user.as_bytes(), b"*"]), Some(LoginFault::Cancelled));
    assert_eq!(ends("LOGIN", &[b""]), Some(LoginFault::Malformed));
    assert_eq!(ends("LOGIN", &[user.as_bytes(), b""]), Some(LoginFault::Malformed));
    assert_eq!(ends("LOGIN", &[user.as_bytes(), b64(b"crayon").as_bytes()]), Some(LoginFault::Wrong));
    // Old clients do not know UTF-8.
    assert_eq!(ends("LOGIN", &[user.as_bytes(), b64(b"p\xe9n").as_bytes()]), Some(LoginFault::Wrong));
}

#[test]
fn external_is_whom_the_certificate_names() {
    assert_eq!(ends("EXTERNAL =", &[]), None);
    assert_eq!(ends("EXTERNAL", &[b""]), None);
    assert_eq!(ends("EXTERNAL", &[b64(b"ann").as_bytes()]), None);
    assert_eq!(ends("EXTERNAL", &[b64(b"bob").as_bytes()]), Some(LoginFault::Wrong));
    let terms =
        Terms { prompts: Prompts::default(), channel: Channel::default(), nonce: Nonce::new([0; 18]) };
    let request = Request::parse("EXTERNAL =").expect("words");
    assert!(matches!(begin(Mechanism::External, &request, terms), Step::Failed(LoginFault::Wrong)));
}

#[test]
fn a_bearer_token_is_read_and_bad_news_is_told_before_the_end() {
    let message = |text: &str| b64(text.replace('^', "\x01").as_bytes());
    assert_eq!(
        ends("OAUTHBEARER", &[message("n,a=ann,^host=mx^port=587^auth=Bearer abc^^").as_bytes()]),
        None
    );
    assert_eq!(ends("OAUTHBEARER", &[message("n,a=ann,^auth=bearer abc^^").as_bytes()]), None);
    let (heard, result) = talk("OAUTHBEARER", &[message("n,a=ann,^auth=Bearer x==^^").as_bytes(), b"AQ=="]);
    assert_eq!(heard, ["", "{\"status\":\"invalid_token\"}"]);
    assert_eq!(result, Err(LoginFault::Wrong));
    for text in [
        "n,,^auth=Bearer abc^^",
        "n,a=ann,^auth=Basic abc^^",
        "n,a=ann,^auth=Bearer ^^",
        "n,a=ann,^auth=Bearer ==^^",
        "n,a=ann,^auth=Bearer a c^^",
        "n,a=ann,^auth=Bearer abc^auth=Bearer abc^^",
        "n,a=ann,^auth=Bearer abc^",
        "n,a=ann,^^",
        "n,a=ann,^",
        "n,a=ann,",
        "p=tls-exporter,a=ann,^auth=Bearer abc^^",
        "n,a=ann,x^auth=Bearer abc^^",
    ] {
        assert_eq!(ends("OAUTHBEARER", &[message(text).as_bytes()]), Some(LoginFault::Malformed), "{text}");
    }
}

/// A client that computes as RFC 5802 §3 says, written from the formulas and not from the server.
fn scram_client(plus: bool, user: &str, password: &[u8]) -> (Vec<String>, Result<LoggedIn, LoginFault>) {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};
    let hmac = |key: &[u8], text: &[u8]| -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
        mac.update(text);
        mac.finalize().into_bytes().into()
    };
    let header = if plus { "p=tls-exporter,," } else { "n,," };
    let bare = alloc::format!("n={user},r=client");
    let nonce = alloc::format!("client{}", b64(&[7; 18]));
    let mut binding = header.as_bytes().to_vec();
    if plus {
        binding.extend_from_slice(&[9; 32]);
    }
    let unproven = alloc::format!("c={},r={nonce}", b64(&binding));
    let transcript = alloc::format!("{bare},r={nonce},s={},i={ITERATIONS},{unproven}", b64(SALT));
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password, SALT, ITERATIONS, &mut salted);
    let client_key = hmac(&salted, b"Client Key");
    let stored_key: [u8; 32] = Sha256::digest(client_key).into();
    let signature = hmac(&stored_key, transcript.as_bytes());
    let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    let last = alloc::format!("{unproven},p={}", b64(&proof));
    let name = if plus { "SCRAM-SHA-256-PLUS" } else { "SCRAM-SHA-256" };
    let first = b64(alloc::format!("{header}{bare}").as_bytes());
    let (mut heard, result) =
        talk(&alloc::format!("{name} {first}"), &[b64(last.as_bytes()).as_bytes(), b""]);
    if result.is_ok() {
        let server_key = hmac(&salted, b"Server Key");
        let signature = alloc::format!("v={}", b64(&hmac(&server_key, transcript.as_bytes())));
        assert_eq!(heard.pop(), Some(signature), "the server must know the password, too");
    }
    (heard, result)
}

#[test]
fn scram_proves_both_sides_with_and_without_binding() {
    for plus in [false, true] {
        let (heard, result) = scram_client(plus, "ann", b"pencil");
        assert!(result.is_ok());
        assert_eq!(heard.len(), 1);
        let (same, result) = scram_client(plus, "ann", b"crayon");
        assert_eq!(result, Err(LoginFault::Wrong));
        assert_eq!(same, heard);
        assert_eq!(scram_client(plus, "bob", b"pencil").1, Err(LoginFault::Wrong));
    }
}

#[test]
fn an_answer_to_another_question_lets_nobody_in() {
    let all = [
        Finding::Right,
        Finding::Proven([0; 32]),
        Finding::Salt { salt: SALT.to_vec(), iterations: 1 },
        Finding::Wrong,
        Finding::Trouble,
    ];
    let first = b64(b"n,a=ann,\x01auth=Bearer abc\x01\x01");
    for (command, fits) in [
        (alloc::format!("PLAIN {}", b64(b"\0ann\0pencil")), Finding::Right),
        (alloc::format!("OAUTHBEARER {first}"), Finding::Right),
        (
            alloc::format!("SCRAM-SHA-256 {}", b64(b"n,,n=ann,r=x")),
            Finding::Salt { salt: Vec::new(), iterations: 0 },
        ),
    ] {
        for finding in &all {
            let request = Request::parse(&command).expect("words");
            let terms = Terms { prompts: Prompts::default(), channel: channel(), nonce: Nonce::new([7; 18]) };
            let Step::Ask(check, asking) = begin(request.mechanism.expect("known"), &request, terms) else {
                panic!("{command} asks")
            };
            assert!(!alloc::format!("{check:?} {asking:?} {request:?}").contains("pencil"));
            assert_eq!(check.decides(), fits == Finding::Right);
            match asking.answered(finding.clone()) {
                Step::Passed(_) => assert_eq!(*finding, Finding::Right, "{command}"),
                Step::Failed(LoginFault::Wrong) => assert_eq!(*finding, Finding::Wrong),
                Step::Failed(fault) => assert_eq!(fault, LoginFault::Trouble),
                Step::Challenge(text, _) => assert!(!text.is_empty() && *finding != Finding::Trouble),
                Step::Ask(..) | Step::AskLeave(..) => panic!("{command} asks twice"),
            }
        }
    }
}

#[test]
fn words_behind_auth() {
    assert_eq!(Request::parse("CRAM-MD5").expect("words").mechanism, None);
    assert_eq!(Request::parse(""), None);
    assert_eq!(Request::parse("PLAIN a b"), None);
    assert_eq!(
        alloc::format!("{:?}", Request::parse("PLAIN AGFu")),
        "Some(Request(Some(Plain) with an initial response))"
    );
    assert_eq!(LoginFault::Wrong.name().to_string(), "login-wrong");
    assert!(
        LoginFault::NoSuchMechanism.is_guess()
            && !LoginFault::Cancelled.is_guess()
            && !LoginFault::Trouble.is_guess()
    );
}

proptest! {
    #[test]
    fn no_lines_break_an_exchange_and_every_one_ends(
        which in 0_usize..6,
        initial in prop::option::of("[A-Za-z0-9+/=]{0,40}"),
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 4..5),
        encoded: bool,
    ) {
        let name = Mechanism::ALL[which].name();
        let command = initial.map_or(name.to_string(), |initial| alloc::format!("{name} {initial}"));
        let lines: Vec<Vec<u8>> =
            lines.into_iter().map(|line| if encoded { b64(&line).into_bytes() } else { line }).collect();
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let (heard, _) = talk(&command, &lines);
        prop_assert!(heard.len() <= 4);
    }
}
