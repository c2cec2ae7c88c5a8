//! Headers of both versions, whole, cut and damaged; written here by hand, as nothing of ours writes them.

use super::*;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use proptest::prelude::*;

fn told(client: &str, local: &str) -> Ends {
    Ends::Told { client: client.parse().expect(client), local: local.parse().expect(local) }
}

fn header(ends: Ends, used: usize) -> Found {
    Found::Header { ends, used }
}

#[test]
fn lines_of_version_1() {
    let table = [
        (
            "PROXY TCP4 198.51.100.22 203.0.113.7 35646 25\r\nEHLO",
            header(told("198.51.100.22:35646", "203.0.113.7:25"), 47),
        ),
        (
            "PROXY TCP6 2001:db8::1 2001:db8::2 65535 0\r\n",
            header(told("[2001:db8::1]:65535", "[2001:db8::2]:0"), 44),
        ),
        ("PROXY UNKNOWN\r\n", header(Ends::Own, 15)),
        ("PROXY UNKNOWN ffff::1 whatever\r\n", header(Ends::Own, 32)),
        ("", Found::Incomplete),
        ("PRO", Found::Incomplete),
        ("PROXY TCP4 198.51.100.22", Found::Incomplete),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r", Found::Incomplete),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", Found::Broken(ProxyFault::Malformed)),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", Found::Broken(ProxyFault::Malformed)),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", Found::Broken(ProxyFault::Malformed)),
        ("PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", Found::Broken(ProxyFault::Malformed)),
        ("PROXY TCP4 ::1 1.2.3.4 1 2\r\n", Found::Broken(ProxyFault::Malformed)),
        ("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", Found::Broken(ProxyFault::Malformed)),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", Found::Broken(ProxyFault::Malformed)),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", Found::Broken(ProxyFault::Malformed)),
        ("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", Found::Broken(ProxyFault::Unsupported)),
        ("proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", Found::Broken(ProxyFault::Foreign)),
        ("EHLO client.example\r\n", Found::Broken(ProxyFault::Foreign)),
    ];
    for (text, wanted) in table {
        assert_eq!(find(text.as_bytes()), wanted, "{text:?}");
    }
    let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE_MAX - 16));
    assert_eq!(find(longest.as_bytes()), header(Ends::Own, LINE_MAX));
    let longer = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE_MAX - 15));
    assert_eq!(find(longer.as_bytes()), Found::Broken(ProxyFault::TooLong));
}

/// A header of version 2 with this command and family, and these octets behind.
fn binary_header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("short").to_be_bytes();
    [&SIGNATURE[..], &[command, family], &length, body].concat()
}

const FOUR: [u8; 12] = [198, 51, 100, 22, 203, 0, 113, 7, 0x8b, 0x3e, 0, 25];

#[test]
fn headers_of_version_2() {
    let four = told("198.51.100.22:35646", "203.0.113.7:25");
    let mut six = Vec::new();
    six.extend_from_slice(&Ipv6Addr::LOCALHOST.octets());
    six.extend_from_slice(&Ipv6Addr::UNSPECIFIED.octets());
    six.extend_from_slice(&[0, 1, 0, 2]);
    let with_extras = [&FOUR[..], &[4, 0, 2, 9, 9], &[3, 0, 0]].concat();
    let table = [
        (binary_header(0x21, 0x11, &FOUR), header(four, 28)),
        (binary_header(0x21, 0x11, &with_extras), header(four, 36)),
        (binary_header(0x21, 0x21, &six), header(told("[::1]:1", "[::]:2"), 52)),
        (binary_header(0x21, 0x31, &[0; 216]), header(Ends::Own, 232)),
        (binary_header(0x21, 0x00, &[]), header(Ends::Own, 16)),
        (binary_header(0x21, 0x00, &[7; 30]), header(Ends::Own, 46)),
        (binary_header(0x20, 0x11, &FOUR), header(Ends::Own, 28)),
        (binary_header(0x20, 0x00, &[]), header(Ends::Own, 16)),
        (binary_header(0x20, 0xff, &[]), header(Ends::Own, 16)),
        (binary_header(0x21, 0x11, &FOUR[..11]), Found::Broken(ProxyFault::Malformed)),
        (binary_header(0x21, 0x21, &FOUR), Found::Broken(ProxyFault::Malformed)),
        (binary_header(0x21, 0x11, &with_extras[..18]), Found::Broken(ProxyFault::Malformed)),
        (binary_header(0x21, 0x11, &with_extras[..16]), Found::Broken(ProxyFault::Malformed)),
        (binary_header(0x21, 0x12, &FOUR), Found::Broken(ProxyFault::Unsupported)),
        (binary_header(0x22, 0x11, &FOUR), Found::Broken(ProxyFault::Unsupported)),
        (binary_header(0x11, 0x11, &FOUR), Found::Broken(ProxyFault::Unsupported)),
        (binary_header(0x21, 0x11, &[0; 4081]), Found::Broken(ProxyFault::TooLong)),
        (SIGNATURE[..5].to_vec(), Found::Incomplete),
        (binary_header(0x21, 0x11, &FOUR)[..27].to_vec(), Found::Incomplete),
        (b"\r\n\r\nEHLO".to_vec(), Found::Broken(ProxyFault::Foreign)),
    ];
    for (octets, wanted) in table {
        assert_eq!(find(&octets), wanted, "{}", octets.escape_ascii());
    }
}

proptest! {
    /// What is written is read, whatever follows it.
    #[test]
    fn both_versions_say_the_same(a: u32, b: u32, p: u16, q: u16, behind in prop::collection::vec(any::<u8>(), 0..20)) {
        let client = SocketAddr::new(Ipv4Addr::from_bits(a).into(), p);
        let local = SocketAddr::new(Ipv4Addr::from_bits(b).into(), q);
        let ends = Ends::Told { client, local };
        let text: String = format!("PROXY TCP4 {} {} {p} {q}\r\n", client.ip(), local.ip());
        let body = [&a.to_be_bytes()[..], &b.to_be_bytes(), &p.to_be_bytes(), &q.to_be_bytes()].concat();
        for octets in [text.into_bytes(), binary_header(0x21, 0x11, &body)] {
            let used = octets.len();
            prop_assert_eq!(find(&[&octets[..], &behind].concat()), header(ends, used));
        }
    }

    /// The answer does not depend on how the octets came.
    #[test]
    fn more_octets_change_nothing(
        head in prop::sample::select(alloc::vec![b"PROXY TCP".to_vec(), SIGNATURE.to_vec(), Vec::new()]),
        octets in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"46 .:\r\n1\x21\x11\0"[..])], 0..60),
    ) {
        let octets = [head, octets].concat();
        let whole = find(&octets);
        for cut in 0..octets.len() {
            let part = find(&octets[..cut]);
            prop_assert!(part == Found::Incomplete || part == whole, "{cut}: {part:?} and {whole:?}");
        }
        if let Found::Header { used, .. } = whole {
            prop_assert!(used <= octets.len() && used <= HEADER_OCTETS_MAX);
        }
    }
}
