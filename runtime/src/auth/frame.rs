//! What goes over the line between the network process and its helper: frames of a length and a body. Neither side
//! trusts the other with more than that: a body that is not understood is no message, and a length that is too big ends the
//! line.

use crate::limits::FRAME_OCTETS_MAX;
use smtpserver_core::auth::{Check, Finding, Means, Secret, UserName};
use std::io::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroizing;

/// A whole frame, or the body of one. It may hold a password.
pub(super) type Octets = Zeroizing<Vec<u8>>;

/// What the helper says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// It is ready; or what it can check has changed.
    Means(Means),
    /// It cannot work like this, and ends.
    Unfit(String),
    /// Something for the log.
    Note(String),
    /// The answer to the question of that number.
    Answer(u64, Finding),
}

const PASSWORD: u8 = 1;
const TOKEN: u8 = 2;
const SALT: u8 = 3;
const PROOF: u8 = 4;

const MEANS: u8 = 16;
const UNFIT: u8 = 17;
const NOTE: u8 = 18;
const RIGHT: u8 = 19;
const WRONG: u8 = 20;
const TROUBLE: u8 = 21;
const SALTED: u8 = 22;
const PROVEN: u8 = 23;

/// A question as a frame; nothing when it is too big for one.
pub(super) fn question(number: u64, check: &Check) -> Option<Octets> {
    let user = check.user().as_str().as_bytes();
    match check {
        Check::Password { password, .. } => frame(PASSWORD, number, &[user, password.reveal()]),
        Check::Token { token, .. } => frame(TOKEN, number, &[user, token.reveal()]),
        Check::Salt { .. } => frame(SALT, number, &[user]),
        Check::Proof { transcript, proof, .. } => frame(PROOF, number, &[user, transcript, proof]),
    }
}

/// A body as a question.
pub(super) fn read_question(body: &[u8]) -> Option<(u64, Check)> {
    let (kind, number, fields) = parts(body)?;
    let user = UserName::from_octets(fields.first()?)?;
    let check = match (kind, &fields[1..]) {
        (PASSWORD, [password]) => Check::Password { user, password: Secret::from(*password) },
        (TOKEN, [token]) => Check::Token { user, token: Secret::from(*token) },
        (SALT, []) => Check::Salt { user },
        (PROOF, [transcript, proof]) => {
            Check::Proof { user, transcript: transcript.to_vec(), proof: (*proof).try_into().ok()? }
        }
        _ => return None,
    };
    Some((number, check))
}

/// A notice as a frame; nothing when it is too big for one.
pub(super) fn notice(notice: &Notice) -> Option<Octets> {
    match notice {
        Notice::Means(means) => {
            frame(MEANS, 0, &[&[means.passwords, means.proofs, means.tokens].map(u8::from)])
        }
        Notice::Unfit(text) => frame(UNFIT, 0, &[text.as_bytes()]),
        Notice::Note(text) => frame(NOTE, 0, &[text.as_bytes()]),
        Notice::Answer(number, finding) => match finding {
            Finding::Right => frame(RIGHT, *number, &[]),
            Finding::Wrong => frame(WRONG, *number, &[]),
            Finding::Trouble => frame(TROUBLE, *number, &[]),
            Finding::Proven(signature) => frame(PROVEN, *number, &[signature]),
            Finding::Salt { salt, iterations } => frame(SALTED, *number, &[salt, &iterations.to_be_bytes()]),
        },
    }
}

/// A body as a notice.
pub(super) fn read_notice(body: &[u8]) -> Option<Notice> {
    let (kind, number, fields) = parts(body)?;
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let finding = match (kind, fields.as_slice()) {
        (MEANS, [[passwords @ 0..=1, proofs @ 0..=1, tokens @ 0..=1]]) => {
            let means = Means { passwords: *passwords == 1, proofs: *proofs == 1, tokens: *tokens == 1 };
            return Some(Notice::Means(means));
        }
        (UNFIT, [octets]) => return Some(Notice::Unfit(text(octets))),
        (NOTE, [octets]) => return Some(Notice::Note(text(octets))),
        (RIGHT, []) => Finding::Right,
        (WRONG, []) => Finding::Wrong,
        (TROUBLE, []) => Finding::Trouble,
        (PROVEN, [signature]) => Finding::Proven((*signature).try_into().ok()?),
        (SALTED, [salt, iterations]) => Finding::Salt {
            salt: salt.to_vec(),
            iterations: u32::from_be_bytes((*iterations).try_into().ok()?),
        },
        _ => return None,
    };
    Some(Notice::Answer(number, finding))
}

/// Length, kind, number, then each field with its length.
fn frame(kind: u8, number: u64, fields: &[&[u8]]) -> Option<Octets> {
    let octets = 9 + fields.iter().map(|field| 2 + field.len()).sum::<usize>();
    let length = u32::try_from(octets).ok().filter(|_| octets <= FRAME_OCTETS_MAX)?;
    // Made in its full size at once: a vector that grows leaves copies behind.
    let mut frame = Zeroizing::new(Vec::with_capacity(4 + octets));
    frame.extend_from_slice(&length.to_be_bytes());
    frame.push(kind);
    frame.extend_from_slice(&number.to_be_bytes());
    for field in fields {
        frame.extend_from_slice(&u16::try_from(field.len()).ok()?.to_be_bytes());
        frame.extend_from_slice(field);
    }
    Some(frame)
}

fn parts(body: &[u8]) -> Option<(u8, u64, Vec<&[u8]>)> {
    let (&kind, rest) = body.split_first()?;
    let (number, mut rest) = rest.split_first_chunk()?;
    let mut fields = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk() {
        let (field, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        fields.push(field);
        rest = behind;
    }
    rest.is_empty().then_some((kind, u64::from_be_bytes(*number), fields))
}

/// The body of the next frame; nothing at the end of the line.
pub(super) async fn read_body(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Octets>> {
    let mut length = [0; 4];
    if stream.read(&mut length[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut length[1..]).await?;
    let length = body_octets(length)?;
    let mut body = Zeroizing::new(vec![0; length]);
    stream.read_exact(&mut body).await?;
    Ok(Some(body))
}

/// As [`read_body`], for who may wait.
pub(super) fn read_body_now(stream: &mut impl std::io::Read) -> Result<Octets> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut body = Zeroizing::new(vec![0; body_octets(length)?]);
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn body_octets(length: [u8; 4]) -> Result<usize> {
    let length =
        usize::try_from(u32::from_be_bytes(length)).ok().filter(|length| *length <= FRAME_OCTETS_MAX);
    length.ok_or_else(|| Error::new(ErrorKind::InvalidData, "a frame that is too big"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(frame: Option<Octets>) -> Octets {
        let frame = frame.expect("not too big");
        let (length, body) = frame.split_first_chunk::<4>().expect("a length");
        assert_eq!(usize::try_from(u32::from_be_bytes(*length)).expect("small"), body.len());
        Zeroizing::new(body.to_vec())
    }

    fn checks() -> Vec<Check> {
        let user = UserName::new("ann@example.org").expect("a name");
        let secret = Secret::from(&b"a\xffb"[..]);
        vec![
            Check::Password { user: user.clone(), password: secret.clone() },
            Check::Token { user: user.clone(), token: secret },
            Check::Salt { user: user.clone() },
            Check::Proof { user, transcript: vec![b'x'; 20_000], proof: [7; 32] },
        ]
    }

    fn notices() -> Vec<Notice> {
        vec![
            Notice::Means(Means { passwords: true, proofs: false, tokens: true }),
            Notice::Unfit("cannot read".into()),
            Notice::Note("changed".into()),
            Notice::Answer(0, Finding::Right),
            Notice::Answer(u64::MAX, Finding::Wrong),
            Notice::Answer(1, Finding::Trouble),
            Notice::Answer(2, Finding::Salt { salt: vec![1, 2, 3], iterations: 4096 }),
            Notice::Answer(3, Finding::Proven([9; 32])),
        ]
    }

    #[test]
    fn what_is_said_is_understood() {
        for check in checks() {
            assert_eq!(read_question(&body(question(42, &check))), Some((42, check)));
        }
        for said in notices() {
            assert_eq!(read_notice(&body(notice(&said))), Some(said));
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_no_message_or_another_one_and_never_a_panic() {
        let bodies = checks().iter().map(|check| body(question(1, check))).collect::<Vec<_>>();
        for body in
            bodies.iter().chain(&notices().iter().map(|said| self::body(notice(said))).collect::<Vec<_>>())
        {
            for at in 0..body.len().min(300) {
                assert_eq!(read_question(&body[..at]), None, "cut at {at}");
                for octet in [0, 1, 4, 19, 255] {
                    let mut other = body.clone();
                    other[at] = octet;
                    let _ = (read_question(&other), read_notice(&other));
                }
            }
        }
        assert_eq!(read_notice(&[RIGHT, 0, 0, 0, 0, 0, 0, 0, 0, 7]), None);
    }

    #[tokio::test]
    async fn a_length_that_is_too_big_ends_the_line() {
        let mut line: &[u8] = &[0, 0, 0, 1, 9, 0xff, 0, 0, 0, 1];
        assert_eq!(read_body(&mut line).await.expect("a frame").expect("more").as_slice(), [9]);
        assert!(read_body(&mut line).await.is_err());
        let mut cut: &[u8] = &[0, 0, 0, 2, 9];
        assert!(read_body(&mut cut).await.is_err());
        assert!(read_body(&mut &b""[..]).await.expect("the end").is_none());
        let huge = Check::Token {
            user: UserName::new("ann").expect("a name"),
            token: Secret::new(vec![b'x'; FRAME_OCTETS_MAX]),
        };
        assert!(question(1, &huge).is_none());
    }
}
