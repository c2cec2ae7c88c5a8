//! hosts.allow and hosts.deny against tables of who fits, and of what is refused with which place.

use super::*;
use alloc::string::{String, ToString};
use proptest::prelude::*;

fn read(allow: &str, deny: &str) -> HostAccess {
    HostAccess::read(
        Text { name: "hosts.allow", octets: allow.as_bytes() },
        Text { name: "hosts.deny", octets: deny.as_bytes() },
    )
    .unwrap_or_else(|errors| panic!("{}", errors[0]))
}

fn errors(allow: &str) -> Vec<String> {
    let text = Text { name: "hosts.allow", octets: allow.as_bytes() };
    let none = Text { name: "hosts.deny", octets: b"" };
    HostAccess::read(text, none).expect_err(allow).iter().map(ToString::to_string).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect(text)
}

fn granted(rules: &HostAccess, client: &str, name: ClientName<'_>) -> bool {
    rules.judge(ip(client), ip("192.0.2.1"), name) == Access::Granted
}

const DENY_ALL: &str = "ALL : ALL@ALL\n";

#[test]
fn the_sample_of_the_manual_lets_everybody_in() {
    let rules = read("mailq : ALL@1.2.3.0\nsmtp-receiver: ALL@ALL\n", DENY_ALL);
    assert!(granted(&rules, "198.51.100.7", ClientName::Unknown));
    assert!(!rules.wants_names());
    // Without the second line the first one is about another service.
    assert!(!granted(&read("mailq : ALL@1.2.3.0\n", DENY_ALL), "1.2.3.0", ClientName::Unknown));
    assert!(granted(&read("", ""), "198.51.100.7", ClientName::Contradicted), "nothing is said");
}

#[test]
fn each_pattern_fits_whom_it_should() {
    use ClientName::{Confirmed, Contradicted, Unknown};
    let table = [
        ("ALL", "203.0.113.9", Unknown, true),
        ("all", "::1", Unknown, true),
        ("192.0.2.7", "192.0.2.7", Unknown, true),
        ("192.0.2.7", "::ffff:192.0.2.7", Unknown, true),
        ("192.0.2.7", "192.0.2.70", Unknown, false),
        ("192.0.2.", "192.0.2.255", Unknown, true),
        ("192.0.2.", "192.0.20.1", Unknown, false),
        ("10.", "10.255.1.1", Unknown, true),
        ("192.0.2.0/255.255.255.0", "192.0.2.9", Unknown, true),
        ("192.0.2.0/255.255.255.0", "192.0.3.9", Unknown, false),
        ("192.0.2.128/25", "192.0.2.127", Unknown, false),
        ("192.0.2.128/25", "192.0.2.128", Unknown, true),
        ("[2001:db8::]/32", "2001:db8:9::1", Unknown, true),
        ("[2001:db8::]/32", "2001:db9::1", Unknown, false),
        ("[2001:db8::1]", "2001:db8::1", Unknown, true),
        ("0.0.0.0/0", "::1", Unknown, false),
        (".example.org", "192.0.2.7", Confirmed("mx.Example.ORG"), true),
        (".example.org", "192.0.2.7", Confirmed("example.org"), false),
        (".example.org", "192.0.2.7", Confirmed("badexample.org"), false),
        (".example.org", "192.0.2.7", Contradicted, false),
        ("mx.example.org", "192.0.2.7", Confirmed("MX.example.org"), true),
        ("mx.example.org", "192.0.2.7", Unknown, false),
        ("mx*.example.org", "192.0.2.7", Confirmed("mx1.example.org"), true),
        ("192.0.2.1?", "192.0.2.17", Unknown, true),
        ("192.0.2.1?", "192.0.2.1", Unknown, false),
        ("LOCAL", "192.0.2.7", Confirmed("printer"), true),
        ("LOCAL", "192.0.2.7", Confirmed("mx.example.org"), false),
        ("LOCAL", "192.0.2.7", Unknown, false),
        ("KNOWN", "192.0.2.7", Confirmed("mx.example.org"), true),
        ("KNOWN", "192.0.2.7", Contradicted, false),
        ("UNKNOWN", "192.0.2.7", Unknown, true),
        ("UNKNOWN", "192.0.2.7", Confirmed("mx.example.org"), false),
        ("PARANOID", "192.0.2.7", Contradicted, true),
        ("PARANOID", "192.0.2.7", Unknown, false),
        ("192.0.2. EXCEPT 192.0.2.7", "192.0.2.7", Unknown, false),
        ("192.0.2. EXCEPT 192.0.2.7", "192.0.2.8", Unknown, true),
        ("ALL EXCEPT 192.0.2. except 192.0.2.7", "192.0.2.7", Unknown, true),
        ("ALL EXCEPT 192.0.2. except 192.0.2.7", "192.0.2.8", Unknown, false),
        ("10. , 192.0.2.7\t203.0.113.", "203.0.113.1", Unknown, true),
    ];
    for (clients, address, name, wanted) in table {
        let line = alloc::format!("smtp-receiver: {clients}\n");
        assert_eq!(granted(&read(&line, DENY_ALL), address, name), wanted, "{clients} {address} {name:?}");
        // The same patterns keep the same clients out.
        assert_eq!(granted(&read("", &line), address, name), !wanted, "deny {clients} {address} {name:?}");
    }
}

#[test]
fn services_places_and_options() {
    let at =
        |rules: &HostAccess, local: &str| rules.judge(ip("198.51.100.7"), ip(local), ClientName::Unknown);
    let rules = read("smtp-receiver@192.0.2.1 : ALL", DENY_ALL);
    assert_eq!((at(&rules, "192.0.2.1"), at(&rules, "192.0.2.2")), (Access::Granted, Access::Denied));
    for (services, wanted) in [
        ("ALL EXCEPT smtp-receiver", Access::Denied),
        ("ALL EXCEPT sshd", Access::Granted),
        ("sshd, smtp-*", Access::Granted),
        ("SMTP-RECEIVER", Access::Granted),
        ("smtp", Access::Denied),
    ] {
        let line = alloc::format!("{services} : ALL");
        assert_eq!(at(&read(&line, DENY_ALL), "192.0.2.1"), wanted, "{services}");
    }
    // One file is enough with the options allow and deny, and the first line decides.
    let rules = read("ALL : 198.51.100.7 : deny\nALL : ALL : ALLOW\n", DENY_ALL);
    assert_eq!(at(&rules, "192.0.2.1"), Access::Denied);
    assert!(granted(&rules, "198.51.100.8", ClientName::Unknown));
    // Lines are joined; comments and other services' lines are not understood to their end.
    let rules = read(
        "# ALL : \\\n@group\n \nsshd : @admins : spawn (echo %h)\nsmtp-\\\nreceiver : \\\n ALL",
        DENY_ALL,
    );
    assert_eq!(at(&rules, "192.0.2.1"), Access::Granted);
    assert!(read("ALL: .example.org\n", "").wants_names());
}

#[test]
fn what_cannot_be_supported_is_told_with_its_place() {
    let table = [
        ("smtp-receiver ALL", "hosts.allow:1:1: there is no colon"),
        ("\n\nALL : @admins", "hosts.allow:3:7: @admins: netgroups cannot be supported"),
        ("ALL : joe@192.0.2.7", "hosts.allow:1:7: joe@192.0.2.7: users of clients are not asked for"),
        ("ALL : KNOWN@ALL", "hosts.allow:1:7: KNOWN@ALL: users"),
        ("ALL : /etc/friends", "hosts.allow:1:7: /etc/friends: patterns in other files"),
        ("ALL : 10., 192.0.2.9/24", "hosts.allow:1:12: 192.0.2.9/24: the address has bits behind its mask"),
        ("ALL : 192.0.2.0/255.0.255.0", "hosts.allow:1:7: 192.0.2.0/255.0.255.0: the address has bits"),
        ("ALL : 192.0.2.0/33", "hosts.allow:1:7: 192.0.2.0/33: no pattern"),
        ("ALL : 1.2.3.4.5.", "hosts.allow:1:7: 1.2.3.4.5.: no pattern"),
        ("ALL : a!b", "hosts.allow:1:7: a!b: no pattern"),
        ("smtp-receiver@mx.example : ALL", "hosts.allow:1:1: smtp-receiver@mx.example: our own host"),
        ("ALL :", "hosts.allow:1:6: patterns are missing here"),
        ("ALL : ALL EXCEPT", "hosts.allow:1:6: patterns are missing here"),
        ("ALL : ALL : spawn (/bin/finger)", "hosts.allow:1:12: spawn: commands and options"),
        ("ALL : \\\n  10., \\\n  @g", "hosts.allow:3:3: @g: netgroups"),
        ("ALL : 2001:db8::1", "hosts.allow:1:12: db8: commands and options"),
    ];
    for (text, wanted) in table {
        let all = errors(text);
        assert!(all[0].starts_with(wanted), "{text:?}: {all:?}");
    }
    assert_eq!(errors("ALL : @a @b\nALL: joe@ALL\n").len(), 3);
    let not_text = Text { name: "x", octets: b"ALL : \xff" };
    assert!(HostAccess::read(not_text, not_text).expect_err("no text")[0].to_string().starts_with("x:1:"));
}

proptest! {
    /// `ALL` in hosts.deny and nothing in hosts.allow keeps everybody out, whatever else stands in both.
    #[test]
    fn nobody_comes_in_by_a_line_for_others(service in "[a-z]{1,8}", clients in "[ -~]{0,40}", address: u32) {
        prop_assume!(!service.eq_ignore_ascii_case("all") && !clients.contains('\\'));
        let rules = read(&alloc::format!("{service}x : {clients}\n"), DENY_ALL);
        let client = IpAddr::V4(address.into());
        prop_assert_eq!(rules.judge(client, client, ClientName::Unknown), Access::Denied);
    }
}
