//! What a judgement wants to know of the world, and what it is told. How it is found out is not known here.

use crate::server::rate_window::{RateLimit, RateVerdict};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

/// A judgement, as far as it came.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// It is complete.
    Done(T),
    /// It needs an answer: ask, append the answer to what was told, and judge again.
    Wish(Wish),
}

/// Something to ask the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Does one of these lists name the address? Answer: [`Told::Listing`].
    Listing {
        /// The address.
        address: IpAddr,
        /// Zones of the DNS, each perhaps with `=` and the return codes that count, to be tried in this order.
        zones: Vec<String>,
    },
    /// What becomes of mail for a domain? Answer: [`Told::Domain`].
    Domain(String, Sought),
    /// May the client send in the sender's name, by the threshold that was configured? Answer: [`Told::Spf`].
    Spf,
    /// Does one more message fit into the hour? Counted under the user who logged in, else under the source.
    /// Answer: [`Told::Rate`].
    Message(RateLimit),
    /// Does one more recipient fit? As with messages.
    Recipient(RateLimit),
}

/// Who is looked for among those who take a domain's mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    /// Anybody: whether there is such a domain. That it is ours need not be found out.
    Anybody,
    /// Us.
    Us,
}

/// An answer to a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The first list that names the address, if one does.
    Listing(Option<Listing>),
    /// What becomes of mail for a domain.
    Domain(DomainIs),
    /// By SPF: nothing against it, or the text that goes with the refusal.
    Spf(Result<(), String>),
    /// What the rate window says.
    Rate(RateVerdict),
    /// It could not be found out. A list that cannot be asked names nobody, and SPF that cannot be judged refuses
    /// nobody; whatever else hangs on it must wait.
    Trouble,
}

/// A list that names an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The zone.
    pub zone: String,
    /// What the zone says about it, made safe for a reply.
    pub text: Option<String>,
}

/// What becomes of mail for a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainIs {
    /// One of its exchangers is us, or it has none and its address is ours.
    Ours,
    /// Others take it.
    Elsewhere,
    /// There is no such domain, or it says that it takes no mail (RFC 7505).
    Nowhere,
}

/// Why a judgement stops before its end.
#[derive(Debug)]
pub(super) enum Stop {
    Wish(Wish),
    No(super::No),
}

/// What was told so far, taken in the order of the wishes.
#[derive(Debug)]
pub(super) struct Answers<'a> {
    told: core::slice::Iter<'a, Told>,
}

impl<'a> Answers<'a> {
    pub(super) fn new(told: &'a [Told]) -> Answers<'a> {
        Answers { told: told.iter() }
    }

    pub(super) fn to(&mut self, wish: impl FnOnce() -> Wish) -> Result<&'a Told, Stop> {
        self.told.next().ok_or_else(|| Stop::Wish(wish()))
    }
}
