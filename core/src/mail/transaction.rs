//! A transaction from MAIL to the last reply, as types: only `Addressed` can become a message, and only a
//! recipient makes it.
//!
//! Recipients are not collected here: their envelope lines go to the spool's draft as they are admitted, so a
//! session's memory does not grow with their number.

use super::envelope::{Recipient, Sender};
use crate::event::{Outcome, TransactionRecord};
use crate::limits::{END_OF_DATA_MAX, HEAD_FIELDS_OCTETS_MAX, REMEMBERED_MAX};
use crate::now::Instant;
use crate::peer::TransactionId;
use crate::policy::evaluate::Place;
use crate::spool::Destination;
use alloc::string::String;
use alloc::vec::Vec;

/// The code under which the rules freeze a message.
const FROZEN_BY_POLICY: u32 = 1;

/// MAIL was accepted; no recipient yet.
#[derive(Debug)]
pub struct Opened {
    /// Which transaction.
    pub id: TransactionId,
    /// What MAIL said.
    pub sender: Sender,
    /// Fields that belong at the head of the message, above our own trace field, in stored form.
    head: String,
    /// Where the message goes, as far as it is known: one cause for the freezer is enough.
    place: Place,
    began: Instant,
    refused: u32,
}

impl Opened {
    /// A transaction that MAIL opened now.
    pub fn new(id: TransactionId, sender: Sender, trace: Option<String>, now: Instant) -> Opened {
        Opened { id, sender, head: trace.unwrap_or_default(), place: Place::Router, began: now, refused: 0 }
    }

    /// Fields that belong at the head of the message, above our own trace field, in stored form.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// One more of them, above the others; the same one is not written twice. False when they are too much.
    pub fn prepend(&mut self, field: &str) -> bool {
        if self.head.split_inclusive('\n').any(|line| line == field) {
            return true;
        }
        let fits = self.head.len() + field.len() <= HEAD_FIELDS_OCTETS_MAX;
        if fits {
            self.head.insert_str(0, field);
        }
        fits
    }

    /// It goes there, unless it is known by now that it goes further away.
    pub fn send_to(&mut self, place: Place) {
        self.place = self.place.max(place);
    }

    /// Where the message is to be kept; `None` for nowhere.
    pub fn destination(&self) -> Option<Destination> {
        match self.place {
            Place::Router => Some(Destination::Router),
            Place::Freezer => Some(Destination::Freezer(FROZEN_BY_POLICY)),
            Place::Nowhere => None,
        }
    }

    /// A recipient was refused.
    pub fn count_refused(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }

    /// The first recipient is admitted.
    pub fn admit(self, recipient: &Recipient) -> Addressed {
        let mut addressed = Addressed { opened: self, count: 0, remembered: Vec::new() };
        addressed.admit(recipient);
        addressed
    }

    /// What is known when it ends here.
    pub fn record(&self, now: Instant, outcome: Outcome) -> TransactionRecord {
        TransactionRecord {
            id: self.id,
            from: self.sender.path.bare(),
            to: Vec::new(),
            recipients: 0,
            recipients_refused: self.refused,
            octets: 0,
            normalized: 0,
            envelope: now.since(self.began),
            data: Default::default(),
            store: Default::default(),
            verdicts: Vec::new(),
            place: self.place,
            outcome,
        }
    }
}

/// At least one recipient was admitted.
#[derive(Debug)]
pub struct Addressed {
    /// What MAIL opened.
    pub opened: Opened,
    count: u32,
    remembered: Vec<String>,
}

impl Addressed {
    /// Another recipient is admitted.
    pub fn admit(&mut self, recipient: &Recipient) {
        self.count += 1;
        self.opened.send_to(recipient.place());
        if self.remembered.len() < REMEMBERED_MAX {
            self.remembered.push(recipient.path().bare());
        }
    }

    /// How many recipients were admitted; never 0.
    pub fn recipients(&self) -> u32 {
        self.count
    }

    /// The only recipient, when there is but one (RFC 2821 §7.2: several are not told to each other).
    pub fn only_recipient(&self) -> Option<&str> {
        (self.count == 1).then(|| self.remembered[0].as_str())
    }

    /// What is known when it ends here.
    pub fn record(&self, now: Instant, outcome: Outcome) -> TransactionRecord {
        TransactionRecord {
            to: self.remembered.clone(),
            recipients: self.count,
            ..self.opened.record(now, outcome)
        }
    }

    /// The message begins now; so many octets of the draft are before it.
    pub fn begin(self, now: Instant, text_at: u64) -> Message {
        Message { addressed: self, asked: now, ended: None, octets: 0, normalized: 0, text_at }
    }
}

/// The message is coming, or has come.
#[derive(Debug)]
pub struct Message {
    /// Whose message it is.
    pub addressed: Addressed,
    /// When the client was told to go on.
    pub asked: Instant,
    ended: Option<Instant>,
    text_at: u64,
    octets: u64,
    normalized: u32,
}

impl Message {
    /// So much of it has come.
    pub fn came(&mut self, octets: u64, normalized: u32) {
        self.octets = octets;
        self.normalized = normalized;
    }

    /// Where its text begins in the draft, behind envelope and our own fields.
    pub fn text_at(&self) -> u64 {
        self.text_at
    }

    /// It goes to the freezer, whatever was known before.
    pub fn freeze(&mut self) {
        self.addressed.opened.place = Place::Freezer;
    }

    /// When the client stops waiting for the reply to its end of data.
    pub fn reply_by(&self, now: Instant) -> Instant {
        self.ended.unwrap_or(now) + END_OF_DATA_MAX
    }

    /// The end of data is here.
    pub fn end(&mut self, now: Instant) {
        self.ended = Some(now);
    }

    /// What is known when it ends here.
    pub fn record(&self, now: Instant, outcome: Outcome) -> TransactionRecord {
        let ended = self.ended.unwrap_or(now);
        TransactionRecord {
            octets: self.octets,
            normalized: self.normalized,
            data: ended.since(self.asked),
            store: now.since(ended),
            ..self.addressed.record(self.asked, outcome)
        }
    }
}
