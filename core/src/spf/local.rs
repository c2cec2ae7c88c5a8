//! What an operator adds to every record (`spf-localpolicy`): mechanisms that are tried just before the `all` of the
//! domain's own record, or before its silent default.
//!
//! They have look-ups of their own, so that they do not use up what the domain may ask for. What cannot be understood
//! on the way (an included record that is gone) counts as no match: the domain's own words then hold.

use super::outcome::Problem;
use super::record::Record;
use super::term::Mechanism;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

/// The record of forwarders that `spf-whitelist-use-default` adds. Its zone is served by nobody today; whoever took it
/// over could at most make a fail neutral.
const DEFAULT_WHITELIST: &str = "?include:spf.trusted-forwarder.org";

/// Mechanisms that are tried before the final `all` of every domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPolicy {
    pub(super) record: Arc<Record>,
}

impl LocalPolicy {
    /// Reads mechanisms parted by spaces, and adds the common list of forwarders when it is wished. The error is a
    /// sentence for the operator.
    pub fn parse(text: &str, use_default_whitelist: bool) -> Result<LocalPolicy, String> {
        // By the letter it would be a modifier that nobody knows.
        if text.trim_start().get(..6).is_some_and(|start| start.eq_ignore_ascii_case("v=spf1")) {
            return Err("a local policy is not a record of its own: leave out v=spf1".to_string());
        }
        let whitelist = if use_default_whitelist { DEFAULT_WHITELIST } else { "" };
        let record = Record::parse(&format!("{text} {whitelist}"))
            .map_err(|problem| problem_for_operator(&problem))?;
        if record.redirect.is_some() || record.explanation.is_some() {
            return Err("a local policy holds mechanisms only, no redirect= and no exp=".to_string());
        }
        let Some(first) = record.directive_at(0) else {
            return Err("a local policy needs a mechanism, as ip4:192.0.2.0/24".to_string());
        };
        let mut found = Some(first);
        while let Some(directive) = found {
            if directive.directive.mechanism == Mechanism::All {
                return Err("an all in a local policy would override every domain: leave it out".to_string());
            }
            found = record.directive_at(directive.next);
        }
        Ok(LocalPolicy { record: Arc::new(record) })
    }
}

fn problem_for_operator(problem: &Problem) -> String {
    format!(
        "{problem}; write mechanisms as in a record, without v=spf1: ip4:192.0.2.0/24 ?include:spf.example.net"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_policy_holds_mechanisms_only() {
        for good in ["ip4:1.2.3.4/24 ?exists:%{ir}.forwarders.example", "a:mx.example", " mx "] {
            assert!(LocalPolicy::parse(good, false).is_ok(), "{good}");
        }
        assert!(LocalPolicy::parse("", true).is_ok());
        for (bad, said) in [
            ("", "needs a mechanism"),
            ("v=spf1 mx", "leave out v=spf1"),
            ("ip4:1.2.3", "cannot understand 'ip4:1.2.3'"),
            ("mx -all", "would override every domain"),
            ("mx redirect=a.example", "mechanisms only"),
            ("mx exp=a.example", "mechanisms only"),
        ] {
            let error = LocalPolicy::parse(bad, false).expect_err(bad);
            assert!(error.contains(said), "{bad}: {error}");
        }
    }
}
