//! Keys of a source: networks, domains, mailboxes and labels. Only their form is judged.

use super::fault::FaultKind;
use crate::policy::rules::Network;
use core::net::IpAddr;

/// What a line is about. Letters may be of any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key<'a> {
    Network(Network),
    /// A domain, a domain with its dot before, or a mailbox.
    Name(&'a str),
    Label(&'a str),
}

/// The longest name: a local part, an at, a domain (RFC 2821 §4.5.3.1).
pub(super) const NAME_OCTETS_MAX: usize = 64 + 1 + 255;

/// Whether this can be the key of a network, a domain or a mailbox.
pub(in crate::policy) fn is_key(text: &str) -> bool {
    matches!(read(text), Ok(Key::Network(_) | Key::Name(_)))
}

/// Reads a key.
pub(super) fn read(text: &str) -> Result<Key<'_>, (usize, FaultKind)> {
    if text.len() > NAME_OCTETS_MAX {
        return Err((0, FaultKind::TooLong(NAME_OCTETS_MAX)));
    }
    if let Some(bad) = text.find(|letter: char| !letter.is_ascii_graphic()) {
        return Err((bad, FaultKind::Letter(text[bad..].chars().next().unwrap_or('?'))));
    }
    if text.starts_with('_') {
        return Ok(Key::Label(text));
    }
    // First, as a local part may hold a slash.
    if text.contains('@') {
        return mailbox(text);
    }
    if let Some((address, width)) = text.split_once('/') {
        let address = self::address(address)?;
        let number = width.parse().ok().filter(|_| width.bytes().all(|octet| octet.is_ascii_digit()));
        let network = number.and_then(|width| Network::new(address, width));
        let at = text.len() - width.len();
        return network.map(Key::Network).ok_or((at, FaultKind::Width(width.into())));
    }
    // An address without a width is a network of one.
    if text.starts_with('[') {
        return self::address(text).map(|address| Key::Network(Network::host(address)));
    }
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(Key::Network(Network::host(address.to_canonical()))),
        Err(_) => domain(text).map(|()| Key::Name(text)),
    }
}

/// An address, in brackets or not, with `IPv6:` or `IPv6.` before it or not.
fn address(text: &str) -> Result<IpAddr, (usize, FaultKind)> {
    let bare = match text.strip_prefix('[') {
        Some(open) => open.strip_suffix(']'),
        None => Some(text),
    };
    let plain = bare.map(|bare| match bare.split_at_checked(5) {
        Some((tag, rest)) if tag.eq_ignore_ascii_case("ipv6:") || tag.eq_ignore_ascii_case("ipv6.") => rest,
        Some(_) | None => bare,
    });
    plain.and_then(|plain| plain.parse().ok()).ok_or((0, FaultKind::Address(text.into())))
}

fn mailbox(text: &str) -> Result<Key<'_>, (usize, FaultKind)> {
    // As in `evaluate`: the domain is what is behind the last at, for a domain has none.
    let (local, at) = text.rsplit_once('@').ok_or((0, FaultKind::Mailbox))?;
    if local.is_empty() || at.starts_with('.') || at == "*" {
        return Err((0, FaultKind::Mailbox));
    }
    if !at.is_empty() && !at.starts_with('[') {
        domain(at).map_err(|(column, fault)| (local.len() + 1 + column, fault))?;
    }
    Ok(Key::Name(text))
}

/// `host.dom`, `.dom`, or `.`.
fn domain(text: &str) -> Result<(), (usize, FaultKind)> {
    let fault = |at, why| Err((at, FaultKind::Domain(why)));
    if text == "." {
        return Ok(());
    }
    if text.starts_with("*.") {
        return fault(0, "there are no patterns; .example is all that is below example");
    }
    if text.ends_with('.') {
        return fault(text.len() - 1, "no dot stands at the end");
    }
    let inner = text.strip_prefix('.').unwrap_or(text);
    let start = text.len() - inner.len();
    if let Some(empty) = inner.find("..").or_else(|| inner.starts_with('.').then_some(0)) {
        return fault(start + empty, "nothing stands between two dots");
    }
    let fits = |octet: char| octet.is_ascii_alphanumeric() || matches!(octet, '-' | '_' | '.');
    match inner.find(|octet| !fits(octet)) {
        Some(bad) => fault(start + bad, "only letters, digits, hyphens and dots make one"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};

    fn shown(text: &str) -> String {
        match read(text) {
            Ok(Key::Network(network)) => network.to_string(),
            Ok(Key::Name(name)) => name.into(),
            Ok(Key::Label(label)) => label.into(),
            Err((at, fault)) => alloc::format!("{at}: {fault}"),
        }
    }

    #[test]
    fn keys_of_each_kind() {
        for (text, wanted) in [
            ("[1.2.3.4]/24", "[1.2.3.0]/24"),
            ("1.2.3.4/24", "[1.2.3.0]/24"),
            ("[IPv6:2001:db8::]/32", "[IPv6:2001:db8::]/32"),
            ("[ipv6.2001:db8::1]/32", "[IPv6:2001:db8::]/32"),
            ("2001:db8::/32", "[IPv6:2001:db8::]/32"),
            ("[0.0.0.0]/0", "[0.0.0.0]/0"),
            ("::/0", "[IPv6:::]/0"),
            ("[1.2.3.4]", "[1.2.3.4]/32"),
            ("1.2.3.4", "[1.2.3.4]/32"),
            ("[::ffff:1.2.3.4]/120", "[1.2.3.0]/24"),
            ("_label", "_label"),
            (".", "."),
            (".example", ".example"),
            ("host.example", "host.example"),
            ("user@host.example", "user@host.example"),
            ("user@", "user@"),
            ("a/b@host.example", "a/b@host.example"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_explained() {
        for (text, wanted) in [
            ("1.2.3.4/33", "8: \"33\" is no width"),
            ("1.2.3.4/", "8: \"\" is no width"),
            ("1.2.3.4/+8", "8: \"+8\" is no width"),
            ("[1.2.3/24", "0: \"[1.2.3\" is no address"),
            ("home.example/24", "0: \"home.example\" is no address"),
            ("@home.example", "0: no mailbox"),
            ("x@.example", "0: no mailbox"),
            ("x@a b", "3: ' ' may not stand here"),
            ("x@a..b", "3: no domain: nothing stands between"),
            ("*.example", "0: no domain: there are no patterns"),
            ("example.", "7: no domain: no dot"),
            ("..example", "1: no domain: nothing stands"),
            ("exa!mple", "3: no domain: only letters"),
            ("b\u{fc}cher.example", "1: 'ü' may not stand here"),
        ] {
            assert!(shown(text).starts_with(wanted), "{text}: {}", shown(text));
        }
        assert!(shown(&"a".repeat(400)).contains("longer than 320"));
    }
}
