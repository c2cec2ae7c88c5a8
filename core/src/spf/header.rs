//! The trace field `Received-SPF:` (RFC 7208 §9.1). Every part of it is ours, or quoted and cleaned, so that neither a
//! client nor a domain can end the field or start another one.

use super::check::Facts;
use super::outcome::{Outcome, SpfResult};
use alloc::format;
use alloc::string::{String, ToString};

/// Octets of one value; addresses and names are shorter.
const VALUE_OCTETS_MAX: usize = 256;

/// The trace field in stored form: lines end with LF, continuation lines begin with a tab.
pub fn received_spf(facts: &Facts, outcome: &Outcome) -> String {
    let receiver = if facts.receiver.is_empty() { "unknown" } else { &facts.receiver };
    let client = facts.client.to_canonical();
    let domain = format!("domain of {}", in_comment(&outcome.domain));
    let says = match outcome.result {
        SpfResult::Pass => format!("{domain} designates {client} as permitted sender"),
        SpfResult::Fail => format!("{domain} does not designate {client} as permitted sender"),
        SpfResult::SoftFail => format!("transitioning {domain} discourages {client} as sender"),
        SpfResult::Neutral => format!("{client} is neither permitted nor denied by {domain}"),
        SpfResult::None => format!("{domain} does not publish permitted senders"),
        SpfResult::TempError => format!("{domain} could not be asked"),
        SpfResult::PermError => format!("{domain} publishes what cannot be understood"),
    };
    let mut field = format!("Received-SPF: {} ({}:\n\t{says})\n", outcome.result, in_comment(receiver));
    let mut add = |key: &str, value: &str| field.push_str(&format!("\t{key}={};\n", value_of(value)));
    add("receiver", receiver);
    add("client-ip", &client.to_string());
    add("envelope-from", &facts.mail_from);
    add("helo", &facts.helo);
    add("identity", &outcome.identity.to_string());
    if let Some(mechanism) = &outcome.mechanism {
        add("mechanism", mechanism);
    }
    if let Some(problem) = &outcome.problem {
        add("problem", &problem.to_string());
    }
    field
}

/// As a dot-atom where that is possible, else as a quoted string.
fn value_of(text: &str) -> String {
    let atom = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet);
    if !text.is_empty()
        && text.len() <= VALUE_OCTETS_MAX
        && text.split('.').all(|word| !word.is_empty() && word.bytes().all(atom))
    {
        return text.to_string();
    }
    let mut out = String::from("\"");
    for c in text.chars().take(VALUE_OCTETS_MAX).map(printable) {
        if c == '"' || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// Without anything that could end or nest a comment.
fn in_comment(text: &str) -> String {
    let safe = |c: char| if "()\\".contains(c) { '?' } else { printable(c) };
    text.chars().take(VALUE_OCTETS_MAX).map(safe).collect()
}

fn printable(c: char) -> char {
    if c == ' ' || c.is_ascii_graphic() { c } else { '?' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::Wall;
    use crate::spf::outcome::{Identity, Problem};

    fn facts(mail_from: &str, helo: &str) -> Facts {
        Facts {
            client: "2001:db8::7".parse().expect("address"),
            helo: helo.to_string(),
            mail_from: mail_from.to_string(),
            receiver: "mx.example.net".to_string(),
            wall: Wall::default(),
        }
    }

    fn outcome(result: SpfResult, domain: &str) -> Outcome {
        Outcome {
            result,
            identity: Identity::MailFrom,
            domain: domain.to_string(),
            mechanism: Some("ip6:2001:db8::/32".to_string()),
            trail: alloc::vec![],
            problem: None,
            explanation: None,
        }
    }

    #[test]
    fn the_field_says_what_was_found() {
        let field = received_spf(&facts("a@b.example", "c.example"), &outcome(SpfResult::Pass, "b.example"));
        assert_eq!(
            field,
            "Received-SPF: pass (mx.example.net:\n\
             \tdomain of b.example designates 2001:db8::7 as permitted sender)\n\
             \treceiver=mx.example.net;\n\tclient-ip=\"2001:db8::7\";\n\tenvelope-from=\"a@b.example\";\n\
             \thelo=c.example;\n\tidentity=mailfrom;\n\tmechanism=\"ip6:2001:db8::/32\";\n"
        );
    }

    #[test]
    fn no_octet_of_a_stranger_ends_it() {
        let evil = "x\"\\\r\nSubject: (you); lost\u{e9}";
        let mut bad = outcome(SpfResult::PermError, evil);
        bad.problem = Some(Problem::BadTerm(evil.to_string()));
        bad.mechanism = Some(evil.to_string());
        let field = received_spf(&facts(evil, evil), &bad);
        let mut lines = field.split_inclusive('\n');
        assert!(lines.next().is_some_and(|first| first.starts_with("Received-SPF: permerror (")));
        for line in lines {
            assert!(line.starts_with('\t') && line.ends_with('\n'), "{line:?}");
            assert!(
                line.trim_matches(['\t', '\n']).bytes().all(|octet| (b' '..=b'~').contains(&octet)),
                "{line:?}"
            );
            assert!(line.len() < 600, "{line:?}");
        }
        assert_eq!(field.matches('(').count() - field.matches("(you)").count(), 1);
        assert!(field.contains("helo=\"x\\\"\\\\??Subject: (you); lost?\";"), "{field}");
    }
}
