//! Tickets (RFC 8446 §4.6.1, RFC 5077): a client takes its TLS session with it, sealed, and shows it again. We keep
//! nothing. The keys change with the hour: each is made of one secret and the number of its period, so that all who
//! know the secret have the same keys, and a key is forgotten by all when its period is over.

use super::backend::{self, ONCE};
use crate::clock::Clock;
use rustls::crypto::SecureRandom;
use rustls::server::ProducesTickets;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Octets of a secret that is fit: as many bits as the key has.
pub(super) const SECRET_OCTETS_MIN: usize = 32;
/// In front of what is sealed: the number of the period.
const PERIOD_OCTETS: usize = 8;

/// Makes tickets, and reads them.
pub(super) struct Tickets {
    secret: Zeroizing<Vec<u8>>,
    seconds: u32,
    clock: Arc<dyn Clock>,
    random: &'static dyn SecureRandom,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tickets({} s)", self.seconds)
    }
}

impl Tickets {
    /// Tickets under a secret that others may know, or one of our own; they are good for so many seconds.
    pub(super) fn new(
        secret: Option<Zeroizing<Vec<u8>>>,
        seconds: u32,
        clock: Arc<dyn Clock>,
        random: &'static dyn SecureRandom,
    ) -> Option<Tickets> {
        let secret = match secret {
            Some(secret) => secret,
            None => {
                let mut own = Zeroizing::new(vec![0; SECRET_OCTETS_MIN]);
                random.fill(&mut own).ok()?;
                own
            }
        };
        Some(Tickets { secret, seconds: seconds.max(1), clock, random })
    }

    fn period(&self) -> i64 {
        self.clock.now().wall.seconds().div_euclid(i64::from(self.seconds))
    }

    fn key(&self, period: i64) -> Zeroizing<[u8; 32]> {
        let label =
            [&b"smtpserver tickets "[..], &period.to_be_bytes(), &self.seconds.to_be_bytes()].concat();
        Zeroizing::new(backend::hmac_sha256(&self.secret, &label))
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.seconds
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let period = self.period();
        let mut once = [0; ONCE];
        self.random.fill(&mut once).ok()?;
        let mut sealed = plain.to_vec();
        backend::seal(&self.key(period), once, &period.to_be_bytes(), &mut sealed)?;
        Some([&period.to_be_bytes()[..], &once, &sealed].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (period, rest) = ticket.split_first_chunk::<PERIOD_OCTETS>()?;
        let (once, sealed) = rest.split_first_chunk::<ONCE>()?;
        let number = i64::from_be_bytes(*period);
        // The one before is good for the tickets that were made at its end; another machine's clock may be ahead.
        if !(self.period() - 1..=self.period() + 1).contains(&number) {
            return None;
        }
        let mut sealed = sealed.to_vec();
        backend::open(&self.key(number), *once, period, &mut sealed).map(<[u8]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtpserver_core::now::{Now, Wall};
    use std::sync::atomic::{AtomicI64, Ordering};

    struct At(AtomicI64);

    impl Clock for At {
        fn now(&self) -> Now {
            Now { wall: Wall::from_seconds(self.0.load(Ordering::Relaxed)), ..Now::default() }
        }
    }

    fn tickets(secret: Option<&[u8]>, clock: &Arc<At>) -> Tickets {
        let secret = secret.map(|secret| Zeroizing::new(secret.to_vec()));
        Tickets::new(secret, 100, clock.clone(), backend::provider().secure_random).expect("random numbers")
    }

    #[test]
    fn a_ticket_is_good_for_all_who_know_the_secret_until_its_key_is_forgotten() {
        let clock = Arc::new(At(AtomicI64::new(1_000)));
        let (one, other) = (tickets(Some(&[7; 32]), &clock), tickets(Some(&[7; 32]), &clock));
        let stranger = tickets(None, &clock);
        let ticket = one.encrypt(b"session").expect("sealed");
        assert_eq!(other.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(stranger.decrypt(&ticket), None);
        clock.0.store(1_199, Ordering::Relaxed);
        assert!(other.decrypt(&ticket).is_some());
        clock.0.store(1_200, Ordering::Relaxed);
        assert_eq!(other.decrypt(&ticket), None, "the key is forgotten");
        assert_ne!(one.encrypt(b"session"), one.encrypt(b"session"));
    }

    #[test]
    fn a_ticket_that_was_touched_is_none() {
        let clock = Arc::new(At(AtomicI64::new(1_000)));
        let tickets = tickets(None, &clock);
        let ticket = tickets.encrypt(b"session").expect("sealed");
        for at in 0..ticket.len() {
            let mut touched = ticket.clone();
            touched[at] ^= 1;
            assert_eq!(tickets.decrypt(&touched), None, "{at}");
            assert_eq!(tickets.decrypt(&ticket[..at]), None, "{at}");
        }
    }
}
