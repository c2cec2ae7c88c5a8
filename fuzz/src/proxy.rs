//! PROXY headers: whatever comes first on a connection, it is a header or it is none, and however it is cut.

use crate::{choice, pieces};
use smtpserver_core::config::param;
use smtpserver_core::wire::proxy::{Found, HEADER_OCTETS_MAX, find};
use smtpserver_core::{Arrival, Instant, Peer, Settings};

/// The first octet chooses the size of the pieces; the rest is what the balancer sends.
pub fn proxy(data: &[u8]) {
    let (piece, input) = choice(data);
    let whole = find(input);
    if let Found::Header { used, .. } = whole {
        assert!(used <= input.len() && used <= HEADER_OCTETS_MAX);
        assert_eq!(find(&input[..used]), whole, "octets behind the header matter");
        assert_eq!(
            find(&input[..used - 1]),
            Found::Incomplete,
            "the last octet of the header does not matter"
        );
    }

    let mut settings = Settings::new("mx.local.example");
    param::apply(&mut settings, "proxy-from 192.0.2.0/24").expect("a parameter");
    let peer = Peer::new(([192, 0, 2, 7], 40_000).into(), ([192, 0, 2, 1], 25).into());
    let mut arrival = Arrival::expected(&settings, &peer, Instant::ZERO).expect("trusted");
    let mut heard = 0;
    for octets in pieces(input, piece) {
        let octets = &octets[..octets.len().min(arrival.wants_bytes())];
        assert!(!octets.is_empty(), "an arrival always wants octets");
        heard += octets.len();
        match arrival.hear(octets) {
            None => {}
            Some(Ok(arrived)) => {
                let Found::Header { used, .. } = whole else {
                    panic!("pieces make a header, the whole does not")
                };
                assert_eq!(arrived.heard, input[used..heard], "octets were lost");
                return;
            }
            Some(Err(_)) => {
                assert!(matches!(whole, Found::Broken(_)) || heard >= HEADER_OCTETS_MAX);
                return;
            }
        }
    }
    assert_eq!(whole, Found::Incomplete);
}
