//! Streams of octets as a client might send them: near valid, and far from it. Shared by the tests of this folder.

use proptest::collection::vec;
use proptest::prelude::*;
use smtpserver_sim::clients::PHRASES;

/// Everything that a client says, from the first octet to the last.
pub(crate) fn streams() -> impl Strategy<Value = Vec<u8>> {
    let phrase = prop_oneof![
        12 => prop::sample::select(PHRASES).prop_map(<[u8]>::to_vec),
        2 => vec(any::<u8>(), 0..40),
        1 => vec(Just(b'a'), 0..9000),
        1 => vec(prop::sample::select(&b"\r\n.\0 a"[..]), 0..12),
    ];
    // Half of the streams begin as a good client would, or few would get far.
    let opening = prop_oneof![
        Just(Vec::new()),
        Just([PHRASES[0], PHRASES[2], PHRASES[5]].concat()),
        Just([PHRASES[0], PHRASES[2], PHRASES[5], PHRASES[8]].concat()),
        Just([PHRASES[0], PHRASES[4], PHRASES[5], PHRASES[12]].concat()),
    ];
    (opening, vec(phrase, 0..25)).prop_map(|(opening, rest)| [opening, rest.concat()].concat())
}
