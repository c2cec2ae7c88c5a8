//! What we want to know of a certificate and the TLS library does not tell: whose it is, under which names, and when its
//! time is over. A reader of DER (X.690) for just that; it trusts nothing, and whoever trusts a certificate has had it
//! checked elsewhere.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use smtpserver_core::limits::{TLS_NAMES_MAX, TLS_TEXT_MAX};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// UTF8String, PrintableString, T61String, IA5String: all of them octets that are ASCII where we use them.
const STRINGS: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const MAIL_ADDRESS: u8 = 0x81;
const DOMAIN: u8 = 0x82;
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// Attributes of a name that we can name.
const ATTRIBUTES: [(&[u8], &str); 9] = [
    (COMMON_NAME, "CN"),
    (&[0x55, 0x04, 0x05], "serialNumber"),
    (&[0x55, 0x04, 0x06], "C"),
    (&[0x55, 0x04, 0x07], "L"),
    (&[0x55, 0x04, 0x08], "ST"),
    (&[0x55, 0x04, 0x0a], "O"),
    (&[0x55, 0x04, 0x0b], "OU"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01], "emailAddress"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19], "DC"),
];

/// Whose a certificate is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Holder {
    /// The subject, printable.
    pub(super) subject: String,
    /// The common name, if it is printable, and there is one.
    pub(super) common_name: Option<String>,
    /// Mail addresses among the alternative names.
    pub(super) addresses: Vec<String>,
    /// Domains among the alternative names.
    pub(super) domains: Vec<String>,
    /// When its time is over, in seconds since 1970.
    pub(super) ends: i64,
}

impl Holder {
    /// The common name, then the alternative ones; each once.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.common_name.iter().chain(&self.addresses).chain(&self.domains) {
            if names.len() < TLS_NAMES_MAX && !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }
}

/// Reads a certificate (RFC 5280 §4.1); `None` when it is none.
pub(super) fn holder(certificate: &[u8]) -> Option<Holder> {
    let mut whole = Reader(Reader(certificate).expect(SEQUENCE)?);
    let mut signed = Reader(whole.expect(SEQUENCE)?);
    if signed.peek() == Some(VERSION) {
        signed.next()?;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        signed.next()?;
    }
    let mut validity = Reader(signed.expect(SEQUENCE)?);
    validity.next()?;
    let mut holder = Holder { ends: time(validity.next()?)?, ..Holder::default() };
    subject(&mut holder, signed.expect(SEQUENCE)?)?;
    while let Some((tag, value)) = signed.next() {
        if tag == EXTENSIONS {
            alternative_names(&mut holder, value)?;
        }
    }
    Some(holder)
}

/// Octets, read element by element.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element: its tag and its value. Only short tags and definite lengths are DER.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            if octets.is_empty() || octets.len() > 4 {
                return None;
            }
            (octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next().and_then(|(tag, value)| (tag == wanted).then_some(value))
    }
}

/// The subject with its most special part first, as RFC 4514 writes it.
fn subject(holder: &mut Holder, name: &[u8]) -> Option<()> {
    let mut parts = Vec::new();
    let mut sets = Reader(name);
    while !sets.0.is_empty() {
        let mut set = Reader(sets.expect(SET)?);
        while !set.0.is_empty() {
            let mut attribute = Reader(set.expect(SEQUENCE)?);
            let kind = attribute.expect(OBJECT_IDENTIFIER)?;
            let (tag, value) = attribute.next()?;
            let Some((_, word)) = ATTRIBUTES.iter().find(|(own, _)| *own == kind) else { continue };
            if kind == COMMON_NAME && STRINGS.contains(&tag) {
                holder.common_name = plain(value);
            }
            parts.push(format!("{word}={}", shown(value)));
        }
    }
    parts.reverse();
    holder.subject = parts.join(",");
    holder.subject.truncate(TLS_TEXT_MAX);
    Some(())
}

fn alternative_names(holder: &mut Holder, extensions: &[u8]) -> Option<()> {
    let mut list = Reader(Reader(extensions).expect(SEQUENCE)?);
    while !list.0.is_empty() {
        let mut extension = Reader(list.expect(SEQUENCE)?);
        if extension.expect(OBJECT_IDENTIFIER)? != ALTERNATIVE_NAMES {
            continue;
        }
        let (mut tag, mut value) = extension.next()?;
        if tag != OCTET_STRING {
            // Whether it is critical comes first.
            (tag, value) = extension.next()?;
        }
        if tag != OCTET_STRING {
            return None;
        }
        let mut names = Reader(Reader(value).expect(SEQUENCE)?);
        while let Some((tag, value)) = names.next() {
            match tag {
                MAIL_ADDRESS => holder.addresses.extend(plain(value)),
                DOMAIN => holder.domains.extend(plain(value).map(|domain| domain.to_ascii_lowercase())),
                _ => {}
            }
        }
    }
    Some(())
}

/// A name that can be compared: nothing but printable ASCII, and not cut.
fn plain(value: &[u8]) -> Option<String> {
    let fits = !value.is_empty()
        && value.len() <= TLS_TEXT_MAX
        && value.iter().all(|octet| (b' '..=b'~').contains(octet));
    fits.then(|| String::from_utf8_lossy(value).into_owned())
}

/// A name for people: what could look like another part of the subject is marked, what is not ASCII is a question mark.
fn shown(value: &[u8]) -> String {
    let mut out = String::new();
    for octet in value.iter().take(TLS_TEXT_MAX) {
        match octet {
            b',' | b'=' | b'+' | b'\\' | b'"' => out.extend(['\\', char::from(*octet)]),
            b' '..=b'~' => out.push(char::from(*octet)),
            _ => out.push('?'),
        }
    }
    out
}

/// A time as seconds since 1970 (RFC 5280 §4.1.2.5).
fn time((tag, value): (u8, &[u8])) -> Option<i64> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii())?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let part = |at: usize| rest[at..at + 2].parse::<i8>().ok();
    let date = Date::new(year, part(0)?, part(2)?).ok()?;
    let hour = jiff::civil::Time::new(part(4)?, part(6)?, part(8)?, 0).ok()?;
    Some(date.to_datetime(hour).to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

    fn certificate() -> Vec<u8> {
        let mut params =
            CertificateParams::new(vec!["MX.example".into(), "*.local.example".into()]).expect("names");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "A, \\B=\u{e9}");
        params.distinguished_name.push(DnType::CommonName, "client.example");
        params.subject_alt_names.push(SanType::Rfc822Name("ann@client.example".try_into().expect("ASCII")));
        params.not_after = rcgen::date_time_ymd(2031, 2, 3);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn a_certificate_is_read() {
        let holder = holder(&certificate()).expect("a certificate");
        assert_eq!(holder.common_name.as_deref(), Some("client.example"));
        assert_eq!(holder.subject, "CN=client.example,O=A\\, \\\\B\\=??");
        assert_eq!(holder.domains, ["mx.example", "*.local.example"]);
        assert_eq!(holder.names(), ["client.example", "ann@client.example", "mx.example", "*.local.example"]);
        assert_eq!(holder.ends, 1_927_843_200);
    }

    #[test]
    fn both_forms_of_time_are_read() {
        assert_eq!(time((UTC_TIME, b"491231235959Z")), Some(2_524_607_999));
        assert_eq!(time((UTC_TIME, b"700101000000Z")), Some(0));
        assert_eq!(time((GENERALIZED_TIME, b"20500101000000Z")), Some(2_524_608_000));
        for text in
            [&b"20500101000000"[..], b"205001010000Z", b"20501301000000Z", b"2050010100000\xffZ", b"Z"]
        {
            assert_eq!(time((GENERALIZED_TIME, text)), None);
        }
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(at in 0_usize..500, octet in any::<u8>(), cut in 0_usize..700, noise in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut octets = certificate_once().clone();
            let length = octets.len();
            octets[at % length] = octet;
            octets.truncate(cut.max(1));
            let _ = holder(&octets);
            let _ = holder(&noise);
        }
    }

    fn certificate_once() -> &'static Vec<u8> {
        static MADE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        MADE.get_or_init(certificate)
    }
}
