//! One term of a record. Only the letter of it: nothing is expanded or looked up.
//!
//! Spec: RFC 7208 §12.

use super::macros;
use super::outcome::SpfResult;
use core::net::{Ipv4Addr, Ipv6Addr};

/// A term, its parts still in the text of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term<'a> {
    Directive(Directive<'a>),
    Redirect(&'a str),
    Explanation(&'a str),
    /// A modifier of some other standard.
    Unknown,
}

/// A mechanism, and the result when it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directive<'a> {
    pub(super) result: SpfResult,
    pub(super) mechanism: Mechanism<'a>,
}

/// What is compared with the client. Names are still specifications with macros; none is the domain itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mechanism<'a> {
    All,
    Include(&'a str),
    A(Option<&'a str>, Prefixes),
    Mx(Option<&'a str>, Prefixes),
    Ptr(Option<&'a str>),
    Ip4(Ipv4Addr, u8),
    Ip6(Ipv6Addr, u8),
    Exists(&'a str),
}

/// How many leading bits of an address count, for each family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefixes {
    pub(super) v4: u8,
    pub(super) v6: u8,
}

impl<'a> Mechanism<'a> {
    /// The specification of a name in it.
    pub(super) fn spec(self) -> Option<&'a str> {
        match self {
            Mechanism::Include(spec) | Mechanism::Exists(spec) => Some(spec),
            Mechanism::A(spec, _) | Mechanism::Mx(spec, _) | Mechanism::Ptr(spec) => spec,
            Mechanism::All | Mechanism::Ip4(..) | Mechanism::Ip6(..) => None,
        }
    }

    /// Whether it counts as a look-up. Spec: RFC 7208 §4.6.4.
    pub(super) fn asks(self) -> bool {
        match self {
            Mechanism::Include(_)
            | Mechanism::A(..)
            | Mechanism::Mx(..)
            | Mechanism::Ptr(_)
            | Mechanism::Exists(_) => true,
            Mechanism::All | Mechanism::Ip4(..) | Mechanism::Ip6(..) => false,
        }
    }
}

impl<'a> Term<'a> {
    /// Reads one term, without the spaces around it. Spec: RFC 7208 §4.6.1.
    pub(super) fn parse(text: &'a str) -> Option<Term<'a>> {
        if let Some((name, value)) = modifier(text) {
            return if name.eq_ignore_ascii_case("redirect") {
                macros::is_domain_spec(value).then_some(Term::Redirect(value))
            } else if name.eq_ignore_ascii_case("exp") {
                macros::is_domain_spec(value).then_some(Term::Explanation(value))
            } else {
                macros::is_macro_string(value).then_some(Term::Unknown)
            };
        }
        let (result, rest) = qualifier(text);
        let name_end = rest.find([':', '/']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(name_end);
        Some(Term::Directive(Directive { result, mechanism: mechanism(name, rest)? }))
    }
}

/// `name=value`, when that is what it is.
fn modifier(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let rest = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(rest);
    is_name.then_some((name, value))
}

fn qualifier(text: &str) -> (SpfResult, &str) {
    let (result, length) = match text.as_bytes().first() {
        Some(b'+') => (SpfResult::Pass, 1),
        Some(b'-') => (SpfResult::Fail, 1),
        Some(b'~') => (SpfResult::SoftFail, 1),
        Some(b'?') => (SpfResult::Neutral, 1),
        _ => (SpfResult::Pass, 0),
    };
    (result, &text[length..])
}

/// `rest` is empty, or begins with its `:` or `/`.
fn mechanism<'a>(name: &str, rest: &'a str) -> Option<Mechanism<'a>> {
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
    let argument = rest.strip_prefix(':');
    let spec = || argument.filter(|spec| macros::is_domain_spec(spec));
    if is("all") {
        rest.is_empty().then_some(Mechanism::All)
    } else if is("include") {
        spec().map(Mechanism::Include)
    } else if is("exists") {
        spec().map(Mechanism::Exists)
    } else if is("ptr") {
        if rest.is_empty() {
            Some(Mechanism::Ptr(None))
        } else {
            spec().map(|spec| Mechanism::Ptr(Some(spec)))
        }
    } else if is("a") {
        name_and_prefixes(rest).map(|(spec, prefixes)| Mechanism::A(spec, prefixes))
    } else if is("mx") {
        name_and_prefixes(rest).map(|(spec, prefixes)| Mechanism::Mx(spec, prefixes))
    } else if is("ip4") {
        let (address, prefix) = network(argument?, 32)?;
        Some(Mechanism::Ip4(address.parse().ok()?, prefix))
    } else if is("ip6") {
        let (address, prefix) = network(argument?, 128)?;
        Some(Mechanism::Ip6(address.parse().ok()?, prefix))
    } else {
        None
    }
}

/// `[ ":" domain-spec ] [ "/" bits ] [ "//" bits ]`. A name may hold slashes too, so the end is read first.
fn name_and_prefixes(rest: &str) -> Option<(Option<&str>, Prefixes)> {
    let (rest, v6) = match rest.rsplit_once("//") {
        Some((before, bits)) if is_digits(bits) => (before, prefix(bits, 128)?),
        _ => (rest, 128),
    };
    let (rest, v4) = match rest.rsplit_once('/') {
        Some((before, bits)) if is_digits(bits) => (before, prefix(bits, 32)?),
        _ => (rest, 32),
    };
    let prefixes = Prefixes { v4, v6 };
    if rest.is_empty() {
        return Some((None, prefixes));
    }
    let spec = rest.strip_prefix(':').filter(|spec| macros::is_domain_spec(spec))?;
    Some((Some(spec), prefixes))
}

/// An address, and how many of its bits count.
fn network(text: &str, bits_max: u8) -> Option<(&str, u8)> {
    match text.split_once('/') {
        Some((address, bits)) => Some((address, prefix(bits, bits_max)?)),
        None => Some((text, bits_max)),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// A number of bits without leading zeros.
fn prefix(text: &str, bits_max: u8) -> Option<u8> {
    let canonical = is_digits(text) && (text == "0" || !text.starts_with('0'));
    let bits: u8 = canonical.then(|| text.parse().ok())??;
    (bits <= bits_max).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Prefixes = Prefixes { v4: 32, v6: 128 };

    fn directive(text: &str) -> Directive<'_> {
        match Term::parse(text) {
            Some(Term::Directive(directive)) => directive,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn mechanisms_are_read_with_their_parts() {
        for (text, mechanism) in [
            ("all", Mechanism::All),
            ("A", Mechanism::A(None, WHOLE)),
            ("a/24", Mechanism::A(None, Prefixes { v4: 24, v6: 128 })),
            ("a//64", Mechanism::A(None, Prefixes { v4: 32, v6: 64 })),
            ("mx/0//0", Mechanism::Mx(None, Prefixes { v4: 0, v6: 0 })),
            ("a:b.example/24//64", Mechanism::A(Some("b.example"), Prefixes { v4: 24, v6: 64 })),
            ("a:x/24.example", Mechanism::A(Some("x/24.example"), WHOLE)),
            ("a:x//9.example.", Mechanism::A(Some("x//9.example."), WHOLE)),
            ("mx:%{d}", Mechanism::Mx(Some("%{d}"), WHOLE)),
            ("ptr", Mechanism::Ptr(None)),
            ("PTR:b.example", Mechanism::Ptr(Some("b.example"))),
            ("include:_spf.%{d2}", Mechanism::Include("_spf.%{d2}")),
            ("exists:%{ir}.b.example", Mechanism::Exists("%{ir}.b.example")),
            ("ip4:192.0.2.0/24", Mechanism::Ip4(Ipv4Addr::new(192, 0, 2, 0), 24)),
            ("ip4:192.0.2.7", Mechanism::Ip4(Ipv4Addr::new(192, 0, 2, 7), 32)),
            ("ip6:2001:db8::/32", Mechanism::Ip6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32)),
            ("ip6:::1", Mechanism::Ip6(Ipv6Addr::LOCALHOST, 128)),
        ] {
            assert_eq!(directive(text).mechanism, mechanism, "{text}");
        }
        for (text, result) in [
            ("+all", SpfResult::Pass),
            ("-all", SpfResult::Fail),
            ("~all", SpfResult::SoftFail),
            ("?all", SpfResult::Neutral),
        ] {
            assert_eq!(directive(text).result, result, "{text}");
        }
    }

    #[test]
    fn modifiers_are_read() {
        assert_eq!(Term::parse("redirect=b.example"), Some(Term::Redirect("b.example")));
        assert_eq!(Term::parse("EXP=%{d}"), Some(Term::Explanation("%{d}")));
        assert_eq!(Term::parse("op.x-y_z=a:b/c=%{t}"), Some(Term::Unknown));
        assert_eq!(Term::parse("x="), Some(Term::Unknown));
    }

    #[test]
    fn what_is_no_term_is_none() {
        for bad in [
            "",
            "+",
            "--all",
            "all.",
            "all:",
            "all/8",
            "include",
            "include:",
            "include:a.example/24",
            "exists",
            "ptr/24",
            "ptr:",
            "a:",
            "a/",
            "a/33",
            "a//129",
            "a/24/24",
            "a///24",
            "a/024",
            "a:b",
            "a:b.example/",
            "a:1.2",
            "a:b.-c",
            "a:b.c-",
            "ip4",
            "ip4:",
            "ip4:1.2.3",
            "ip4:1.2.3.4/33",
            "ip4:1.2.3.4/",
            "ip4:01.2.3.4",
            "ip4:1.2.3.4//32",
            "ip6:",
            "ip6:1.2.3.4",
            "ip6:::1/129",
            "ip6:fe80::1%eth0",
            "moo",
            "moo:x",
            "-redirect=b.example",
            "redirect=",
            "redirect=b",
            "exp=",
            "exp=-all",
            "x=%a",
            "1x=y",
            "=x",
            "a:b c.example",
            "redirect:b.example",
            "a\tall",
            "exp=%{c}.example",
        ] {
            assert_eq!(Term::parse(bad), None, "{bad:?}");
        }
    }
}
