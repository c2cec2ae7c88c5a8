//! Filler for the lines of an exchange, in place of passwords, tokens and proofs: of the same length, and leading an
//! exchange the same way, so that a recorded session can be lived through again. Names of users stay, as addresses do.
//!
//! Each function makes up octets that end at the same fault as those it got, or at none; what is not sure to do so
//! becomes octets that no mechanism takes.

use super::mechanism::Mechanism;
use super::name::UserName;
use super::scram::gs2;
use super::secret::Secret;
use super::{base64, bearer, plain};
use alloc::vec::Vec;

/// What is in no password, name or message of a mechanism, and yet base64 of anything.
const NOTHING: u8 = 0x01;

/// Which line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    First(Mechanism),
    Password,
    Proof,
    /// One that must be empty, or may be anything.
    Last,
}

/// A line, or the initial response behind AUTH, as it may be written down.
pub(super) fn line(which: Line, line: &[u8]) -> Vec<u8> {
    if line == b"*" {
        return line.to_vec();
    }
    match base64::decode(line) {
        Some(response) => base64::encode(&response_of(which, response)).into_bytes(),
        // An exclamation mark is in no base64.
        None => alloc::vec![b'!'; line.len()],
    }
}

fn response_of(which: Line, response: Secret) -> Vec<u8> {
    let octets = response.reveal();
    let nothing = alloc::vec![NOTHING; octets.len()];
    match which {
        Line::First(Mechanism::Plain) => filled_behind(octets, plain_password_at(octets), nothing),
        Line::First(Mechanism::Login | Mechanism::External) => {
            if UserName::from_octets(octets).is_some() {
                octets.to_vec()
            } else {
                nothing
            }
        }
        Line::First(Mechanism::OAuthBearer) => {
            let token = bearer::message(&response).ok().and_then(|_| memchr::memmem::find(octets, b"earer "));
            let Some(at) = token.map(|at| at + b"earer ".len()) else { return nothing };
            let end = octets[at..].iter().position(|octet| *octet == 0x01).map_or(octets.len(), |to| at + to);
            let mut filled = octets.to_vec();
            filled[at..end].fill(b'x');
            filled
        }
        Line::First(Mechanism::ScramSha256 | Mechanism::ScramSha256Plus) => {
            let text = core::str::from_utf8(octets).ok();
            match text.and_then(|text| gs2::Header::read(text).ok()) {
                // Name and nonce, and no secret yet.
                Some((_, bare)) if bare.starts_with("n=") => octets.to_vec(),
                Some((_, bare)) => {
                    let mut filled = octets.to_vec();
                    filled[octets.len() - bare.len()..].fill(NOTHING);
                    filled
                }
                None => nothing,
            }
        }
        Line::Password => match plain::password(response) {
            Ok(password) => alloc::vec![b'x'; password.reveal().len()],
            Err(_) => nothing,
        },
        Line::Proof => {
            let at = memchr::memmem::rfind(octets, b",p=").map(|at| at + b",p=".len());
            let proof = at.map(|at| &octets[at..]).and_then(base64::decode);
            match (at, proof) {
                (Some(at), Some(proof)) => {
                    let mut filled = octets[..at].to_vec();
                    filled
                        .extend_from_slice(base64::encode(&alloc::vec![0; proof.reveal().len()]).as_bytes());
                    filled
                }
                _ => nothing,
            }
        }
        Line::Last => nothing,
    }
}

/// Where the password of PLAIN's message begins, if it is one.
fn plain_password_at(octets: &[u8]) -> Option<usize> {
    use super::fault::LoginFault;
    let fits = match plain::message(Secret::from(octets)) {
        // It is wrong because of its names.
        Ok(_) | Err(LoginFault::Wrong) => true,
        Err(_) => false,
    };
    let mut nuls = octets.iter().enumerate().filter(|(_, octet)| **octet == 0).map(|(at, _)| at);
    nuls.nth(1).filter(|_| fits).map(|at| at + 1)
}

fn filled_behind(octets: &[u8], at: Option<usize>, otherwise: Vec<u8>) -> Vec<u8> {
    let Some(at) = at else { return otherwise };
    let mut filled = octets.to_vec();
    filled[at..].fill(b'x');
    filled
}
