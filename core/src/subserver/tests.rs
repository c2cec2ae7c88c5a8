//! Farms with helpers that are slow, late, silent, dying, lying; and with all of it at once, many times.

use super::*;
use crate::now::{Duration, Instant, Now, Wall};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn terms(helpers_max: usize) -> Terms {
    Terms {
        helpers_max,
        waiting_max: 5,
        start_max: SECOND * 10,
        work_max: SECOND * 20,
        wait_max: SECOND * 10,
        idle_max: SECOND * 600,
        jobs_max: 3,
        pause_min: SECOND,
        pause_max: SECOND * 8,
        failures_max: 3,
        fits: filter::fits,
        talk: Talk::Hungry,
    }
}

/// A farm and the hour, with all that it put out as words.
struct Yard {
    farm: Farm,
    seconds: u64,
    next: u64,
}

impl Yard {
    fn new(helpers_max: usize) -> Yard {
        Yard { farm: Farm::new(terms(helpers_max)), seconds: 0, next: 0 }
    }

    fn now(&self) -> Now {
        Now { instant: Instant::from_micros(self.seconds * 1_000_000), wall: Wall::from_seconds(0) }
    }

    fn bring(&mut self, input: Input<'_>) -> Vec<String> {
        self.farm.handle(self.now(), input);
        core::iter::from_fn(|| self.farm.poll())
            .filter(|output| !matches!(output, Output::Note(_)))
            .map(|output| match output {
                Output::Errand(Errand::Start(helper)) => format!("start {}", helper.0),
                Output::Errand(Errand::Read(..)) => unreachable!("a farm reads nothing"),
                Output::Errand(Errand::Connect(helper, place)) => format!("connect {} to {place}", helper.0),
                Output::Errand(Errand::Say(helper, octets)) => {
                    format!("{} < {}", helper.0, octets.escape_ascii())
                }
                Output::Errand(Errand::LetGo(helper)) => format!("let go {}", helper.0),
                Output::Errand(Errand::End(helper)) => format!("end {}", helper.0),
                Output::Answer(job, Ok(lines)) => {
                    let lines: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
                    format!("job {}: {}", job.0, lines.join("|"))
                }
                Output::Answer(job, Err(fault)) => format!("job {}: {}", job.0, fault.text()),
                Output::Note(_) => unreachable!("they were left out"),
            })
            .collect()
    }

    fn ask(&mut self) -> Vec<String> {
        self.next += 1;
        let line = Request::line(&[&format!("public/{}", self.next)]).expect("fit");
        self.bring(Input::Asked(JobId(self.next), line))
    }

    fn say(&mut self, helper: u64, octets: &str) -> Vec<String> {
        self.bring(Input::Said(HelperId(helper), octets.as_bytes()))
    }

    /// Lets the next deadline come; it must be after so many seconds.
    fn wait(&mut self, seconds: u64) -> Vec<String> {
        self.seconds += seconds;
        assert_eq!(self.farm.deadline(), Some(self.now().instant));
        self.bring(Input::Tick)
    }
}

#[test]
fn a_job_goes_to_who_is_hungry_and_its_answer_back() {
    let mut yard = Yard::new(2);
    assert_eq!(yard.bring(Input::Opened), ["start 1"]);
    assert!(yard.say(1, "some noise\n#hun").is_empty());
    assert!(yard.say(1, "gry\n").is_empty());
    assert_eq!(yard.ask(), ["1 < public/1\\n"]);
    assert_eq!(yard.ask(), ["start 2"], "the second job wants a second helper");
    assert!(yard.ask().is_empty(), "and the third has to wait");
    assert_eq!(yard.say(2, "#hungry\n"), ["2 < public/2\\n"]);
    assert!(yard.say(1, "0 250 fi").is_empty());
    assert!(yard.say(1, "ne\n").is_empty(), "an answer ends with #hungry");
    assert_eq!(yard.say(1, "#hungry\n"), ["job 1: 0 250 fine", "1 < public/3\\n"]);
    assert_eq!(yard.say(2, "-1\n0 x\n#hungry\n"), ["job 2: -1|0 x"]);
    assert_eq!(yard.say(1, "1\n#hungry\n"), ["job 3: 1"]);
    assert_eq!((yard.farm.hungry(), yard.farm.waiting()), (2, 0));
    assert_eq!(yard.wait(600), ["let go 1"], "one is enough when nobody comes");
    assert_eq!(yard.farm.deadline(), None);
}

#[test]
fn after_so_many_jobs_a_helper_is_replaced() {
    let mut yard = Yard::new(1);
    yard.bring(Input::Opened);
    yard.say(1, "#hungry\n");
    for _ in 0..2 {
        yard.ask();
        yard.say(1, "0\n#hungry\n");
    }
    yard.ask();
    assert_eq!(yard.say(1, "0\n#hungry\n"), ["job 3: 0", "let go 1", "start 2"]);
    assert!(yard.bring(Input::Ended(HelperId(1))).is_empty());
    yard.say(2, "#hungry\n");
    assert_eq!(yard.bring(Input::Renewed), ["let go 2", "start 3"], "another program");
}

#[test]
fn who_is_late_is_ended_and_never_answers_something_else() {
    let mut yard = Yard::new(1);
    yard.bring(Input::Opened);
    yard.say(1, "#hungry\n");
    yard.ask();
    yard.seconds = 15;
    yard.ask();
    assert_eq!(yard.wait(5), ["end 1", "job 1: late"]);
    assert!(yard.say(1, "0\n#hungry\n").is_empty(), "it is not heard any more");
    assert_eq!(yard.wait(1), ["start 2"]);
    assert_eq!(yard.say(2, "#hungry\n"), ["2 < public/2\\n"]);
    assert_eq!(yard.wait(20), ["end 2", "job 2: late"]);
}

#[test]
fn who_hangs_keeps_others_waiting_for_a_while_only() {
    let mut yard = Yard::new(2);
    yard.bring(Input::Opened);
    yard.say(1, "#hungry\n");
    yard.ask();
    yard.ask();
    yard.say(2, "#hungry\n");
    yard.ask();
    yard.seconds = 3;
    yard.ask();
    assert_eq!(yard.wait(7), ["job 3: too many jobs wait"]);
    assert_eq!(yard.wait(3), ["job 4: too many jobs wait"]);
    assert_eq!(yard.wait(7), ["end 1", "job 1: late", "end 2", "job 2: late"]);
}

#[test]
fn who_speaks_unasked_or_says_what_is_no_answer_is_not_asked_again() {
    for (said, wanted) in [
        // The second answer would be taken for that to the next job.
        ("0\n#hungry\n-1\n#hungry\n", &["job 1: 0", "end 1"][..]),
        ("0\n#hungry\n#hungry\n", &["job 1: 0", "end 1"]),
        ("0\n#hungry\n-", &["job 1: 0", "end 1"]),
        ("what?\n0 fine\n#hungry\n", &["job 1: 0 fine", "end 1"]),
        ("what?\n#hungry\n", &["job 1: ", "end 1"]),
    ] {
        let mut yard = Yard::new(1);
        yard.bring(Input::Opened);
        yard.say(1, "#hungry\n");
        yard.ask();
        assert_eq!(yard.say(1, said), wanted, "{said:?}");
        assert_eq!(yard.wait(1), ["start 2"]);
    }
}

#[test]
fn failures_in_a_row_make_nobody_wait() {
    let mut yard = Yard::new(2);
    yard.bring(Input::Opened);
    yard.ask();
    let ended = |helper| Input::Ended(HelperId(helper));
    assert!(yard.bring(ended(1)).is_empty());
    assert_eq!(yard.wait(1), ["start 2"]);
    assert!(yard.bring(ended(2)).is_empty());
    assert_eq!(yard.wait(2), ["start 3"]);
    assert_eq!(yard.bring(ended(3)), ["job 1: helpers fail one after the other"]);
    assert!(yard.farm.is_broken());
    assert_eq!(yard.ask(), ["job 2: helpers fail one after the other"]);
    assert_eq!(yard.wait(4), ["start 4"]);
    assert_eq!(yard.wait(10), ["end 4"], "it never got ready");
    assert_eq!(yard.wait(8), ["start 5"], "the pause grows no further");
    assert!(yard.say(5, "#hungry\n").is_empty());
    assert!(!yard.farm.is_broken());
    assert_eq!(yard.ask(), ["5 < public/3\\n"]);
    assert_eq!(yard.bring(ended(5)), ["job 3: ended"], "one failure is enough now");
    assert!(yard.farm.is_broken());
    assert_eq!(yard.wait(8), ["start 6"]);
    yard.say(6, "#hungry\n");
    yard.ask();
    assert_eq!(yard.say(6, "0\n#hungry\n"), ["job 4: 0"]);
    yard.ask();
    assert_eq!(yard.bring(ended(6)), ["job 5: ended"]);
    assert!(!yard.farm.is_broken(), "an answer makes good for what was before");
}

#[test]
fn the_queue_has_an_end_and_who_leaves_it_is_not_asked_for() {
    let mut yard = Yard::new(1);
    yard.bring(Input::Opened);
    for _ in 0..5 {
        assert!(yard.ask().is_empty());
    }
    assert_eq!(yard.ask(), ["job 6: too many jobs wait"]);
    assert!(yard.bring(Input::GivenUp(JobId(1))).is_empty());
    assert_eq!(yard.say(1, "#hungry\n"), ["1 < public/2\\n"]);
    assert!(yard.bring(Input::GivenUp(JobId(2))).is_empty());
    assert_eq!(yard.say(1, "0\n#hungry\n"), ["1 < public/3\\n"], "nobody wants the answer");
}

#[test]
fn a_babbler_is_ended() {
    let mut yard = Yard::new(1);
    yard.bring(Input::Opened);
    yard.say(1, "#hungry\n");
    yard.ask();
    let lines = "0\n".repeat(crate::limits::HELPER_LINES_MAX);
    assert!(yard.say(1, &lines).is_empty());
    assert_eq!(yard.say(1, "0\n"), ["end 1", "job 1: said too much"]);
}

/// A farm of connections to a policy service.
fn connections() -> Yard {
    let talk = Talk::Paragraphs(Address::Unix("/p".into()));
    let farm = Farm::new(Terms { fits: policy_service::fits, talk, ..terms(2) });
    let mut yard = Yard { farm, seconds: 0, next: 0 };
    assert!(yard.bring(Input::Opened).is_empty(), "nothing is asked, nobody is needed");
    yard
}

#[test]
fn a_connection_is_made_when_it_is_needed_used_again_and_given_up_when_it_is_idle() {
    let mut yard = connections();
    let connected = |number| Input::Connected(HelperId(number));
    assert_eq!(yard.ask(), ["connect 1 to unix:/p"]);
    assert_eq!(yard.bring(connected(1)), ["1 < public/1\\n"]);
    assert!(yard.bring(connected(1)).is_empty(), "that was known");
    assert!(yard.say(1, "action=a\nx=y\n").is_empty(), "an answer ends with an empty line");
    assert_eq!(yard.say(1, "\n"), ["job 1: action=a|x=y"]);
    assert_eq!(yard.ask(), ["1 < public/2\\n"], "the same one again");
    assert_eq!(yard.ask(), ["connect 2 to unix:/p"]);
    assert_eq!(yard.say(1, "action=b\n\n"), ["job 2: action=b", "1 < public/3\\n"]);
    assert!(yard.bring(connected(2)).is_empty());
    assert_eq!(yard.say(1, "\n"), ["job 3: ", "let go 1"], "three jobs are as many as it may have");
    assert_eq!(yard.wait(600), ["let go 2"], "the last one, too");
    assert_eq!((yard.farm.helpers(), yard.farm.deadline()), (0, None));
}

#[test]
fn a_connection_that_was_closed_while_idle_is_no_failure() {
    let mut yard = connections();
    yard.ask();
    yard.bring(Input::Connected(HelperId(1)));
    yard.say(1, "action=a\n\n");
    assert!(yard.bring(Input::Ended(HelperId(1))).is_empty());
    assert_eq!(yard.ask(), ["connect 2 to unix:/p"], "at once, without a pause");
    yard.bring(Input::Connected(HelperId(2)));
    yard.say(2, "action=a\n\n");
    yard.ask();
    let again = yard.bring(Input::Ended(HelperId(2)));
    assert_eq!(again, ["connect 3 to unix:/p"], "it did not hear the question: another one is asked");
    assert_eq!(yard.bring(Input::Connected(HelperId(3))), ["3 < public/3\\n"]);
    assert_eq!(yard.bring(Input::Ended(HelperId(3))), ["job 3: ended"], "which is done once");
    assert!(yard.ask().is_empty(), "and that was a failure");
    assert_eq!(yard.wait(1), ["connect 4 to unix:/p"]);
    yard.bring(Input::Connected(HelperId(4)));
    yard.say(4, "action=a\n\n");
    yard.ask();
    assert!(yard.say(4, "action=").is_empty());
    assert_eq!(yard.bring(Input::Ended(HelperId(4))), ["job 5: ended"], "it had begun to answer");
}

#[test]
fn a_service_that_is_gone_costs_nobody_a_wait_and_is_found_again() {
    let mut yard = connections();
    yard.ask();
    assert!(yard.bring(Input::Ended(HelperId(1))).is_empty(), "the job waits for another try");
    assert_eq!(yard.wait(1), ["connect 2 to unix:/p"]);
    assert!(yard.bring(Input::Ended(HelperId(2))).is_empty());
    assert_eq!(yard.wait(2), ["connect 3 to unix:/p"]);
    assert_eq!(yard.bring(Input::Ended(HelperId(3))), ["job 1: helpers fail one after the other"]);
    assert!(yard.farm.is_broken());
    assert_eq!(yard.ask(), ["job 2: helpers fail one after the other"], "at once");
    assert_eq!(yard.wait(4), ["connect 4 to unix:/p"], "though nobody waits");
    assert!(yard.bring(Input::Connected(HelperId(4))).is_empty());
    assert!(!yard.farm.is_broken());
    assert_eq!(yard.ask(), ["4 < public/3\\n"]);
}

/// What a helper does with a job or at its start, while there are faults.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Good,
    Silent,
    Dies,
    Cut,
    Twice,
    Nonsense,
    Late,
}

/// What a helper says, or that it dies.
type Deed = (HelperId, Option<Vec<u8>>);

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        4 => Just(Manner::Good),
        1 => Just(Manner::Silent),
        1 => Just(Manner::Dies),
        1 => Just(Manner::Cut),
        1 => Just(Manner::Twice),
        1 => Just(Manner::Nonsense),
        1 => Just(Manner::Late),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Every job gets exactly one answer, in time, and a `0` only from a helper that saw it; when the faults are over the
    /// farm works again.
    #[test]
    fn every_job_is_answered_once_and_the_farm_recovers(
        helpers in 1_usize..4,
        gaps in prop::collection::vec(0_u64..12, 1..60),
        manners in prop::collection::vec(manner(), 1..80),
        connects in any::<bool>(),
    ) {
        let talk = if connects { Talk::Paragraphs(Address::Unix("/p".into())) } else { Talk::Hungry };
        let fits = if connects { policy_service::fits } else { filter::fits };
        let mut farm = Farm::new(Terms { waiting_max: 100, talk, fits, ..terms(helpers) });
        // The same in paragraphs.
        let words = |text: &str| if connects { text.replace("#hungry", "").replace('0', "a=0") } else { text.into() };
        let mut manners = manners.into_iter();
        let mut seconds = 0;
        let mut asked: BTreeMap<u64, u64> = BTreeMap::new();
        let mut answered: BTreeMap<u64, u64> = BTreeMap::new();
        // What helpers will do, by the hour.
        let mut events: BTreeMap<(u64, u64), Deed> = BTreeMap::new();
        let mut serial = 0;
        let mut gaps = gaps.into_iter();
        let mut next_job = gaps.next();
        let mut input = Some(Input::Opened);
        let mut said;
        loop {
            let now = Now { instant: Instant::from_micros(seconds * 1_000_000), wall: Wall::from_seconds(0) };
            if let Some(input) = input.take() {
                farm.handle(now, input);
            }
            while let Some(output) = farm.poll() {
                let mut plan = |after: u64, helper: HelperId, what: Option<&str>| {
                    serial += 1;
                    events.insert((seconds + after, serial), (helper, what.map(|what| words(what).into_bytes())));
                };
                match output {
                    Output::Errand(Errand::Start(helper) | Errand::Connect(helper, _)) => match manners.next().unwrap_or(Manner::Good) {
                        Manner::Silent => {}
                        Manner::Dies | Manner::Cut => plan(1, helper, None),
                        Manner::Late => plan(15, helper, Some("#hungry\n")),
                        Manner::Good | Manner::Twice | Manner::Nonsense => plan(1, helper, Some("#hungry\n")),
                    },
                    Output::Errand(Errand::Say(helper, _)) => match manners.next().unwrap_or(Manner::Good) {
                        Manner::Good => plan(1, helper, Some("0\n#hungry\n")),
                        Manner::Silent => {}
                        Manner::Dies => plan(1, helper, None),
                        Manner::Cut => { plan(1, helper, Some("0\n")); plan(2, helper, None); }
                        Manner::Twice => plan(1, helper, Some("0\n#hungry\n0\n#hungry\n")),
                        Manner::Nonsense => plan(1, helper, Some("hm\n#hungry\n")),
                        Manner::Late => plan(25, helper, Some("0\n#hungry\n")),
                    },
                    Output::Errand(Errand::Read(..)) => unreachable!("a farm reads nothing"),
                    Output::Errand(Errand::LetGo(_)) | Output::Errand(Errand::End(_)) | Output::Note(_) => {}
                    Output::Answer(job, _) => {
                        prop_assert!(answered.insert(job.0, seconds).is_none(), "job {} twice", job.0);
                    }
                }
            }
            let deadline = farm.deadline().map(|at| at.micros().div_ceil(1_000_000));
            let event = events.keys().next().copied();
            let job = next_job.map(|gap| asked.values().next_back().copied().unwrap_or(0) + gap);
            let Some(at) = [deadline, event.map(|event| event.0), job].into_iter().flatten().min() else { break };
            seconds = seconds.max(at);
            if event.is_some_and(|event| event.0 <= at) {
                let (_, (helper, what)) = events.pop_first().expect("it was there");
                said = what;
                input = Some(match &said {
                    Some(octets) if octets == b"\n" => Input::Connected(helper),
                    Some(octets) => Input::Said(helper, octets),
                    None => Input::Ended(helper),
                });
            } else if job.is_some_and(|job| job <= at) {
                let number = u64::try_from(asked.len()).expect("few") + 1;
                asked.insert(number, seconds);
                next_job = gaps.next();
                input = Some(Input::Asked(JobId(number), Request::line(&["x"]).expect("fit")));
            } else {
                input = Some(Input::Tick);
            }
            prop_assert!(seconds < 1_000_000, "it never comes to rest");
        }
        for (job, asked) in &asked {
            let answered = answered.get(job);
            prop_assert!(answered.is_some_and(|at| at - asked <= 30), "job {job}: {asked} {answered:?}");
        }
        prop_assert_eq!((farm.waiting(), farm.hungry()), (0, farm.helpers()));
        prop_assert!(connects || farm.hungry() >= 1, "nobody is hungry at the end: {farm:?}");
        prop_assert!(!farm.is_broken());
    }
}
