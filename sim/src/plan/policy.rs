//! Draws policies, the names that they ask for, and what becomes of look-ups. What is drawn speaks of the addresses and
//! domains that clients have; the text is a policy as an operator would write it.

use super::{Fault, NamesPlan, Plan};
use crate::dice::Dice;

/// What names there are. Clients come from 10/8, 192.0.2/24 and 2001:db8/32, and call themselves client.example.
const ZONE: [&str; 22] = [
    "client.example MX 10 mx.client.example",
    "mx.client.example A 203.0.113.9",
    "sub.client.example A 203.0.113.10",
    "spam.example MX 10 mx.client.example",
    "elsewhere.example MX 5 no.client.example",
    "elsewhere.example MX 10 mx.client.example",
    "exchanger.example MX 10 mx.client.example",
    "exchanger.example MX 20 mx.local.example",
    "mx.local.example A 192.0.2.250",
    "null.example MX 0 .",
    "1.0.0.10.in-addr.arpa PTR liar.client.example",
    "1.0.0.10.in-addr.arpa PTR one.client.example",
    "one.client.example A 10.0.0.1",
    "liar.client.example A 10.0.0.99",
    "2.0.0.10.in-addr.arpa PTR liar.client.example",
    "3.0.0.10.in-addr.arpa PTR host.spam.example",
    "host.spam.example A 10.0.0.3",
    "0.2.0.192.in-addr.arpa PTR few.spam.example",
    "few.spam.example A 192.0.2.0",
    "2.0.0.10.bl.example A 127.0.0.2",
    "4.0.0.10.bl.example A 127.0.0.3",
    "1.2.0.192.wl.example A 127.0.0.2",
];

/// Networks of clients.
const NETWORKS: [&str; 7] = [
    "[10.0.0.0]/30",
    "[10.0.0.2]/32",
    "[10.0.0.4]/30",
    "[10.0.0.8]/29",
    "[192.0.2.0]/24",
    "[192.0.2.1]/32",
    "[IPv6:2001:db8::]/32",
];

/// Half of all worlds have a policy. One that changes its settings may change that as well.
pub(super) fn with_policy(dice: &mut Dice, mut plan: Plan) -> Plan {
    if !dice.chance(500) {
        return plan;
    }
    let troubled = dice.chance(600);
    plan.policy = policy(dice);
    plan.zone = ZONE.map(String::from).to_vec();
    plan.names = names(dice, troubled);
    for fault in &mut plan.faults {
        if let Fault::Reconfigure { policy: other, .. } = fault
            && dice.chance(500)
        {
            *other = policy(dice);
        }
    }
    // What was counted before a change counts after it: it comes while clients do.
    for _ in 0..*dice.pick(&[0, 0, 1, 3]) {
        let at_ms = dice.pick(&plan.clients).start_ms + dice.below(3_000);
        plan.faults.push(Fault::Reconfigure { at_ms, settings: Vec::new(), policy: Vec::new() });
    }
    plan
}

fn names(dice: &mut Dice, troubled: bool) -> NamesPlan {
    let takes_us = *dice.pick(&[100, 20_000, 2_000_000]);
    if !troubled {
        return NamesPlan { takes_us, ..NamesPlan::default() };
    }
    NamesPlan {
        takes_us,
        silent: *dice.pick(&[0, 50, 300]),
        fails: *dice.pick(&[0, 100, 500]),
        garbage: *dice.pick(&[0, 50, 300]),
        twice: *dice.pick(&[0, 200]),
        late: *dice.pick(&[0, 200]),
        late_ms: *dice.pick(&[100, 5_000, 30_000]),
    }
}

/// A policy. The last network is that of those who come after the healing: they must get their mail through.
fn policy(dice: &mut Dice) -> Vec<String> {
    let mut lines = vec![
        format!(". {}= _world", any(dice, 300, &["test-rcpt-dns-rbl + "])),
        format!(
            "_world {}{}localdomain -",
            any(dice, 300, &["senderokwithdns + ", "senderokwithdns - "]),
            any(dice, 200, &["acceptifmx - ", "acceptifdns - "]),
        ),
        "[0.0.0.0]/0 = _net".to_owned(),
        format!(
            "_net {}{}{}{}{}rejectnet -",
            any(
                dice,
                650,
                &["ratelimitmsgs 2,3 ", "ratelimitmsgs 4 ", "ratelimitmsgs 0,5 ", "ratelimitmsgs 10,-1 "]
            ),
            any(dice, 300, &["test-dns-rbl bl.example ", "test-dns-rbl wl.example:bl.example "]),
            any(dice, 300, &["rcpt-dns-rbl bl.example:wl.example ", "rcpt-dns-rbl _everybody "]),
            any(dice, 150, &["maxsameipsource 1 ", "maxsameipsource 3 "]),
            any(dice, 200, &["maxinsize 900 ", "bare-newline normalize "]),
        ),
        format!("local.example {}= _ours", any(dice, 400, &["test-rcpt-dns-rbl + ", "test-rcpt-dns-rbl - "])),
        "_ours localdomain + relaytarget +".to_owned(),
        "postmaster@local.example relaytarget +".to_owned(),
        "[198.51.100.0]/24 fulltrustnet +".to_owned(),
    ];
    let standings = [
        "relaycustnet +",
        "fulltrustnet +",
        "trustrecipients +",
        "freezenet +",
        "rejectnet +",
        "maxsameipsource 0",
        "maxsameipsource 2",
        "ratelimitmsgs 1,2",
        "ratelimitmsgs -1",
    ];
    let senders =
        ["rejectsource +", "freezesource +", "sendernorelay +", "senderokwithdns +", "maxinsize 500"];
    let recipients = ["relaytarget +", "relaytarget -", "freeze +", "acceptifmx -", "acceptifdns -"];
    let mut say = |permille: u32, key: &str, choices: &[&str], rest: &str| {
        if dice.chance(permille) {
            lines.push(format!("{key} {}{rest}", dice.pick(choices)));
        }
    };
    for network in NETWORKS {
        say(300, network, &standings, " = _net");
    }
    say(200, "client.example", &senders, " = _world");
    say(200, ".client.example", &senders, " = _world");
    say(400, "spam.example", &senders, " = _world");
    say(300, ".spam.example", &["rejectnet +", "freezenet +", "rcpt-dns-rbl _spammer", "maxinsize 700"], "");
    say(50, "client.example", &["rejectnet +", "freezenet +"], "");
    say(400, "elsewhere.example", &recipients, " = _world");
    say(600, "exchanger.example", &recipients, " = _world");
    say(400, "null.example", &recipients, " = _world");
    say(200, "nowhere.example", &recipients, " = _world");
    say(300, "held@", &["freeze +", "relaytarget -", "relaytarget +"], "");
    say(300, "held@local.example", &["freeze +", "test-rcpt-dns-rbl +"], " = _ours");
    lines
}

/// One of these, in so many of 1,000 cases.
fn any(dice: &mut Dice, permille: u32, choices: &[&'static str]) -> &'static str {
    let choice = *dice.pick(choices);
    if dice.chance(permille) { choice } else { "" }
}
