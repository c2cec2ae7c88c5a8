//! Rewrites the `S` lines of a script from what a server really says. Patterns that still fit stay, captures and all;
//! `C`, `quiet`, `spec` and every other line are never touched.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::dialogue::{Dialogue, Heard, Line};
use crate::lane::{Abilities, Clock, End, Lane, Refused, Trouble};
use crate::pattern::{Bound, Pattern};
use crate::run::Options;
use crate::script::{Act, Place, Script, Step};
use crate::transcript::server_line;
use crate::variant::segment;

/// In real time, nothing more to come is believed after this long.
const GRACE: Duration = Duration::from_millis(100);

/// The script's text with its `S` lines as the lane's server would have them; `None` if they are so already.
///
/// # Errors
/// [`Refused`] if the lane cannot run the script, or does not compare texts.
pub fn bless(script: &Script, lane: &mut dyn Lane, options: &Options) -> Result<Option<String>, Refused> {
    let can = lane.abilities();
    if !can.texts {
        return Err(Refused::NotHere("this lane does not compare texts".to_string()));
    }
    let mut stage = lane.open(&script.world)?;
    let talk = Dialogue::new(&mut *stage);
    let mut scribe =
        Scribe { script, can: &can, options, talk, bound: Bound::new(), until: None, lines: BTreeMap::new() };
    scribe.run().map_err(Refused::Trouble)?;
    let blessed = scribe.rewritten();
    Ok((blessed != script.source).then_some(blessed))
}

struct Scribe<'s> {
    script: &'s Script,
    can: &'s Abilities,
    options: &'s Options,
    talk: Dialogue<'s>,
    bound: Bound,
    until: Option<Duration>,
    /// For each `S` line of the script, the lines that take its place.
    lines: BTreeMap<usize, Vec<String>>,
}

impl Scribe<'_> {
    fn run(&mut self) -> Result<(), Trouble> {
        let steps = &self.script.steps;
        let mut at = 0;
        while let Some(step) = steps.get(at) {
            self.talk.connect(step.client)?;
            at += 1;
            match &step.act {
                Act::Send { .. } => {
                    let (octets, end) = segment(steps, at - 1);
                    self.talk.send(step.client, &[&octets])?;
                    at = end;
                }
                Act::Quiet(time) => {
                    let end = self.talk.now() + *time;
                    self.talk.listen(step.client, end)?;
                    let rest = end.saturating_sub(self.talk.now());
                    self.talk.stage.rest(rest)?;
                }
                Act::Pause(time) => self.talk.rest(step.client, *time)?,
                Act::Within(time) => self.until = Some(self.talk.now() + *time),
                Act::ClientCloses => self.talk.end(step.client, End::Half)?,
                Act::ClientResets => self.talk.end(step.client, End::Reset)?,
                Act::StartTls => {
                    let connection = self.talk.connection(step.client)?;
                    self.talk.stage.start_tls(connection)?;
                }
                Act::Asked(helper, _) => drop(self.talk.stage.asked(*helper, self.options.within)?),
                Act::Answers(helper, line) => self.talk.stage.answer(*helper, Some(line))?,
                Act::Dies(helper) => self.talk.stage.answer(*helper, None)?,
                Act::Silent(_) => {}
                Act::Line { .. } | Act::Among { .. } | Act::Last(_) | Act::Exactly(_) | Act::ServerCloses => {
                    let block: Vec<&Step> = steps[at - 1..]
                        .iter()
                        .take_while(|next| next.client == step.client && next.act.is_heard())
                        .collect();
                    at += block.len() - 1;
                    self.block(&block)?;
                }
            }
        }
        self.talk.hang_up()
    }

    /// Hears what the server says where the script has these steps, and notes what they should be.
    fn block(&mut self, old: &[&Step]) -> Result<(), Trouble> {
        let (lines, closed) = self.hear(old)?;
        let exact_octets = old.iter().any(|step| matches!(step.act, Act::Exactly(_)));
        let known = old.first().is_some_and(|step| self.lines.contains_key(&step.line));
        // Octets by the piece cannot be told from lines, silence is no line, and a loop is written once.
        if exact_octets || known || (lines.is_empty() && !closed) {
            return Ok(());
        }
        let mut new = self.spelled(old, &lines);
        if closed {
            new.push("S closes".to_string());
        }
        let mut places: Vec<usize> = old.iter().map(|step| step.line).collect();
        places.dedup();
        let mut new = new.into_iter();
        for (index, place) in places.iter().enumerate() {
            let count = if index + 1 == places.len() { usize::MAX } else { 1 };
            self.lines.insert(*place, new.by_ref().take(count).collect());
        }
        Ok(())
    }

    /// All lines up to the number of replies that the block awaits, and whatever comes behind at once;
    /// and whether a close is part of the block.
    fn hear(&mut self, old: &[&Step]) -> Result<(Vec<Line>, bool), Trouble> {
        let Some(client) = old.first().map(|step| step.client) else { return Ok((Vec::new(), false)) };
        let wanted = replies(old);
        let close_wanted = old.iter().any(|step| step.act == Act::ServerCloses);
        let mut until = self.until.take().unwrap_or(self.talk.now() + self.options.within);
        let (mut lines, mut finals) = (Vec::new(), 0);
        loop {
            if finals >= wanted && !close_wanted {
                until =
                    if self.can.clock == Clock::Exact { self.talk.now() } else { self.talk.now() + GRACE };
            }
            match self.talk.line(client, until)? {
                Heard::Line(line) => {
                    finals += usize::from(line.is_final());
                    lines.push(line);
                }
                Heard::Closed(_) => return Ok((lines, close_wanted || finals < wanted)),
                Heard::Nothing(_) => return Ok((lines, false)),
            }
        }
    }

    /// The lines as marks, keeping what still fits of the old ones.
    fn spelled(&mut self, old: &[&Step], lines: &[Line]) -> Vec<String> {
        let mut new = Vec::new();
        let (mut step, mut at) = (0, 0);
        while at < lines.len() {
            let reply_end =
                lines[at..].iter().position(Line::is_final).map_or(lines.len(), |last| at + last + 1);
            match old.get(step).map(|step| &step.act) {
                Some(Act::Among { .. }) => {
                    let group =
                        old[step..].iter().take_while(|step| matches!(step.act, Act::Among { .. })).count();
                    new.extend(self.among(&old[step..step + group], &lines[at..reply_end]));
                    (step, at) = (step + group, reply_end);
                }
                Some(Act::Last(pattern)) => {
                    let last = &lines[reply_end - 1];
                    new.push(self.kept(old[step], pattern, last).unwrap_or_else(|| last_line(last)));
                    (step, at) = (step + 1, reply_end);
                }
                Some(Act::Line { pattern, place }) => {
                    let line = &lines[at];
                    let kept = self.kept(old[step], pattern, line);
                    step += usize::from(kept.is_some() || line.goes_on() == (*place == Place::Continues));
                    let mark = self.mark(line, *place, at + 1 == lines.len());
                    let fresh = server_line(&line.text, line.ends_write);
                    let text = kept.unwrap_or(fresh);
                    new.push(if text.starts_with("S|") { text } else { format!("{mark}{}", &text[2..]) });
                    at += 1;
                }
                Some(_) | None => {
                    let line = &lines[at];
                    let fresh = server_line(&line.text, line.ends_write);
                    let mark = self.mark(line, Place::Ends, at + 1 == lines.len());
                    new.push(if fresh.starts_with("S|") { fresh } else { format!("{mark}{}", &fresh[2..]) });
                    at += 1;
                }
            }
        }
        new
    }

    /// The mark for a real line: by what was seen, or by what the script said where writes cannot be seen.
    fn mark(&self, line: &Line, old: Place, is_last: bool) -> &'static str {
        let shares = if self.can.writes { !line.ends_write } else { old == Place::Shares };
        if line.goes_on() {
            "S-"
        } else if shares && !is_last {
            "S+"
        } else {
            "S:"
        }
    }

    /// The old line of the script, if its pattern still fits.
    fn kept(&mut self, step: &Step, pattern: &Pattern, line: &Line) -> Option<String> {
        let fits = pattern.fits(&line.spelled(), &mut self.bound);
        fits.then(|| self.script.line(step.line).trim_start().to_string())
    }

    /// Of a row of `S~` and `S!`, those that still hold; or the reply's last line if none does.
    fn among(&mut self, group: &[&Step], reply: &[Line]) -> Vec<String> {
        let mut kept = Vec::new();
        for step in group {
            if let Act::Among { pattern, wanted } = &step.act {
                let found = reply.iter().any(|line| pattern.fits(&line.spelled(), &mut self.bound));
                if found == *wanted {
                    kept.push(self.script.line(step.line).trim_start().to_string());
                }
            }
        }
        if kept.is_empty() {
            kept.extend(reply.last().map(last_line));
        }
        kept
    }

    fn rewritten(&self) -> String {
        let mut out = String::new();
        for (index, line) in self.script.source.split_inclusive('\n').enumerate() {
            let Some(new) = self.lines.get(&(index + 1)) else {
                out.push_str(line);
                continue;
            };
            let indent = &line[..line.len() - line.trim_start().len()];
            let end = &line[line.trim_end_matches(['\r', '\n']).len()..];
            for text in new {
                out.push_str(indent);
                out.push_str(text);
                out.push_str(if end.is_empty() { "\n" } else { end });
            }
        }
        if !self.script.source.ends_with('\n') && out.ends_with('\n') {
            out.pop();
        }
        out
    }
}

fn last_line(line: &Line) -> String {
    let text = server_line(&line.text, true);
    if text.starts_with("S|") { text } else { format!("S>{}", &text[2..]) }
}

/// How many whole replies these steps await.
fn replies(steps: &[&Step]) -> usize {
    let among = |step: &&Step| matches!(step.act, Act::Among { .. });
    let groups = steps.chunk_by(|left, right| among(left) && among(right));
    groups
        .filter(|group| {
            group.iter().any(|step| {
                among(step)
                    || matches!(step.act, Act::Last(_) | Act::Line { place: Place::Ends | Place::Shares, .. })
            })
        })
        .count()
}
