//! Single rules that the sample does not show.

use super::*;
use crate::server::rate_window::RateVerdict;
use crate::wire::text::BareNewline;
use alloc::string::String;

/// A world in which everything is as one would wish.
fn kind(wish: &Wish) -> Told {
    match wish {
        Wish::Listing { .. } => Told::Listing(None),
        Wish::Domain(..) => Told::Domain(DomainIs::Elsewhere),
        Wish::Spf => Told::Spf(Ok(())),
        Wish::Message(_) | Wish::Recipient(_) => Told::Rate(RateVerdict::Within),
    }
}

/// A world in which nothing can be found out.
fn blind(_: &Wish) -> Told {
    Told::Trouble
}

fn welcome(rules: &Arc<Rules>, peer: &str) -> Client {
    connected(rules, &kind, peer).verdict.expect("welcome")
}

fn sender(client: &Client, world: World<'_>, from: &str) -> Result<Sender, No> {
    done(world, |told| client.sender(&reverse(from), told)).verdict
}

fn recipient(client: &Client, world: World<'_>, to: &str) -> Result<Place, No> {
    let sender = sender(client, &kind, "").expect("a sender");
    done(world, |told| client.recipient(&sender, &forward(to), told)).verdict.map(|welcome| welcome.place)
}

fn why<T: core::fmt::Debug>(verdict: Result<T, No>) -> Why {
    verdict.expect_err("refused").why
}

#[test]
fn trouble_is_temporary_and_lists_that_cannot_be_asked_name_nobody() {
    let rules = compiled(
        ". senderokwithdns + acceptifmx +\n[0.0.0.0]/0 test-dns-rbl bl.test rcpt-dns-rbl bl.test spf +\n\
         net.example acceptifdns +\n",
    );
    let client = connected(&rules, &blind, "198.51.100.1").verdict.expect("no list can be asked");
    let no = sender(&client, &blind, "a@b.example").expect_err("the domain cannot be asked for");
    assert!(no.why == Why::Trouble && no.why.is_temporary());
    assert_eq!(why(recipient(&client, &blind, "a@b.example")), Why::Trouble);
    assert_eq!(why(recipient(&client, &blind, "a@net.example")), Why::Trouble);
    let spf = |wish: &Wish| if *wish == Wish::Spf { Told::Trouble } else { kind(wish) };
    assert!(sender(&client, &spf, "a@b.example").is_ok());
}

#[test]
fn rates_are_asked_for_with_their_limit() {
    let rules = compiled(
        ". relaytarget +\n[192.0.2.0]/24 message \"Slower\" ratelimitmsgs -5,10\n[198.51.100.0]/24 ratelimitmsgs 7\n",
    );
    let full = |wish: &Wish| match wish {
        Wish::Message(limit) => {
            assert_eq!((limit.messages, limit.recipients), (-5, 10));
            Told::Rate(RateVerdict::Forbidden)
        }
        Wish::Recipient(_) => {
            Told::Rate(RateVerdict::Excess { retry_after: crate::now::Duration::from_secs(9) })
        }
        Wish::Listing { .. } | Wish::Domain(..) | Wish::Spf => kind(wish),
    };
    let client = welcome(&rules, "192.0.2.9");
    let no = sender(&client, &full, "").expect_err("too much");
    assert_eq!(no, No { why: Why::Messages(RateVerdict::Forbidden), text: Some("Slower".into()) });
    assert!(!no.why.is_temporary());
    assert!(why(recipient(&client, &full, "a@b.example")).is_temporary());
    // Who has a limit for messages only is not asked about recipients, and users are limited as well.
    assert!(recipient(&welcome(&rules, "198.51.100.9"), &full, "a@b.example").is_ok());
    assert_eq!(why(sender(&client.login("ann"), &full, "")), Why::Messages(RateVerdict::Forbidden));
}

#[test]
fn names_take_away_and_never_give() {
    let rules = compiled(
        ". relaytarget - rcpt-dns-rbl _by-name\nhome.example relaycustnet + fulltrustnet + trustrecipients + maxinsize 5\n\
         evil.example message \"Not you\" rejectnet +\ncold.example freezenet +\nopen.example test-rcpt-dns-rbl + relaytarget +\n",
    );
    let client = || welcome(&rules, "198.51.100.1");
    let named = client().reverse_name("home.example");
    assert_eq!((named.trust(), named.terms().message_octets_max), (&Trust::Nobody, Some(5)));
    let refused = client().reverse_name("Evil.Example");
    assert_eq!(refused.refusal().map(|no| no.why), Some(Why::Client));
    let no = sender(&refused.hello("home.example").login("ann"), &kind, "").expect_err("for good");
    assert_eq!(no.text.as_deref(), Some("Not you"));
    assert_eq!(
        sender(&client().hello("cold.example"), &kind, "").map(|sender| sender.place),
        Ok(Place::Freezer)
    );
    assert!(client().hello("[evil.example]").refusal().is_none());
    let no = recipient(&client().reverse_name("other.example"), &kind, "a@open.example").expect_err("listed");
    assert_eq!((no.why, no.text.as_deref()), (Why::Listed, Some("by-name")));
    assert!(recipient(&client(), &kind, "a@open.example").is_ok());
    // An at in a name finds no mailbox.
    assert!(client().hello("x@evil.example").refusal().is_none());
}

#[test]
fn the_postmaster_is_reached_whatever_the_rules_say_of_others() {
    let rules = compiled(
        ". localdomain + relaytarget -\nhome.example localdomain + relaytarget -\nevil.example relaytarget -\n\
         postmaster@client.example relaytarget +\nPostmaster@bad.example relaytarget -\n[0.0.0.0]/0 ratelimitmsgs 0,1\n",
    );
    let full = |wish: &Wish| match wish {
        Wish::Recipient(_) => Told::Rate(RateVerdict::Forbidden),
        Wish::Listing { .. } | Wish::Domain(..) | Wish::Spf | Wish::Message(_) => kind(wish),
    };
    let client = welcome(&rules, "198.51.100.1");
    for to in ["postmaster", "POSTMASTER@home.example", "postmaster@client.example"] {
        assert_eq!(recipient(&client, &full, to), Ok(Place::Router), "{to}");
    }
    for to in
        ["postmaster@evil.example", "postmaster@bad.example", "postmaster2@home.example", "x@home.example"]
    {
        assert_eq!(why(recipient(&client, &full, to)), Why::Recipient, "{to}");
    }
    // To call all the world ours gives no right.
    assert_eq!(why(recipient(&client, &full, "postmaster@far.example")), Why::Recipient);
}

#[test]
fn what_is_frozen_is_judged_like_everything_else() {
    let rules = compiled(
        ". relaytarget -\nhome.example relaytarget +\nheld@home.example freeze +\ncold.example freezesource +\n\
         odd@cold.example freezesource -\n[192.0.2.0]/24 freezenet + filtering +\n",
    );
    let client = welcome(&rules, "198.51.100.1");
    assert_eq!(sender(&client, &kind, "a@cold.example").map(|sender| sender.place), Ok(Place::Freezer));
    assert_eq!(sender(&client, &kind, "odd@cold.example").map(|sender| sender.place), Ok(Place::Router));
    assert_eq!(recipient(&client, &kind, "held@home.example"), Ok(Place::Freezer));
    let frozen = welcome(&rules, "192.0.2.9");
    assert!(!frozen.is_filtered());
    assert_eq!(sender(&frozen, &kind, "").map(|sender| sender.place), Ok(Place::Freezer));
    assert_eq!(why(recipient(&frozen, &kind, "a@far.example")), Why::Recipient);
}

#[test]
fn users_and_trusted_clients() {
    let rules = compiled(
        ". relaytarget - rejectsource +\n[192.0.2.0]/24 fulltrustnet + bare-newline normalize\n\
         [198.51.100.0]/24 maxsameipsource 0\n",
    );
    let user = welcome(&rules, "203.0.113.1").login("ann");
    assert_eq!(user.trust(), &Trust::User("ann".into()));
    assert!(sender(&user, &kind, "a@b.example").is_ok() && recipient(&user, &kind, "a@b.example").is_ok());
    let trusted = welcome(&rules, "192.0.2.1");
    assert_eq!(trusted.terms().bare_newline, Some(BareNewline::Normalize));
    assert!(recipient(&trusted, &kind, "a@b.example").is_ok());
    assert_eq!(connected(&rules, &kind, "198.51.100.1").verdict.expect_err("none").why, Why::NoConnections);
}

#[test]
fn a_sender_may_take_relaying_away() {
    let rules = compiled(". acceptifdns +\nshy.example sendernorelay +\n");
    let client = welcome(&rules, "198.51.100.1");
    let judge = |from: &str| {
        let sender = sender(&client, &kind, from).expect("taken");
        done(&kind, |told| client.recipient(&sender, &forward("a@far.example"), told)).verdict.is_ok()
    };
    assert!(judge("a@open.example") && !judge("a@shy.example"));
}

#[test]
fn an_answer_to_another_question_is_trouble() {
    let rules = compiled(". senderokwithdns +\n");
    let client = welcome(&rules, "198.51.100.1");
    assert_eq!(why(sender(&client, &|_| Told::Spf(Ok(())), "a@b.example")), Why::Trouble);
    let text: Vec<String> = client.explain(client.chain());
    assert_eq!(text, ["address: no key"]);
}
