//! The `Received:` field at the head of a stored message (RFC 2821 §4.4). Every part of it is either ours or was
//! checked by the grammar, so that no client octet can end the field. And the fields that a submitted message may lack.

use super::envelope::Hello;
use super::transaction::Addressed;
use crate::auth::UserName;
use crate::now::Wall;
use crate::peer::TransactionId;
use crate::spool::control::quoted;
use crate::wire::missing::MissingFields;
use alloc::format;
use alloc::string::String;

/// Octets of a user's name that the field shows: with all of them escaped, the line is still one (RFC 5322 §2.1.1).
const USER_MAX: usize = 200;

/// What the field says of the way on which a message came.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// What the client called itself.
    pub hello: &'a Hello,
    /// Where it came from: an address literal or a user of this machine.
    pub origin: &'a str,
    /// RFC 3848's word.
    pub protocol: &'a str,
    /// Our own name.
    pub host: &'a str,
    /// Who has logged in, if that is to be told (`rcvd-auth-user`): nobody, or this user.
    pub user: Option<Option<&'a UserName>>,
    /// What is told of TLS: a comment, with its brackets.
    pub secured: Option<&'a str>,
}

/// The trace field in stored form: lines end with LF, continuation lines begin with a tab.
pub fn received(way: Way<'_>, transaction: &Addressed, now: Wall) -> String {
    let recipient = match transaction.only_recipient() {
        Some(path) => format!("\n\tfor <{path}>"),
        None => String::new(),
    };
    let user = match way.user {
        None => String::new(),
        Some(None) => String::from("\n\t(smtp-auth: <none>)"),
        Some(Some(user)) => {
            let name = user.as_str();
            let end = (0..=USER_MAX.min(name.len())).rfind(|at| name.is_char_boundary(*at)).unwrap_or(0);
            format!("\n\t(smtp-auth: {})", quoted(&name[..end]))
        }
    };
    let secured = way.secured.map(|secured| format!("\n\t{secured}")).unwrap_or_default();
    format!(
        "Received: from {name} ({origin}){user}{secured}\n\tby {host} with {protocol} id {id}{recipient};\n\t{date} (UTC)\n",
        name = way.hello.name,
        origin = way.origin,
        host = way.host,
        protocol = way.protocol,
        id = transaction.opened.id,
        date = now.rfc2822(),
    )
}

/// `Date:` and `Message-ID:` for a message that lacks them. The id is the transaction's, as in the trace field.
pub fn missing(id: TransactionId, host: &str, now: Wall) -> MissingFields {
    MissingFields::new(format!("Date: {}\n", now.rfc2822()), format!("Message-ID: <{id}@{host}>\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::envelope::{Recipient, Sender};
    use crate::mail::transaction::Opened;
    use crate::peer::SessionId;
    use crate::policy::{evaluate::Place, postmaster};
    use crate::wire::client_name::ClientName;
    use crate::wire::command::Verb;
    use crate::wire::params::{MailParams, RcptParams};
    use crate::wire::path::{ForwardPath, ReversePath};

    #[test]
    fn no_name_ends_the_field_or_makes_a_line_too_long() {
        let hello = Hello { verb: Verb::Ehlo, name: ClientName::parse(b"c.example").expect("a name") };
        let id = TransactionId { session: SessionId { began: 0, serial: 1 }, number: 1 };
        let sender = Sender { path: ReversePath::Null, params: MailParams::default(), deliver_by: None };
        let (path, params) = (ForwardPath::Postmaster, RcptParams::default());
        let recipient = Recipient::new(path, params, postmaster(), Place::Router);
        let transaction = Opened::new(id, sender, None, crate::Instant::ZERO).admit(&recipient);
        for name in ["ann", "a) by evil (", "m\u{fc}ller", &"\u{20ac}".repeat(85), "\\"] {
            let user = UserName::new(name).expect("a name");
            let way = Way {
                hello: &hello,
                origin: "[127.0.0.1]",
                protocol: hello.protocol(true, true),
                host: "mx.example",
                user: Some(Some(&user)),
                secured: None,
            };
            let field = received(way, &transaction, Wall::from_seconds(0));
            assert!(field.contains("with ESMTPSA id") && field.is_ascii(), "{field}");
            let mut lines = field.lines();
            assert!(lines.next().is_some_and(|line| line.starts_with("Received: from")));
            assert!(lines.all(|line| line.starts_with('\t') && line.len() < 998), "{field}");
            // The only brackets that are not escaped are those of the comment.
            let comment = field.lines().nth(1).expect("the user");
            let inside =
                comment.strip_prefix("\t(").and_then(|rest| rest.strip_suffix(')')).expect("a comment");
            let mut escaped = false;
            for letter in inside.chars() {
                assert!(escaped || !matches!(letter, '(' | ')'), "{comment}");
                escaped = letter == '\\' && !escaped;
            }
        }
    }
}
