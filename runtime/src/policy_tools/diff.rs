//! `smtpserver policy diff`: recorded sessions lived through again, and every question that they asked put to two
//! policies. What differs is listed. A recording holds no names: a verdict that hangs on one is unknown, and never guessed.

use super::bench::{Bench, Ruling, Step};
use super::load;
use crate::Stop;
use crate::args::PolicyDiffArgs;
use crate::config_file;
use crate::lines::printable;
use crate::replay;
use serde_json::{Value, json};
use smtpserver_core::Settings;
use smtpserver_core::policy::{Question, Rules};
use smtpserver_core::record::{Log, Replay};
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How recordings are named.
const ENDING: &str = "smtprec";

/// What one policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Opinion {
    Known(Ruling),
    /// A name would have to be looked up, for this or for something on which it hangs.
    Unknown,
    /// An earlier refusal is in the way.
    NotReached,
}

/// A verdict that is not the same, or not known to be.
struct Change {
    file: PathBuf,
    client: String,
    said: String,
    old: Opinion,
    new: Opinion,
    /// What leads the new policy to its verdict.
    reasons: Vec<String>,
}

impl Change {
    fn is_unknown(&self) -> bool {
        self.old == Opinion::Unknown || self.new == Opinion::Unknown
    }
}

/// What all recordings gave.
#[derive(Default)]
struct Findings {
    recordings: usize,
    verdicts: usize,
    changes: Vec<Change>,
    /// Recordings that could not be used, or not to their end, and why.
    troubles: Vec<(PathBuf, String)>,
}

/// Compares, and prints what differs.
pub(crate) fn run(args: &PolicyDiffArgs) -> Result<(), Stop> {
    let loaded = config_file::load(&args.config.server(), &[]).map_err(config_file::LoadFault::tell)?;
    let plain = loaded.configuration.global();
    let [old, new] = [&args.old, &args.new].map(|path| load(path).map(|rules| judged_by(plain, rules)));
    let (old, new) = (old?, new?);
    let mut findings = Findings::default();
    for file in recordings(&args.recordings)? {
        let octets = replay::slurp(&file).map_err(|error| error.to_string());
        let read = octets.as_ref().map_err(Clone::clone).and_then(|octets| {
            Log::decode(octets)
                .or_else(|_| Log::decode_what_is_there(octets))
                .map_err(|fault| fault.to_string())
        });
        match read {
            Ok(log) => one(&file, &log, &old, &new, &mut findings),
            Err(why) => findings.troubles.push((file, why)),
        }
    }
    print!("{}", if args.json { json_page(&findings) } else { page(&findings) });
    let changed = findings.changes.iter().any(|change| !change.is_unknown());
    match (changed, findings.recordings) {
        (true, _) => Err(Stop { line: String::new(), code: 1 }),
        (false, 0) => Err(Stop::unfit(format!("no recording in {} can be used", args.recordings.display()))),
        (false, _) => Ok(()),
    }
}

fn judged_by(plain: &Settings, rules: Arc<Rules>) -> Arc<Settings> {
    let mut settings = plain.clone();
    settings.rules = Some(rules);
    settings.submit_rules = None;
    settings.reasons = true;
    Arc::new(settings)
}

/// The recordings of a folder, by name.
fn recordings(folder: &Path) -> Result<Vec<PathBuf>, Stop> {
    let fault = |error: std::io::Error| Stop::unfit(format!("cannot read {}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if path.extension() == Some(OsStr::new(ENDING)) {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Stop::unfit(format!("there is no recording (*.{ENDING}) in {}", folder.display())));
    }
    files.sort();
    Ok(files)
}

/// A policy with the client of a recording before it.
struct Judge {
    bench: Bench,
    /// The connection was judged by what nobody can know; so is everything behind it.
    clouded: bool,
    /// The same of the sender, and what is behind that.
    sender_clouded: bool,
    unwelcome: bool,
    no_sender: bool,
}

impl Judge {
    fn new(settings: &Arc<Settings>, log: &Log<'_>) -> Judge {
        let bench = Bench::new(settings.clone(), Arc::new(log.header.peer.clone()), None);
        Judge { bench, clouded: false, sender_clouded: false, unwelcome: false, no_sender: false }
    }

    /// What it says to a question, and why.
    fn opinion(&mut self, said: &str, question: &Question) -> (Opinion, Vec<String>) {
        let is_sender = matches!(question, Question::Sender { .. });
        let is_recipient = matches!(question, Question::Recipient { .. });
        if matches!(question, Question::Client { .. }) {
            // Whatever hung on the one before does not hang on this one.
            (self.clouded, self.unwelcome) = (false, false);
        }
        let step = if *question == Question::Connect && !self.bench.is_connected() {
            self.bench.connect()
        } else {
            self.bench.ask(said.into(), question.clone())
        };
        let Step { ruling, reasons, looked_up, .. } = step;
        let refused = matches!(ruling, Ruling::Refused { .. });
        let before = (self.clouded, self.unwelcome);
        if is_sender {
            (self.sender_clouded, self.no_sender) = (looked_up, refused);
        } else if !is_recipient {
            self.clouded |= looked_up;
            self.unwelcome |= refused;
        }
        let clouded = before.0 || looked_up || (is_recipient && self.sender_clouded);
        if clouded {
            (Opinion::Unknown, Vec::new())
        } else if before.1 || (is_recipient && self.no_sender) {
            (Opinion::NotReached, Vec::new())
        } else {
            (Opinion::Known(ruling), reasons)
        }
    }
}

/// Lives through one recording and puts its questions to both policies.
fn one(file: &Path, log: &Log<'_>, old: &Arc<Settings>, new: &Arc<Settings>, findings: &mut Findings) {
    findings.recordings += 1;
    let (mut old, mut new) = (Judge::new(old, log), Judge::new(new, log));
    let mut client = log.header.peer.literal();
    let mut replay = Replay::new(log);
    while let Some(step) = replay.step() {
        if step.is_err() {
            let why =
                "this program takes the session another way than the one that recorded it, from here on";
            return findings.troubles.push((file.into(), why.into()));
        }
        if let Some(logged_in) = replay.take_login() {
            old.bench.log_in(&logged_in);
            new.bench.log_in(&logged_in);
        }
        let Some(question) = replay.take_question() else { continue };
        if let Question::Client { peer } = &question {
            client = peer.literal();
        }
        let Some(said) = said(&question, &client) else { continue };
        let (before, _) = old.opinion(&said, &question);
        let (after, reasons) = new.opinion(&said, &question);
        if matches!(question, Question::Hello { .. }) {
            // What follows from it shows at the next sender.
            continue;
        }
        findings.verdicts += 1;
        if before != after || before == Opinion::Unknown {
            let (file, client) = (file.into(), client.clone());
            findings.changes.push(Change { file, client, said, old: before, new: after, reasons });
        }
    }
}

/// A question as in a dialogue; none for those that no policy answers.
fn said(question: &Question, client: &str) -> Option<String> {
    Some(match question {
        Question::Connect => format!("connect from {client}"),
        Question::Hello { name } => format!("HELO {name}"),
        Question::Sender { path, .. } => format!("MAIL FROM:{path}"),
        Question::Recipient { path } => format!("RCPT TO:{path}"),
        Question::Client { .. } => format!("the proxy's client is {client}"),
        Question::Load { .. }
        | Question::Content { .. }
        | Question::Handshake { .. }
        | Question::Router { .. }
        | Question::Delegated(_)
        | Question::Milter(_)
        | Question::Report(_) => return None,
    })
}

fn words(opinion: &Opinion) -> String {
    match opinion {
        Opinion::Known(Ruling::Accepted { frozen: false }) => "accepted".into(),
        Opinion::Known(Ruling::Accepted { frozen: true }) => "frozen".into(),
        Opinion::Known(Ruling::Refused { reply, why }) => {
            format!("refused ({why}): {}", reply.lines().next().unwrap_or_default())
        }
        Opinion::Unknown => "unknown, as it hangs on names".into(),
        Opinion::NotReached => "not reached".into(),
    }
}

fn page(findings: &Findings) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out += &printable(text);
        out.push('\n');
    };
    for change in &findings.changes {
        line(&format!("{}: {}: {}", change.file.display(), change.client, change.said));
        line(&format!("  old: {}", words(&change.old)));
        line(&format!("  new: {}", words(&change.new)));
        for reason in &change.reasons {
            line(&format!("    - {reason}"));
        }
    }
    for (file, why) in &findings.troubles {
        line(&format!("{}: {why}", file.display()));
    }
    let unknown = findings.changes.iter().filter(|change| change.is_unknown()).count();
    let changed = findings.changes.len() - unknown;
    let _ = writeln!(
        out,
        "{} recordings, {} verdicts: {changed} changed, {unknown} unknown; {} recordings not used to their end",
        findings.recordings,
        findings.verdicts,
        findings.troubles.len()
    );
    out
}

fn json_page(findings: &Findings) -> String {
    let opinion = |opinion: &Opinion| match opinion {
        Opinion::Known(Ruling::Accepted { frozen }) => {
            json!({ "verdict": if *frozen { "frozen" } else { "accepted" } })
        }
        Opinion::Known(Ruling::Refused { reply, why }) => {
            json!({ "verdict": "refused", "reply": reply, "why": why })
        }
        Opinion::Unknown => json!({ "verdict": "unknown" }),
        Opinion::NotReached => json!({ "verdict": "not-reached" }),
    };
    let changes: Vec<Value> = findings
        .changes
        .iter()
        .map(|change| {
            json!({
                "recording": change.file.display().to_string(),
                "client": change.client,
                "said": change.said,
                "old": opinion(&change.old),
                "new": opinion(&change.new),
                "reasons": change.reasons,
            })
        })
        .collect();
    let troubles: Vec<Value> = findings
        .troubles
        .iter()
        .map(|(file, why)| json!({ "recording": file.display().to_string(), "why": why }))
        .collect();
    let whole = json!({
        "recordings": findings.recordings,
        "verdicts": findings.verdicts,
        "changes": changes,
        "troubles": troubles,
    });
    format!("{whole}\n")
}
