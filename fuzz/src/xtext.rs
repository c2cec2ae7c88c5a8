//! Xtext: any octets survive the way there and back.

use smtpserver_core::wire::xtext::Xtext;

/// All of it is text to encode, and, if it is text at all, to decode.
pub fn xtext(data: &[u8]) {
    let encoded = Xtext::encode(data);
    assert_eq!(encoded.decoded(), data);
    assert_eq!(Xtext::parse(encoded.as_str()).as_ref(), Some(&encoded));
    if let Some(typed) = std::str::from_utf8(data).ok().and_then(Xtext::parse) {
        assert_eq!(typed.as_str().as_bytes(), data);
        assert_eq!(Xtext::encode(&typed.decoded()).decoded(), typed.decoded());
    }
}
