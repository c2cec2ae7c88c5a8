//! Lines that set something and change nothing, as what they are about is off where they stand: an operator who wrote
//! them meant something. Only the settings are looked at; no file that they name is.

use super::remark::Remark;
use super::{Configuration, Group, Set};
use crate::config::Settings;
use crate::config::bind::Service;
use alloc::format;
use alloc::vec::Vec;

/// What parameters need, to mean anything.
struct Need {
    /// The parameters.
    of: &'static [&'static str],
    /// Whether it is there.
    met: fn(&Group) -> bool,
    /// What would have to be there, behind "without".
    what: &'static str,
}

/// The needs. Of several that are not met the first is told.
const NEEDS: [Need; 13] = [
    Need {
        of: &[
            "auth-failrate",
            "no-smtp-auth-on-25",
            "smtp-auth-username-prompt",
            "smtp-auth-password-prompt",
            "AUTH-LOGIN-also-without-TLS",
            "smtp-auth-sasl",
            "sasl-mechanisms",
            "SMTP-auth-pipe",
            "smtp-auth-pipe-tokens",
            "smtp-auth-file",
            "smtp-auth-pam",
            "smtp-auth-dovecot",
            "smtp-auth-user",
            "no-auth-equals-login",
            "sender-login-match",
            "rcvd-auth-user",
        ],
        met: |group| group.settings.auth.offered,
        what: "smtp-auth",
    },
    Need {
        of: &[
            "tls-cert-file",
            "tls-key-file",
            "tls-CAfile",
            "tls-CApath",
            "tls-cipher-list",
            "tls-loglevel",
            "tls-ccert-vd",
            "tls-ask-cert",
            "outlook-tls-bug",
            "tls-use-scache",
            "tls-scache-name",
            "tls-scache-timeout",
            "tls-handshakes-max",
            "rcvd-tls-mode",
            "rcvd-tls-peer",
        ],
        met: |group| group.settings.tls.offered,
        what: "use-tls",
    },
    Need {
        of: &["tls-CAfile", "tls-CApath", "tls-ccert-vd", "rcvd-tls-peer"],
        met: |group| group.settings.tls.ask_client || group.settings.tls.require_client,
        what: "tls-ask-cert or tls-require-cert",
    },
    Need {
        of: &["tls-scache-name", "tls-scache-timeout"],
        met: |group| group.settings.tls.resumption,
        what: "tls-use-scache",
    },
    Need {
        of: &["contentfilter-maxpar", "contentfilter-failure", "debug-contentfilter"],
        met: |group| group.settings.helpers.filter.is_some(),
        what: "contentfilter",
    },
    Need {
        of: &["enable-router-maxpar", "VRFYcmd", "EXPNcmd"],
        met: |group| group.settings.helpers.router,
        what: "enable-router",
    },
    Need {
        of: &["spf-received", "spf-threshold", "spf-localpolicy", "spf-whitelist-use-default"],
        met: has_policy,
        what: "policydb, whose attribute spf says of whom it is asked",
    },
    Need {
        of: &["spf-whitelist-use-default"],
        met: |group| group.settings.spf.local_policy.is_some(),
        what: "spf-localpolicy",
    },
    Need {
        of: &["policydb-submit"],
        met: |group| group.binds.iter().any(|bind| bind.service == Service::Submit),
        what: "BindSubmit",
    },
    Need {
        of: &["add-missing-fields"],
        met: |group| {
            group.settings.auth.msa_mode || group.binds.iter().any(|bind| bind.service == Service::Submit)
        },
        what: "BindSubmit or MSA-mode",
    },
    Need {
        of: &["data-grace"],
        met: |group| group.settings.timeouts.data_rate_min > 0,
        what: "data-rate-min",
    },
    Need {
        of: &["rcvd-auth-user", "rcvd-tls-mode", "rcvd-tls-peer", "rcvd-ident", "rcvd-whoson"],
        met: |group| !group.settings.received.none,
        what: "a Received field, which no-received-header takes away",
    },
    Need { of: &["localnames"], met: |group| !has_policy(group), what: LOCALNAMES },
];

/// Told in other words than the rest.
const LOCALNAMES: &str = "localnames";

/// Of these the last one counts.
const USERS: [&str; 5] =
    ["SMTP-auth-pipe", "smtp-auth-pipe-tokens", "smtp-auth-file", "smtp-auth-pam", "smtp-auth-dovecot"];

fn has_policy(group: &Group) -> bool {
    let Settings { sources, rules, .. } = &group.settings;
    sources.policydb.is_some() || rules.is_some()
}

/// A warning for each line that changes nothing where it stands, nor in a group that takes it over.
pub fn idle(configuration: &Configuration) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (index, group) in configuration.groups.iter().enumerate() {
        for (at, set) in group.set.iter().enumerate() {
            let reached = match index {
                // The default group hands down.
                0 => &configuration.groups[..],
                _ => &configuration.groups[index..=index],
            };
            let unmet = NEEDS
                .iter()
                .find(|need| need.of.contains(&set.param) && !reached.iter().any(|group| (need.met)(group)));
            if let Some(need) = unmet {
                remarks.push(unmet_need(set, need.what));
            } else if USERS.contains(&set.param)
                && let Some(other) = group.set[at + 1..].iter().find(|other| USERS.contains(&other.param))
            {
                let what = format!("{} changes nothing: {} behind it counts", set.param, other.param);
                remarks.push(set.spot.clone().warning(what, ""));
            }
        }
    }
    remarks
}

fn unmet_need(set: &Set, what: &'static str) -> Remark {
    let (what, hint) = if what == LOCALNAMES {
        let what = format!("{} counts only where there is no policydb", set.param);
        (what, "name our domains in the policy")
    } else {
        (format!("{} changes nothing here without {what}", set.param), "")
    };
    set.spot.clone().warning(what, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::read;
    use crate::config::zenv::Zenv;
    use alloc::string::String;

    fn told(text: &str) -> Vec<String> {
        let plain = Settings::new("mx.example");
        let configuration = read("t", text.as_bytes(), Zenv::default(), &plain, None).expect("fit");
        idle(&configuration).iter().map(Remark::short).collect()
    }

    #[test]
    fn what_is_off_is_said_with_its_line() {
        for (text, wanted) in [
            (
                "PARAM sasl-mechanisms PLAIN",
                "t:1:7: warning: sasl-mechanisms changes nothing here without smtp-auth",
            ),
            (
                "\nPARAM tls-cert-file /no/such",
                "t:2:7: warning: tls-cert-file changes nothing here without use-tls",
            ),
            (
                "PARAM contentfilter-maxpar 3",
                "t:1:7: warning: contentfilter-maxpar changes nothing here without contentfilter",
            ),
            (
                "PARAM enable-router-maxpar 3",
                "t:1:7: warning: enable-router-maxpar changes nothing here without enable-router",
            ),
            (
                "PARAM spf-threshold fail",
                "t:1:7: warning: spf-threshold changes nothing here without policydb, whose attribute spf says of whom it is asked",
            ),
            (
                "PARAM policydb text /p\nPARAM localnames a.example",
                "t:2:7: warning: localnames counts only where there is no policydb; name our domains in the policy",
            ),
            (
                "PARAM use-tls\nPARAM tls-scache-timeout 60",
                "t:2:7: warning: tls-scache-timeout changes nothing here without tls-use-scache",
            ),
            (
                "PARAM smtp-auth\nPARAM smtp-auth-file /a\nPARAM smtp-auth-pam",
                "t:2:7: warning: smtp-auth-file changes nothing: smtp-auth-pam behind it counts",
            ),
        ] {
            assert_eq!(told(text), [wanted], "{text}");
        }
    }

    #[test]
    fn what_some_group_uses_is_not_idle() {
        let on = "PARAM BindSmtp any\nPARAM sasl-mechanisms PLAIN\nPARAM tls-cert-file /c\nPARAM newgroup\n\
                  PARAM BindSubmit any\nPARAM smtp-auth\nPARAM use-tls\n";
        assert_eq!(told(on), [""; 0]);
        let off = "PARAM BindSmtp any\nPARAM smtp-auth\nPARAM newgroup\nPARAM BindSubmit any\nPARAM no-smtp-auth\n\
                   PARAM sasl-mechanisms PLAIN\n";
        assert_eq!(told(off), ["t:6:7: warning: sasl-mechanisms changes nothing here without smtp-auth"]);
    }

    #[test]
    fn each_name_is_one_of_the_table() {
        for name in NEEDS.iter().flat_map(|need| need.of) {
            assert!(crate::config::param::table().iter().any(|param| param.name == *name), "{name}");
        }
    }
}
