//! One run of a script in one variant: step after step, up to the first that goes otherwise.

use std::time::Duration;

use super::{Options, Stop, aftermath};
use crate::dialogue::{Dialogue, Heard, Line};
use crate::lane::{Abilities, Clock, End, Stage};
use crate::pattern::{Bound, Pattern};
use crate::script::{Act, Place, Script, Step};
use crate::text::{quote, spell_duration};
use crate::transcript::{Said, Transcript, server_line, server_lines};
use crate::variant::{Variant, joinable, segment};

/// In real time, nothing more to come is believed after this long.
const GRACE: Duration = Duration::from_millis(20);
/// In real time, a reply may come this much after a `quiet`.
const LATE: Duration = Duration::from_secs(1);

pub(super) struct Performance<'s> {
    script: &'s Script,
    can: &'s Abilities,
    options: &'s Options,
    variant: Variant,
    talk: Dialogue<'s>,
    bound: Bound,
    /// The hour until which the next server step may come, where the script said something about it.
    until: Option<Duration>,
    /// Steps whose segments were said earlier, joined to another.
    said: Vec<usize>,
    /// The replies heard, each with the script's line.
    replies: Vec<(usize, String)>,
    notes: Vec<String>,
}

impl<'s> Performance<'s> {
    pub(super) fn new(
        script: &'s Script,
        stage: &'s mut dyn Stage,
        can: &'s Abilities,
        options: &'s Options,
        variant: Variant,
    ) -> Self {
        let mut talk = Dialogue::new(stage);
        talk.transcript.exact = can.clock == Clock::Exact;
        let (bound, said, replies, notes) = (Bound::new(), Vec::new(), Vec::new(), Vec::new());
        Self { script, can, options, variant, talk, bound, until: None, said, replies, notes }
    }

    pub(super) fn into_parts(self) -> (Transcript, Vec<(usize, String)>, Vec<String>) {
        (self.talk.transcript, self.replies, self.notes)
    }

    pub(super) fn run(&mut self) -> Result<(), Stop> {
        let mut at = 0;
        while let Some(step) = self.script.steps.get(at) {
            self.talk.connect(step.client)?;
            at = self.step(at, step)?;
        }
        self.nothing_left()?;
        self.talk.hang_up()?;
        aftermath::check(self.script, self.talk.stage, &mut self.notes)
    }

    /// Does the step at `at` and those that belong to it; returns the next one's index.
    fn step(&mut self, at: usize, step: &Step) -> Result<usize, Stop> {
        match &step.act {
            Act::Send { .. } => return self.say(at, step),
            Act::Line { pattern, place } => self.line(step, pattern, *place)?,
            Act::Among { .. } => return self.among(at, step),
            Act::Last(pattern) => self.last(step, pattern)?,
            Act::Exactly(octets) => self.exactly(step, octets)?,
            Act::Quiet(time) => self.quiet(at, step, *time)?,
            Act::Pause(time) => self.talk.rest(step.client, *time)?,
            Act::Within(time) => self.until = Some(self.talk.now() + *time),
            Act::ClientCloses => self.talk.end(step.client, End::Half)?,
            Act::ClientResets => self.talk.end(step.client, End::Reset)?,
            Act::ServerCloses => self.closes(step)?,
            Act::StartTls => {
                let connection = self.talk.connection(step.client)?;
                self.talk.transcript.note(self.talk.now(), step.client, Said::ClientStartsTls);
                self.talk.stage.start_tls(connection)?;
            }
            Act::Asked(helper, pattern) => {
                let line = self.talk.stage.asked(*helper, self.options.within)?;
                if !pattern.fits(&line, &mut self.bound) {
                    let what = format!("the {helper} was asked {}", quote(&line));
                    return Err(Stop::otherwise(step.line, what));
                }
            }
            Act::Answers(helper, line) => self.talk.stage.answer(*helper, Some(line))?,
            Act::Dies(helper) => self.talk.stage.answer(*helper, None)?,
            Act::Silent(_) => {} // It is asked, and nothing is ever answered.
        }
        Ok(at + 1)
    }

    fn say(&mut self, at: usize, step: &Step) -> Result<usize, Stop> {
        let (mut octets, end) = segment(&self.script.steps, at);
        if self.said.contains(&at) {
            return Ok(end);
        }
        self.nothing_said_yet(at, step)?;
        if self.variant == Variant::Glued && self.talk.offers_pipelining(step.client)? {
            let (mut from, mut to, mut latest) = (at, end, octets.clone());
            while let Some(next) = joinable(&self.script.steps, from, to, &latest) {
                (latest, to) = segment(&self.script.steps, next);
                from = next;
                octets.extend_from_slice(&latest);
                self.said.push(next);
            }
        }
        self.talk.send(step.client, &self.variant.pieces(&octets))?;
        Ok(end)
    }

    /// A server that speaks before the client said what it waits for would pass unseen if only the order of replies
    /// were judged. In real time this can only be seen after a pause.
    fn nothing_said_yet(&mut self, at: usize, step: &Step) -> Result<(), Stop> {
        let paused = at.checked_sub(1).is_some_and(|before| {
            self.script.steps[before].client == step.client
                && matches!(self.script.steps[before].act, Act::Pause(_) | Act::Quiet(_))
        });
        if self.can.clock == Clock::Exact || (paused && self.can.clock == Clock::Real) {
            self.talk.poll(step.client)?;
            self.nothing_unheard(step.client, step.line, "the server spoke before this was said")?;
        }
        Ok(())
    }

    fn nothing_unheard(&mut self, client: u32, line: usize, what: &str) -> Result<(), Stop> {
        let unheard = self.talk.unheard(client)?;
        if unheard.is_empty() {
            return Ok(());
        }
        Err(Stop::Otherwise { line, what: what.to_string(), got: server_lines(unheard) })
    }

    /// At the end nobody has anything left to say.
    fn nothing_left(&mut self) -> Result<(), Stop> {
        let last = self.script.steps.last().map_or(1, |step| step.line);
        for client in self.talk.clients() {
            if self.can.clock == Clock::Exact {
                self.talk.poll(client)?;
            } else if !self.talk.is_closed(client)? {
                self.talk.listen(client, self.talk.now() + GRACE)?;
            }
            self.nothing_unheard(client, last, "the server said more than the script has")?;
        }
        Ok(())
    }

    /// The hour until which the next server step may come, and how that reads in a complaint.
    fn patience(&mut self) -> (Duration, String) {
        let now = self.talk.now();
        let until = self.until.take().unwrap_or(now + self.options.within);
        let left = until.saturating_sub(now);
        // Real time is never round.
        let left = (left + Duration::from_millis(5)).as_millis() / 10 * 10;
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX));
        let reads = if left.is_zero() {
            "at that moment".to_string()
        } else {
            format!("within {}", spell_duration(left))
        };
        (until, reads)
    }

    /// The next line, or why there is none.
    fn hear(&mut self, step: &Step) -> Result<Line, Stop> {
        let (until, waited) = self.patience();
        let heard = self.talk.line(step.client, until)?;
        let (what, rest) = match heard {
            Heard::Line(line) => return Ok(line),
            Heard::Closed(rest) => ("the server closed the connection".to_string(), rest),
            Heard::Nothing(rest) => (format!("nothing came {waited}"), rest),
        };
        Err(Stop::Otherwise { line: step.line, what, got: server_lines(&rest) })
    }

    fn line(&mut self, step: &Step, pattern: &Pattern, place: Place) -> Result<(), Stop> {
        if !self.can.texts {
            // A foreign server cuts its replies into lines as it likes.
            return if place == Place::Continues { Ok(()) } else { self.last(step, pattern) };
        }
        let line = self.hear(step)?;
        self.note(step, &line);
        let placed = if place == Place::Continues { line.goes_on() } else { line.is_final() };
        if !pattern.fits(&line.spelled(), &mut self.bound) || !placed {
            return Err(self.other(step, "another line came", &[line]));
        }
        if self.judges_writes() {
            let what = match (place, line.ends_write) {
                (Place::Ends, false) => "this ends its write, but the server put more into it",
                (Place::Shares | Place::Continues, true) => {
                    "this shares its write, but the server ended it here"
                }
                _ if !line.whole => "this line came in more than one write",
                _ => return Ok(()),
            };
            return Err(self.other(step, what, &[line]));
        }
        Ok(())
    }

    fn judges_writes(&self) -> bool {
        self.can.writes && self.variant == Variant::AsWritten
    }

    /// What came instead, with whatever came behind it at once.
    fn other(&mut self, step: &Step, what: &str, lines: &[Line]) -> Stop {
        let mut got: Vec<String> =
            lines.iter().map(|line| server_line(&line.text, line.ends_write)).collect();
        let _ = self.talk.poll(step.client);
        got.extend(self.talk.unheard(step.client).map(server_lines).unwrap_or_default());
        Stop::Otherwise { line: step.line, what: what.to_string(), got }
    }

    fn note(&mut self, step: &Step, line: &Line) {
        let said =
            if self.can.texts { line.signature() } else { String::from_utf8_lossy(line.code()).into_owned() };
        self.replies.push((step.line, said));
    }

    /// A whole reply, up to the line that ends it.
    fn reply(&mut self, step: &Step) -> Result<Vec<Line>, Stop> {
        let mut lines: Vec<Line> = Vec::new();
        loop {
            let line = self.hear(step)?;
            let (ends, goes_on) = (line.is_final(), line.goes_on());
            if self.can.texts || ends {
                self.note(step, &line);
            }
            lines.push(line);
            if ends {
                return Ok(lines);
            }
            if !goes_on || lines.iter().any(|line| line.code() != lines[0].code()) {
                return Err(self.other(step, "this is no reply", &lines));
            }
        }
    }

    fn last(&mut self, step: &Step, pattern: &Pattern) -> Result<(), Stop> {
        let lines = self.reply(step)?;
        let fits = lines.last().is_some_and(|line| {
            if self.can.texts {
                pattern.fits(&line.spelled(), &mut self.bound)
            } else {
                pattern.code().is_none_or(|code| code.as_bytes() == line.code())
            }
        });
        if fits { Ok(()) } else { Err(self.other(step, "another reply came", &lines)) }
    }

    /// All `S~` and `S!` in a row speak of one reply.
    fn among(&mut self, at: usize, step: &Step) -> Result<usize, Stop> {
        let lines = self.reply(step)?;
        for (index, step_now) in self.script.steps.iter().enumerate().skip(at) {
            let Act::Among { pattern, wanted } = &step_now.act else { return Ok(index) };
            if step_now.client != step.client {
                return Ok(index);
            }
            let found = lines.iter().any(|line| self.finds(pattern, line));
            if found != *wanted {
                let what =
                    if *wanted { "no line of the reply is this" } else { "a line of the reply is this" };
                return Err(self.other(step_now, what, &lines));
            }
        }
        Ok(self.script.steps.len())
    }

    fn finds(&mut self, pattern: &Pattern, line: &Line) -> bool {
        if self.can.texts {
            return pattern.fits(&line.spelled(), &mut self.bound);
        }
        let spelled = String::from_utf8_lossy(&line.spelled()).into_owned();
        let word = spelled.get(4..).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        pattern.code().is_none_or(|code| code.as_bytes() == line.code())
            && pattern.keyword().is_none_or(|keyword| keyword.eq_ignore_ascii_case(word))
    }

    fn exactly(&mut self, step: &Step, octets: &[u8]) -> Result<(), Stop> {
        let (until, _) = self.patience();
        let (got, one_write) = self.talk.octets(step.client, octets.len(), until)?;
        let what = if got != octets {
            "other octets came"
        } else if self.judges_writes() && !one_write {
            "these octets are not a write of their own"
        } else {
            self.replies.push((step.line, quote(&got)));
            return Ok(());
        };
        Err(Stop::Otherwise {
            line: step.line,
            what: what.to_string(),
            got: vec![format!("S| {}", quote(&got))],
        })
    }

    fn quiet(&mut self, at: usize, step: &Step, time: Duration) -> Result<(), Stop> {
        let next = self.script.steps.get(at + 1);
        let awaits = next.is_some_and(|next| next.client == step.client && next.act.is_heard());
        let start = self.talk.now();
        let end = start + time;
        let tolerance = match self.can.clock {
            Clock::Exact => Duration::ZERO,
            Clock::Real => Duration::from_millis(50) + time / 20,
            Clock::Unjudged => {
                if awaits {
                    self.until = Some(end + self.options.within);
                }
                return Ok(());
            }
        };
        self.nothing_unheard(step.client, step.line, "the server is not quiet")?;
        if self.talk.is_closed(step.client)? {
            return Err(Stop::otherwise(step.line, "the connection is closed already"));
        }
        let came = self.talk.listen(step.client, end.saturating_sub(tolerance))?;
        let now = self.talk.now();
        if came && now < end.saturating_sub(tolerance) {
            let kept = now.saturating_sub(start);
            let what = match kept.as_millis() {
                0 => "the server was not quiet at all".to_string(),
                _ => format!("the server was quiet for {} only", spell_duration(kept)),
            };
            let unheard = self.talk.unheard(step.client)?;
            let got = if unheard.is_empty() { vec!["S closes".to_string()] } else { server_lines(unheard) };
            return Err(Stop::Otherwise { line: step.line, what, got });
        }
        if awaits {
            self.until = Some(if self.can.clock == Clock::Exact { end } else { end + LATE });
        } else {
            self.talk.stage.rest(end.saturating_sub(now))?;
        }
        Ok(())
    }

    fn closes(&mut self, step: &Step) -> Result<(), Stop> {
        let (until, waited) = self.patience();
        let what = match self.talk.line(step.client, until)? {
            Heard::Closed(rest) if rest.is_empty() => return Ok(()),
            Heard::Closed(rest) => {
                let what = "the server closed, but said more before".to_string();
                return Err(Stop::Otherwise { line: step.line, what, got: server_lines(&rest) });
            }
            Heard::Line(line) => {
                return Err(self.other(step, "the server said more instead of closing", &[line]));
            }
            Heard::Nothing(_) => format!("the server did not close {waited}"),
        };
        Err(Stop::otherwise(step.line, what))
    }
}
