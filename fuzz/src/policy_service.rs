//! What a policy service says: whatever it is, it is an action that can be done as it is, or words for an operator.

use crate::pieces;
use smtpserver_core::now::{Instant, Now, Wall};
use smtpserver_core::subserver::policy_service::{Action, action, fits};
use smtpserver_core::subserver::{
    Address, Errand, Farm, HelperId, Input, JobId, Output, Request, Talk, Terms,
};
use std::time::Duration;

/// Its first octet says in what pieces the rest comes, which is what the service says to one job after another.
pub fn policy_service(data: &[u8]) {
    let (most, said) = crate::choice(data);
    let lines: Vec<Vec<u8>> = said.split(|octet| *octet == b'\n').map(<[u8]>::to_vec).collect();
    check(&lines);
    assert_eq!(answers(said, u8::MAX), answers(said, most), "where it is cut makes no difference");
}

fn check(lines: &[Vec<u8>]) {
    match action(lines) {
        Ok(Action::Prepend(field)) => {
            assert!(field.is_ascii() && field.ends_with('\n') && field.contains(':'), "{field:?}");
            assert!(!field[..field.len() - 1].contains(['\n', '\r', '\0']), "{field:?}");
        }
        Ok(Action::Refuse(words)) => assert!(words.refuses() && !words.accepts()),
        Ok(Action::Pass | Action::Hold | Action::Discard) => {}
        Err(text) => assert!(text.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{text:?}"),
    }
}

/// The answers that a farm of one connection hears in it, and whether the connection was ended for what it said.
fn answers(said: &[u8], most: u8) -> (Vec<Vec<Vec<u8>>>, bool) {
    let second = Duration::from_secs(1);
    let now = Now { instant: Instant::from_micros(0), wall: Wall::from_seconds(0) };
    let mut farm = Farm::new(Terms {
        helpers_max: 1,
        waiting_max: 1,
        start_max: second,
        work_max: second,
        wait_max: second,
        idle_max: second,
        jobs_max: 1_000,
        pause_min: second,
        pause_max: second,
        failures_max: 1,
        fits,
        talk: Talk::Paragraphs(Address::Unix("/p".into())),
    });
    let request = || Request::line(&["x"]).expect("fit");
    let (mut heard, mut job) = (Vec::new(), 1);
    farm.handle(now, Input::Asked(JobId(job), request()));
    farm.handle(now, Input::Connected(HelperId(1)));
    // A service that answers ahead of a question is out of step, wherever it was cut: it is asked again before that.
    for line in said.split_inclusive(|octet| *octet == b'\n') {
        for piece in pieces(line, most) {
            farm.handle(now, Input::Said(HelperId(1), piece));
            while let Some(output) = farm.poll() {
                match output {
                    Output::Answer(_, Ok(lines)) => {
                        check(&lines);
                        heard.push(lines);
                        job += 1;
                        farm.handle(now, Input::Asked(JobId(job), request()));
                    }
                    Output::Errand(Errand::End(_)) => return (heard, true),
                    Output::Answer(_, Err(_)) | Output::Errand(_) | Output::Note(_) => {}
                }
            }
        }
    }
    (heard, false)
}
