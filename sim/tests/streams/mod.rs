//! Streams of octets as a client might send them: near valid, and far from it. Shared by the tests of this folder.

use proptest::collection::vec;
use proptest::prelude::*;
use smtpserver_sim::clients::PHRASES;

/// Everything that a client says, from the first octet to the last.
pub(crate) fn streams() -> impl Strategy<Value = Vec<u8>> {
    let phrase = prop_oneof![
        12 => prop::sample::select(PHRASES).prop_map(<[u8]>::to_vec),
        4 => transaction(),
        2 => vec(any::<u8>(), 0..40),
        1 => vec(Just(b'a'), 0..9000),
        1 => vec(prop::sample::select(&b"\r\n.\0 a"[..]), 0..12),
    ];
    // Half of the streams begin as a good client would, or few would get far.
    let opening = prop_oneof![
        Just(Vec::new()),
        Just(PHRASES[0].to_vec()),
        Just([PHRASES[0], PHRASES[2], PHRASES[5]].concat()),
        Just([PHRASES[0], PHRASES[2], PHRASES[5], PHRASES[8]].concat()),
        Just([PHRASES[0], PHRASES[4], PHRASES[5], PHRASES[12]].concat()),
    ];
    (opening, vec(phrase, 0..25)).prop_map(|(opening, rest)| [opening, rest.concat()].concat())
}

/// A whole transaction, which goes as far as the session lets it.
fn transaction() -> impl Strategy<Value = Vec<u8>> {
    let mail = prop::sample::select(&PHRASES[2..5]);
    let recipients = vec(prop::sample::select(&PHRASES[5..8]), 0..6);
    let by_data = text().prop_map(|text| [b"DATA\r\n", text.as_slice(), b"\r\n.\r\n"].concat());
    let chunk = (text(), prop::sample::select(&["", " LAST"][..]))
        .prop_map(|(text, last)| [format!("BDAT {}{last}\r\n", text.len()).as_bytes(), &text].concat());
    let by_chunks = vec(chunk, 1..4).prop_map(|chunks| chunks.concat());
    (mail, recipients, prop_oneof![by_data, by_chunks])
        .prop_map(|(mail, recipients, message)| [b"RSET\r\n", mail, &recipients.concat(), &message].concat())
}

/// A message or a part of one, with all that makes one bad: bare newlines, NUL, too many trace fields, size.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        6 => Just(b"Subject: hi\r\n".to_vec()),
        2 => Just(b"\r\n".to_vec()),
        2 => Just(b".\r\r\n".to_vec()),
        2 => Just(b"..\r\n".to_vec()),
        1 => (98_usize..104).prop_map(|hops| b"received: x\r\n".repeat(hops)),
        1 => Just(vec![b'x'; 3000]),
        1 => vec(prop::sample::select(&b"\r\n.\0 R"[..]), 0..6),
    ];
    vec(line, 0..5).prop_map(|lines| lines.concat())
}
