//! From the text of a `.smtp` file to a [`Script`]: line by line, all complaints of a file at once.
//! What a single step looks like is in `step`; what stands behind the dialogue is in `after`.

mod after;
mod step;
#[cfg(test)]
mod tests;

use crate::script::{Act, Aftermath, Complaint, LINES_MAX, Script, Step, World};
use crate::text::{Fault, skip_blanks};

/// A loop may not turn a slip into a day's work.
const ITERATIONS_MAX: u32 = 10_000;

/// Reads a script; `file` is the name that complaints and reports use.
///
/// # Errors
/// All complaints of the file, in the order of its lines; never an empty list.
pub fn parse(file: &str, source: &str) -> Result<Script, Vec<Complaint>> {
    let mut reader = Reader::new(file, source);
    for (index, line) in source.lines().enumerate() {
        reader.line(index + 1, line);
    }
    reader.finish()
}

struct Reader<'s> {
    script: Script,
    lines: Vec<&'s str>,
    complaints: Vec<Complaint>,
    titled: bool,
    worlded: bool,
    client: u32,
    open_loop: Option<OpenLoop>,
}

/// A loop whose `end` is still to come: its lines are read once per iteration then.
struct OpenLoop {
    line: usize,
    times: u32,
    body: Vec<usize>,
}

impl<'s> Reader<'s> {
    fn new(file: &str, source: &'s str) -> Self {
        let script = Script {
            file: file.to_string(),
            source: source.to_string(),
            title: String::new(),
            spec: Vec::new(),
            world: World { base: "plain".to_string(), ..World::default() },
            steps: Vec::new(),
            aftermath: Aftermath::default(),
            warnings: Vec::new(),
        };
        let lines = source.lines().collect();
        Self {
            script,
            lines,
            complaints: Vec::new(),
            titled: false,
            worlded: false,
            client: 1,
            open_loop: None,
        }
    }

    fn line(&mut self, number: usize, line: &str) {
        let start = skip_blanks(line, 0);
        let text = &line[start..];
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        let word = text.split([' ', '\t']).next().unwrap_or_default();
        let read = match word {
            "title" | "spec" | "world" | "policy" | "zone" => self.header(word, line, start + word.len()),
            "loop" => self.begin_loop(number, line, start + word.len()),
            "end" => self.end_loop(start),
            _ if self.open_loop.is_some() => {
                if let Some(open) = &mut self.open_loop {
                    open.body.push(number);
                }
                Ok(())
            }
            _ if after::WORDS.contains(&word) => {
                after::read(&mut self.script.aftermath, number, line, start, word)
            }
            _ => self.step(number, line, start, None),
        };
        if let Err(fault) = read {
            self.complain(number, fault);
        }
    }

    fn header(&mut self, word: &str, line: &str, after: usize) -> Result<(), Fault> {
        let value = line[after..].trim();
        if !self.script.steps.is_empty() || self.open_loop.is_some() {
            return Err(Fault::new(0, format!("`{word}` after the dialogue began"), "headers come first"));
        }
        if value.is_empty() {
            return Err(Fault::new(after, format!("`{word}` says nothing"), "put its value behind it"));
        }
        match word {
            "title" if self.titled => Err(Fault::new(0, "a second title", "one script, one claim")),
            "title" => {
                self.titled = true;
                self.script.title = value.to_string();
                Ok(())
            }
            "spec" => self.spec(line, after),
            "policy" => {
                self.script.world.policy.push(value.to_string());
                Ok(())
            }
            "zone" => {
                self.script.world.zone.push(value.to_string());
                Ok(())
            }
            _ if self.worlded => Err(Fault::new(0, "a second world", "name base and settings in one line")),
            _ => {
                self.worlded = true;
                let mut items = value.split(',').map(|item| item.trim().to_string());
                self.script.world.base = items.next().unwrap_or_default();
                self.script.world.settings = items.collect();
                let ill = self.script.world.settings.iter().any(String::is_empty)
                    || self.script.world.base.split_whitespace().count() != 1;
                if ill {
                    let hint = "one word, then settings: `world plain, maxsize 1000`";
                    return Err(Fault::new(after, "this world is not well formed", hint));
                }
                Ok(())
            }
        }
    }

    fn spec(&mut self, line: &str, after: usize) -> Result<(), Fault> {
        let mut at = skip_blanks(line, after);
        while at < line.len() {
            let id = line[at..].split([' ', '\t']).next().unwrap_or_default();
            if !is_requirement(id) {
                let hint = "write rfc2920#3.2/4 (section, number), manual#NAME or decision#9";
                return Err(Fault::new(at, format!("`{id}` is no requirement id"), hint));
            }
            self.script.spec.push(id.to_string());
            at = skip_blanks(line, at + id.len());
        }
        Ok(())
    }

    fn begin_loop(&mut self, number: usize, line: &str, after: usize) -> Result<(), Fault> {
        if self.open_loop.is_some() {
            return Err(Fault::new(0, "a loop within a loop", "close the first one with `end`"));
        }
        let times = line[after..].trim().parse().ok().filter(|times| (1..=ITERATIONS_MAX).contains(times));
        // An ill loop is opened all the same, so that its `end` is no second complaint.
        self.open_loop = Some(OpenLoop { line: number, times: times.unwrap_or(1), body: Vec::new() });
        times.map(|_| ()).ok_or_else(|| {
            Fault::new(
                after,
                "a loop wants a count",
                format!("for example `loop 100`, at most {ITERATIONS_MAX}"),
            )
        })
    }

    fn end_loop(&mut self, start: usize) -> Result<(), Fault> {
        let Some(done) = self.open_loop.take() else {
            return Err(Fault::new(start, "`end` without `loop`", "open it with `loop COUNT`"));
        };
        for iteration in 1..=done.times {
            for &number in &done.body {
                let line = self.lines[number - 1];
                if let Err(fault) = self.step(number, line, skip_blanks(line, 0), Some(iteration)) {
                    self.complain(number, fault);
                }
            }
            if !self.complaints.is_empty() {
                break; // The same lines would only complain again.
            }
        }
        Ok(())
    }

    fn step(&mut self, number: usize, line: &str, start: usize, iteration: Option<u32>) -> Result<(), Fault> {
        if self.script.aftermath != Aftermath::default() {
            let hint = "`spool` and `event` come last";
            return Err(Fault::new(start, "dialogue after the aftermath", hint));
        }
        match step::read(line, start, iteration)? {
            step::Read::Act(act) => {
                self.script.steps.push(Step { line: number, client: self.client, act });
            }
            step::Read::Client(client) => self.client = client,
        }
        Ok(())
    }

    fn complain(&mut self, number: usize, fault: Fault) {
        let complaint = self.complaint(number, fault);
        self.complaints.push(complaint);
    }

    fn complaint(&self, number: usize, fault: Fault) -> Complaint {
        let text = self.lines.get(number.saturating_sub(1)).copied().unwrap_or_default();
        let column = text.get(..fault.at).map_or(0, |before| before.chars().count()) + 1;
        let (what, hint) = (fault.what, fault.hint);
        Complaint { file: self.script.file.clone(), line: number, column, text: text.to_string(), what, hint }
    }

    fn finish(mut self) -> Result<Script, Vec<Complaint>> {
        if let Some(open) = self.open_loop.take() {
            self.complain(open.line, Fault::new(0, "this loop has no end", "close it with `end`"));
        }
        let understood = self.complaints.is_empty();
        if !self.titled {
            self.complain(1, Fault::new(0, "no title", "begin with `title   what the script claims`"));
        }
        // What is missing may only be missing because its line was not understood.
        if self.script.spec.is_empty() && understood {
            self.complain(1, Fault::new(0, "no spec", "cite what is exercised: `spec    rfc2821#4.1.1.1/2`"));
        }
        if self.script.steps.is_empty() && understood {
            self.complain(1, Fault::new(0, "no dialogue", "begin with `S: 220 {*}`"));
        }
        for (line, fault) in shared_marks(&self.script.steps) {
            self.complain(line, fault);
        }
        if self.lines.len() > LINES_MAX {
            let fault =
                Fault::new(0, format!("more than {LINES_MAX} lines"), "a longer script is two scripts");
            let warning = self.complaint(LINES_MAX + 1, fault);
            self.script.warnings.push(warning);
        }
        self.complaints.sort_by(|left, right| {
            (left.line, left.column, &left.what).cmp(&(right.line, right.column, &right.what))
        });
        self.complaints.dedup();
        if self.complaints.is_empty() { Ok(self.script) } else { Err(self.complaints) }
    }
}

/// `C+` and `S+` promise that something follows in the same segment or write: complaints where nothing does.
fn shared_marks(steps: &[Step]) -> Vec<(usize, Fault)> {
    let mut faults = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let next = steps.get(index + 1).filter(|next| next.client == step.client).map(|next| &next.act);
        if let Act::Send { more: true, .. } = step.act
            && !matches!(next, Some(Act::Send { .. }))
        {
            let hint = "follow it with a C line, or write `C:`";
            faults.push((step.line, Fault::new(0, "`C+` has nothing to share its segment with", hint)));
        }
        if let Act::Line { place: crate::script::Place::Shares | crate::script::Place::Continues, .. } =
            step.act
            && !matches!(next, Some(Act::Line { .. } | Act::Among { .. } | Act::Last(_)))
        {
            let hint = "follow it with an S line, or write `S:`";
            faults.push((step.line, Fault::new(0, "this mark shares its write with nothing", hint)));
        }
    }
    faults.dedup();
    faults
}

/// The shapes of requirement ids; whether the requirement exists is for the requirement tables to say.
fn is_requirement(id: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let Some((book, place)) = id.split_once('#') else { return false };
    match book {
        "manual" => !place.is_empty(),
        "decision" => number(place),
        _ => {
            let section = |text: &str| {
                text.split('.')
                    .all(|part| part.bytes().all(|octet| octet.is_ascii_alphanumeric()) && !part.is_empty())
            };
            book.strip_prefix("rfc").is_some_and(number)
                && place.split_once('/').is_some_and(|(at, nth)| section(at) && number(nth))
        }
    }
}
