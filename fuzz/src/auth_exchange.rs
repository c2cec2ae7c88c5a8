//! Logins: whatever a client says, an exchange ends, asks only what may be asked, and lets nobody in whom the back end
//! has not let in.

use crate::choice;
use smtpserver_core::auth::{
    Channel, Check, Finding, Mechanism, Nonce, Prompts, Request, Step, Terms, UserName, begin,
};
use smtpserver_core::limits::PASSWORD_OCTETS_MAX;

/// Turns of a client that any exchange may take.
const TURNS_MAX: usize = 4;

/// One octet chooses the mechanism, one what the back end finds and what is known of the channel; then lines.
pub fn auth_exchange(data: &[u8]) {
    let (which, data) = choice(data);
    let (world, data) = choice(data);
    let mechanism = Mechanism::ALL[usize::from(which) % Mechanism::ALL.len()];
    let mut lines = data.split(|octet| *octet == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let Some(request) = Request::parse(&format!("{mechanism} {first}")) else { return };
    let channel = Channel {
        is_private: true,
        certificate: (world & 8 != 0).then(|| UserName::new("ann").expect("a name")),
        exporter: (world & 16 != 0).then(|| vec![9; 32]),
        end_point: (world & 32 != 0).then(|| vec![8; 32]),
    };
    let certified = channel.certificate.clone();
    let terms = Terms { prompts: Prompts::default(), channel, nonce: Nonce::new([7; 18]) };
    let mut let_in = None;
    let mut turns = 0;
    let mut step = begin(mechanism, &request, terms);
    loop {
        step = match step {
            Step::Challenge(text, awaiting) => {
                assert!(text.len() <= 1_024 && text.is_ascii() && !text.contains(['\r', '\n']));
                turns += 1;
                assert!(turns <= TURNS_MAX, "an exchange without end");
                match lines.next() {
                    Some(line) => awaiting.line(line),
                    None => return,
                }
            }
            Step::Ask(check, asking) => {
                plausible(&check);
                let finding = found(&check, world);
                if matches!(finding, Finding::Right | Finding::Proven(_)) {
                    let_in = Some(check.user().clone());
                }
                asking.answered(finding)
            }
            Step::AskLeave(user, asking) => {
                let may = world % 2 == 0;
                if may {
                    let_in = Some(user);
                }
                asking.answered(if may { Finding::Right } else { Finding::Wrong })
            }
            Step::Passed(logged_in) => {
                assert_eq!(logged_in.mechanism(), mechanism);
                if mechanism == Mechanism::External {
                    assert_eq!(let_in, certified, "the certificate names somebody else");
                }
                assert_eq!(Some(logged_in.user()), let_in.as_ref(), "nobody has let this user in");
                return;
            }
            Step::Failed(fault) => {
                assert!(!fault.name().is_empty());
                return;
            }
        };
    }
}

fn plausible(check: &Check) {
    let user = check.user().as_str();
    assert!((1..=255).contains(&user.len()) && !user.contains(char::is_control));
    match check {
        Check::Password { password, .. } => {
            assert!((1..=PASSWORD_OCTETS_MAX).contains(&password.reveal().len()));
            assert!(!password.reveal().iter().any(u8::is_ascii_control));
        }
        Check::Token { token, .. } => assert!(!token.reveal().is_empty() && token.reveal().is_ascii()),
        Check::Proof { transcript, .. } => assert!(transcript.starts_with(b"n=")),
        Check::Salt { .. } => {}
    }
}

/// What the back end of this world says; now and then nonsense.
fn found(check: &Check, world: u8) -> Finding {
    match (world % 8, check) {
        (0, _) => Finding::Wrong,
        (1, _) => Finding::Trouble,
        (2, _) => Finding::Right,
        (3, _) => Finding::Proven([1; 32]),
        (_, Check::Salt { .. }) => Finding::Salt { salt: vec![1; 16], iterations: 4_096 },
        (_, Check::Proof { .. }) => Finding::Proven([1; 32]),
        (_, Check::Password { .. } | Check::Token { .. }) => Finding::Right,
    }
}
