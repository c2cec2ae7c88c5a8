//! Macros: the examples of RFC 7208 §7.4, what is no macro, and the bounds.

use super::*;
use alloc::vec;

fn name(text: &str) -> Name {
    Name::parse(text).expect(text)
}

fn values<'a>(domain: &'a Name, client: &str, names: &'a [Name]) -> Values<'a> {
    Values {
        local_part: "strong-bad",
        sender_domain: "email.example.com",
        domain,
        client: client.parse().expect(client),
        helo: "mail.Example.com",
        names,
        receiver: "mx.example.net",
        seconds: 1_795_412_439,
    }
}

#[test]
fn the_examples_of_the_standard() {
    let domain = name("email.example.com");
    let names = [name("mx.example.org")];
    let expand = |text: &str, client: &str| expand_explanation(text, &values(&domain, client, &names));
    for (text, expansion) in [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        // Ours.
        ("%{h}|%{H}", "mail.Example.com|mail.Example.com"),
        ("%{S}", "strong-bad%40email.example.com"),
        ("%{p} %{r} %{t} %{c}", "mx.example.org mx.example.net 1795412439 192.0.2.3"),
        ("%{D128R}", "com.example.email"),
        ("%{d99999999999999999999}", "email.example.com"),
        ("%%%_%-", "% %20"),
        ("%{l2+-}", "strong.bad"),
    ] {
        assert!(is_explanation(text), "{text}");
        assert_eq!(expand(text, "192.0.2.3"), expansion, "{text}");
    }
    let six = expand_name("%{ir}.%{v}._spf.%{d2}", &values(&domain, "2001:db8::cb01", &names)).expect("name");
    assert_eq!(
        six.as_str(),
        "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
    );
    assert_eq!(expand("%{c}", "2001:db8::cb01"), "2001:db8::cb01");
}

#[test]
fn only_some_texts_specify_names() {
    for good in [
        "%{d}",
        "a.example",
        "a.example.",
        "a.%{l}",
        "a.x--y",
        "x%{d}%%",
        "a_b.c1",
        "/.com",
        "a..b",
        "%{i}.%_",
    ] {
        assert!(is_domain_spec(good), "{good}");
    }
    for bad in [
        "",
        "a",
        "a.",
        "example",
        ".",
        "a.1",
        "a.-b",
        "a.b-",
        "a.b_c",
        "%",
        "%a",
        "%{",
        "%{}",
        "%{d",
        "%{x}",
        "%{d0}",
        "%{dx}",
        "%{d.!}",
        "%{s1@}",
        "%{c}",
        "%{R}",
        "%{t}",
        "a b.c",
        "a.%{d}b",
        "a\u{7f}.b",
        "%{\u{e9}}",
        "%{d\u{e9}}",
        "%\u{e9}.com",
    ] {
        assert!(!is_domain_spec(bad), "{bad}");
    }
    assert!(is_macro_string("%{t}x") && !is_macro_string("a b") && is_macro_string(""));
    assert!(is_explanation("You, %{c}, may not.") && !is_explanation("%{z}") && !is_explanation("a\tb"));
}

#[test]
fn names_are_cut_from_the_left_at_a_label() {
    let domain = name("example.com");
    let values = values(&domain, "192.0.2.3", &[]);
    let label = "a".repeat(60);
    let long = alloc::format!("cut.{}.{label}.{label}.{label}.%{{d}}", "b".repeat(60));
    let cut = expand_name(&long, &values).expect("name");
    assert_eq!(cut.as_str(), alloc::format!("{label}.{label}.{label}.example.com"));
    // However much is expanded, no more than the end of it matters, or is kept.
    let much = alloc::format!("{}.example.com", "%{s}.".repeat(1000));
    assert!(expand_name(&much, &values).is_none(), "an empty label is no name");
    let much = alloc::format!("{}example.com", "%{s}.".repeat(1000));
    assert!(expand_name(&much, &values).is_some_and(|name| name.as_str().len() > 200));
    let one = alloc::format!("{}.com", "x".repeat(400));
    assert_eq!(expand_name(&one, &values).map(|name| name.to_string()).as_deref(), Some("com"));
}

#[test]
fn the_best_name_is_the_domain_then_one_below_it() {
    let domain = name("example.com");
    let best = |names: Vec<Name>| expand_explanation("%{p}", &values(&domain, "192.0.2.3", &names));
    assert_eq!(best(vec![]), "unknown");
    assert_eq!(best(vec![name("a.example")]), "a.example");
    assert_eq!(best(vec![name("a.example"), name("b.example.com")]), "b.example.com");
    assert_eq!(best(vec![name("a.example.com"), name("example.com")]), "example.com");
}

#[test]
fn a_stranger_s_octets_do_not_reach_an_explanation() {
    let domain = name("example.com");
    let evil = Values { helo: "a\r\n250 \u{e9}\0", ..values(&domain, "192.0.2.3", &[]) };
    assert_eq!(expand_explanation("<%{h}>", &evil), "<a??250 ??>");
    let long = "x".repeat(10_000);
    let long = Values { helo: &long, ..evil };
    assert_eq!(expand_explanation("%{h}%{h}", &long).len(), SPF_EXPLANATION_MAX);
    assert!(expand_name("%{h}.%{d}", &long).is_some_and(|name| name.as_str() == "example.com"));
}
