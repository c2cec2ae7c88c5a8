//! The envelope lines at the head of a spooled file: keyword, blank, value, LF; the last is `env-end`. Written so
//! that a ZMailer router reads them.

use crate::auth::LoggedIn;
use crate::config::manners::Batch;
use crate::mail::envelope::{Hello, Recipient, Sender};
use crate::peer::{Peer, TransactionId};
use crate::wire::params::{BodyKind, ByMode, DeliverBy, Notify, Ret};
use crate::wire::path::ReversePath;
use crate::wire::xtext::Xtext;
use alloc::string::String;
use core::fmt::Write;

/// Octets that the lines of a recipient usually have.
const LINES_OCTETS: usize = 224;

/// The client that a message comes from, as its envelope tells it.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// What it called itself.
    pub hello: &'a Hello,
    /// Where it is.
    pub peer: &'a Peer,
    /// Its words came out of a batch.
    pub batch: Option<Batch>,
    /// RFC 3848's word for how it spoke.
    pub protocol: &'a str,
    /// Who has logged in.
    pub login: Option<&'a LoggedIn>,
    /// What else the operator wants to be told of it, with a blank before it.
    pub told: &'a str,
}

/// The lines that do not depend on recipients.
///
/// A message out of a batch has no client at the other end of a connection, but a user of this machine.
pub fn head(client: Client<'_>, sender: &Sender, id: TransactionId) -> String {
    let Client { hello, peer, batch, protocol, login, told } = client;
    let mut out = String::with_capacity(512);
    let literal = peer.literal();
    let syntax = if hello.name.is_well_formed() { "OK" } else { "FAIL" };
    if batch.is_none() {
        out.push_str("external\n");
        // No name was looked up: the flags say so (reversed: not asked, verified and HELO verified: no).
        let hello = quoted(&alloc::format!("{} {}", hello.verb.name(), hello.name));
        let port = peer.client.port();
        if let Some(login) = login {
            line(&mut out, "comment smtp-auth:", &quoted(login.user().as_str()));
        }
        writeln!(
            out,
            "rcvdfrom {literal} ({literal}:{port} {hello}{told} rhost-flags-??-FAIL-{syntax}-FAIL)",
        )
        .expect("writing to memory");
    }
    line(&mut out, "comment transaction", &id);
    match sender.params.body {
        Some(BodyKind::SevenBit) => out.push_str("bodytype 7BIT\n"),
        Some(BodyKind::EightBitMime) => out.push_str("bodytype 8BITMIME\n"),
        Some(BodyKind::BinaryMime) => out.push_str("bodytype BINARYMIME\n"),
        None => {}
    }
    line(&mut out, "with", &protocol);
    if let Some(batch) = batch {
        line(&mut out, "identinfo", &batch.origin());
    }
    out.push_str(&self::sender(&sender.path));
    if let Some(submitter) = &sender.params.auth {
        //= rfc4954#5/7
        // Whoever has not shown who it is has nothing to say about who wrote a message.
        match login {
            Some(_) => line(&mut out, "comment submitter:", submitter),
            None => out.push_str("comment submitter: <>\n"),
        }
    }
    if let Some(envid) = &sender.params.envid {
        line(&mut out, "envid", envid);
    }
    match sender.params.ret {
        Some(Ret::Full) => out.push_str("notaryret FULL\n"),
        Some(Ret::Hdrs) => out.push_str("notaryret HDRS\n"),
        None => {}
    }
    out
}

/// The line of a sender.
pub fn sender(path: &ReversePath) -> String {
    match path {
        ReversePath::Null => "channel error\n".into(),
        path @ ReversePath::Address(_) => alloc::format!("from {path}\n"),
    }
}

/// The two lines of a recipient: its DSN wishes, then its address.
pub fn recipient(sender: &Sender, recipient: &Recipient) -> String {
    // Once for each of perhaps many recipients: put together piece by piece, which is cheaper than by a format.
    let path = recipient.path().bare();
    let mut out = String::with_capacity(LINES_OCTETS);
    out.push_str("todsn NOTIFY=");
    notify(recipient.params().notify.as_ref(), sender.deliver_by.as_ref().map(|(_, by)| by), &mut out);
    if let Some((hour, by)) = &sender.deliver_by {
        write!(out, " BY={hour};{}", by_flags(by)).expect("writing to memory");
    }
    out.push_str(" ORCPT=");
    match &recipient.params().orcpt {
        Some(orcpt) => write!(out, "{};{}", orcpt.kind, orcpt.address).expect("writing to memory"),
        None => {
            out.push_str("rfc822;");
            Xtext::encode_to(path.as_bytes(), &mut out);
        }
    }
    out.push_str(" INRCPT=rfc822;");
    Xtext::encode_to(path.as_bytes(), &mut out);
    out.push_str(" INFROM=rfc822;");
    Xtext::encode_to(sender.path.bare().as_bytes(), &mut out);
    out.push_str("\nto <");
    out.push_str(&path);
    out.push_str(">\n");
    out
}

/// The line that ends the envelope.
pub const END: &str = "env-end\n";

fn line(out: &mut String, keyword: &str, value: &dyn core::fmt::Display) {
    writeln!(out, "{keyword} {value}").expect("writing to memory");
}

fn by_flags(by: &DeliverBy) -> String {
    let mode = match by.mode {
        ByMode::Return => "R",
        ByMode::Notify => "N",
    };
    alloc::format!("{mode}{}", if by.trace { "T" } else { "" })
}

/// The wishes as the router wants them; the trace flag asks for a notice of each relay (RFC 2852 §4).
fn notify(wish: Option<&Notify>, by: Option<&DeliverBy>, out: &mut String) {
    //= rfc3461#5.2.1/5
    // What was wished goes on unchanged; what was not is what RFC 3461 §4.1 supposes.
    match wish {
        Some(wish) => write!(out, "{wish}").expect("writing to memory"),
        None => out.push_str("FAILURE,DELAY"),
    }
    if by.is_some_and(|by| by.trace) && !wish.is_some_and(Notify::is_never) {
        out.push_str(",TRACE");
    }
}

/// A quoted string in the spool's way: octets outside printable ASCII as three octal digits, `" \ ( )` after a
/// backslash.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for octet in text.bytes() {
        match octet {
            b'"' | b'\\' | b'(' | b')' => {
                out.push('\\');
                out.push(char::from(octet));
            }
            b' '..=b'~' => out.push(char::from(octet)),
            _ => write!(out, "\\{octet:03o}").expect("writing to memory"),
        }
    }
    out.push('"');
    out
}
