//! Local parts that name another domain: `user%domain`, `domain!user`, and the same or an address in quotes. Only the form;
//! whose domain it is, the rules say.

use core::net::{IpAddr, Ipv6Addr};

/// Where a local part leads: the domain, and the local part that is left.
///
/// Quotes change nothing: whoever reads on may take them away. So a quoted `x@domain` and a quoted source route
/// `@domain,@other:x` lead on as well (RFC 2821 §4.1.1.3 and §3.6: what is relayed by such names, is relayed).
pub(super) fn onward(local: &str) -> Option<(&str, &str)> {
    let local = local.strip_prefix('"').map_or(local, |rest| rest.strip_suffix('"').unwrap_or(rest));
    if let Some(route) = local.strip_prefix('@') {
        // Without an end it leads to what is no domain.
        return Some(route.split_once([',', ':']).unwrap_or((route, "")));
    }
    if let Some((rest, domain)) = local.rsplit_once('@') {
        return Some((domain, rest));
    }
    match local.split_once('!') {
        Some((domain, rest)) => Some((domain, rest)),
        None => local.rsplit_once('%').map(|(rest, domain)| (domain, rest)),
    }
}

/// Whether what a local part leads to may be a domain or an address literal at all.
pub(super) fn is_domain(text: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    literal(text).is_some() || text.split('.').all(|label| !label.is_empty() && label.bytes().all(fits))
}

/// The address in a literal such as `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
pub(super) fn literal(domain: &str) -> Option<IpAddr> {
    let inside = domain.strip_prefix('[')?.strip_suffix(']')?;
    match inside.split_once(':') {
        Some((tag, six)) if tag.eq_ignore_ascii_case("IPv6") => {
            six.parse::<Ipv6Addr>().ok().map(|six| IpAddr::V6(six).to_canonical())
        }
        Some(_) => None,
        None => inside.parse().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_parts_lead_on() {
        for (local, wanted) in [
            ("user", None),
            ("user%a.example", Some(("a.example", "user"))),
            ("user%a%b", Some(("b", "user%a"))),
            ("a!b!user", Some(("a", "b!user"))),
            ("a!user%b", Some(("a", "user%b"))),
            ("%", Some(("", ""))),
            ("\"a b\"", None),
            ("\"a%b c\"", Some(("b c", "a"))),
            ("\"a b%c\"", Some(("c", "a b"))),
            ("\"b!a c\"", Some(("b", "a c"))),
            ("\"x@a.example\"", Some(("a.example", "x"))),
            ("\"x@a@b\"", Some(("b", "x@a"))),
            ("x@a", Some(("a", "x"))),
            ("\"a!x@b\"", Some(("b", "a!x"))),
            ("\"@a:x\"", Some(("a", "x"))),
            ("\"@a,@b:x\"", Some(("a", "@b:x"))),
            ("@b:x", Some(("b", "x"))),
            ("\"@a\"", Some(("a", ""))),
            ("\"\\\"x@a\"", Some(("a", "\\\"x"))),
        ] {
            assert_eq!(onward(local), wanted, "{local}");
        }
        assert_eq!(literal("[192.0.2.1]"), "192.0.2.1".parse().ok());
        assert_eq!(literal("[ipv6:::ffff:192.0.2.1]"), "192.0.2.1".parse().ok());
        assert!(is_domain("a.example") && is_domain("uucp") && is_domain("[192.0.2.1]"));
        assert!(!is_domain("") && !is_domain(".example") && !is_domain("a..b") && !is_domain("a'b"));
        assert_eq!(literal("[192.0.2]"), None);
        assert_eq!(literal("home.example"), None);
    }
}
