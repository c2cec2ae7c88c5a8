//! The attributes of the policy language: their names, and what value each takes. What they lead to is decided in
//! `evaluate`; here nothing is decided.

use super::text::TextId;
use crate::server::rate_window::RateLimit;
use crate::wire::text::BareNewline;

/// What may be said about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    /// `rejectnet`: refuse the client.
    RejectNet,
    /// `freezenet`: keep what the client sends in the freezer.
    FreezeNet,
    /// `rejectsource`: refuse the sender.
    RejectSource,
    /// `freezesource`: keep what the sender sends in the freezer.
    FreezeSource,
    /// `relaycustomer`: known, and without effect: it would open a relay to whoever claims an address.
    RelayCustomer,
    /// `relaycustnet`: the client may send to any domain that exists.
    RelayCustNet,
    /// `relaytarget`: take mail for this recipient, or do not.
    RelayTarget,
    /// `acceptifmx`: take mail for domains that have us as an exchanger.
    AcceptIfMx,
    /// `acceptifdns`: take mail for every domain that exists.
    AcceptIfDns,
    /// `senderokwithdns`: the sender's domain must exist.
    SenderOkWithDns,
    /// `freeze`: take mail for this recipient, and keep it in the freezer.
    Freeze,
    /// `sendernorelay`: recipients of this sender are judged as with `acceptifmx`.
    SenderNoRelay,
    /// `test-dns-rbl`: refuse the client when a list of these names it.
    TestDnsRbl,
    /// `rcpt-dns-rbl`: look the client up in these lists, for recipients that want to know.
    RcptDnsRbl,
    /// `test-rcpt-dns-rbl`: this recipient wants to know.
    TestRcptDnsRbl,
    /// `localdomain`: the domain is ours, so that `%` and `!` in local parts are ours to understand.
    LocalDomain,
    /// `maxinsize`: the largest message in octets.
    MaxInSize,
    /// `maxoutsize`: known, and without effect.
    MaxOutSize,
    /// `fulltrustnet`: nothing that the client says is judged.
    FullTrustNet,
    /// `trustrecipients`: no recipient that the client names is judged.
    TrustRecipients,
    /// `trust-whoson`: known, and without effect, as there is no such service.
    TrustWhoson,
    /// `filtering`: whether the content filter sees what the client sends.
    Filtering,
    /// `maxsameipsource`: connections from one source; 0 refuses.
    MaxSameIpSource,
    /// `spf`: the client's senders are judged by SPF.
    Spf,
    /// `ratelimitmsgs`: messages and recipients in an hour.
    RateLimitMsgs,
    /// `bare-newline`: what becomes of bare newlines in messages.
    BareNewline,
}

/// What kind of value an attribute takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `+` or `-`.
    Switch,
    /// A whole number.
    Number,
    /// `N` or `N,M`, each with a sign.
    Rates,
    /// `-`, or zones with colons between them.
    Zones,
    /// As [`Form::Zones`], or `_text` for a text that needs no look-up.
    ZonesOrText,
    /// `reject` or `normalize`.
    Newlines,
}

/// Every attribute with its name and its form. The place in this table is the attribute's number in a policy file:
/// a new one is added at the end.
pub const ATTRIBUTES: [(Attribute, &str, Form); 26] = [
    (Attribute::RejectNet, "rejectnet", Form::Switch),
    (Attribute::FreezeNet, "freezenet", Form::Switch),
    (Attribute::RejectSource, "rejectsource", Form::Switch),
    (Attribute::FreezeSource, "freezesource", Form::Switch),
    (Attribute::RelayCustomer, "relaycustomer", Form::Switch),
    (Attribute::RelayCustNet, "relaycustnet", Form::Switch),
    (Attribute::RelayTarget, "relaytarget", Form::Switch),
    (Attribute::AcceptIfMx, "acceptifmx", Form::Switch),
    (Attribute::AcceptIfDns, "acceptifdns", Form::Switch),
    (Attribute::SenderOkWithDns, "senderokwithdns", Form::Switch),
    (Attribute::Freeze, "freeze", Form::Switch),
    (Attribute::SenderNoRelay, "sendernorelay", Form::Switch),
    (Attribute::TestDnsRbl, "test-dns-rbl", Form::Zones),
    (Attribute::RcptDnsRbl, "rcpt-dns-rbl", Form::ZonesOrText),
    (Attribute::TestRcptDnsRbl, "test-rcpt-dns-rbl", Form::Switch),
    (Attribute::LocalDomain, "localdomain", Form::Switch),
    (Attribute::MaxInSize, "maxinsize", Form::Number),
    (Attribute::MaxOutSize, "maxoutsize", Form::Number),
    (Attribute::FullTrustNet, "fulltrustnet", Form::Switch),
    (Attribute::TrustRecipients, "trustrecipients", Form::Switch),
    (Attribute::TrustWhoson, "trust-whoson", Form::Switch),
    (Attribute::Filtering, "filtering", Form::Switch),
    (Attribute::MaxSameIpSource, "maxsameipsource", Form::Number),
    (Attribute::Spf, "spf", Form::Switch),
    (Attribute::RateLimitMsgs, "ratelimitmsgs", Form::Rates),
    (Attribute::BareNewline, "bare-newline", Form::Newlines),
];

/// Further spellings of attributes.
const SPELLINGS: [(&str, Attribute); 1] = [("trustrecipient", Attribute::TrustRecipients)];

impl Attribute {
    /// The attribute of this name; names are written in lower case.
    pub fn named(name: &str) -> Option<(Attribute, Form)> {
        let own = ATTRIBUTES.iter().find(|(_, known, _)| *known == name);
        own.map(|(attribute, _, form)| (*attribute, *form)).or_else(|| {
            let (_, attribute) = SPELLINGS.iter().find(|(spelling, _)| *spelling == name)?;
            Some((*attribute, attribute.form()))
        })
    }

    /// The attribute's name.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The kind of value it takes.
    pub fn form(self) -> Form {
        self.row().2
    }

    /// Its number in a policy file.
    pub(super) fn code(self) -> u8 {
        let place = ATTRIBUTES.iter().position(|(attribute, ..)| *attribute == self);
        u8::try_from(place.expect("every attribute is in the table")).expect("the table is short")
    }

    /// The attribute of this number in a policy file.
    pub(super) fn of_code(code: u8) -> Option<Attribute> {
        ATTRIBUTES.get(usize::from(code)).map(|(attribute, ..)| *attribute)
    }

    fn row(self) -> &'static (Attribute, &'static str, Form) {
        ATTRIBUTES.iter().find(|(attribute, ..)| *attribute == self).expect("every attribute is in the table")
    }
}

/// The value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// `+`.
    Yes,
    /// `-`.
    No,
    /// A whole number.
    Number(u64),
    /// Messages and recipients in an hour; 0 is no limit, a negative number forbids at once.
    Rates(i32, i32),
    /// Zones with colons between them.
    Zones(TextId),
    /// A text for recipients that want to know, without any look-up.
    Text(TextId),
    /// What becomes of bare newlines: normalised, or refused.
    Newlines(Newlines),
}

/// [`BareNewline`] with an order, so that values can be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Newlines {
    /// The message is refused.
    Reject,
    /// They become line ends.
    Normalize,
}

impl Value {
    /// The number, when it is one.
    pub(in crate::policy) fn number(self) -> Option<u64> {
        match self {
            Value::Number(number) => Some(number),
            Value::Yes
            | Value::No
            | Value::Rates(..)
            | Value::Zones(_)
            | Value::Text(_)
            | Value::Newlines(_) => None,
        }
    }

    /// The limit of rates, when it is one.
    pub(in crate::policy) fn rates(self) -> Option<RateLimit> {
        match self {
            Value::Rates(messages, recipients) => {
                Some(RateLimit { messages: messages.into(), recipients: recipients.into() })
            }
            Value::Yes
            | Value::No
            | Value::Number(_)
            | Value::Zones(_)
            | Value::Text(_)
            | Value::Newlines(_) => None,
        }
    }

    /// What becomes of bare newlines, when it says so.
    pub(in crate::policy) fn newlines(self) -> Option<BareNewline> {
        match self {
            Value::Newlines(Newlines::Reject) => Some(BareNewline::Reject),
            Value::Newlines(Newlines::Normalize) => Some(BareNewline::Normalize),
            Value::Yes
            | Value::No
            | Value::Number(_)
            | Value::Rates(..)
            | Value::Zones(_)
            | Value::Text(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_is_found_by_name_and_by_number() {
        for (place, (attribute, name, form)) in ATTRIBUTES.into_iter().enumerate() {
            assert_eq!(Attribute::named(name), Some((attribute, form)));
            assert_eq!(usize::from(attribute.code()), place);
            assert_eq!(Attribute::of_code(attribute.code()), Some(attribute));
        }
        assert_eq!(Attribute::named("trustrecipient"), Attribute::named("trustrecipients"));
        assert_eq!(Attribute::named("RejectNet"), None);
        assert_eq!(Attribute::of_code(26), None);
    }
}
