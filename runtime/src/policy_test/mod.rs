//! `smtpserver policy test`: what the policy would answer to a client, and why. The questions are those that a session
//! would ask, of the same server, with names looked up in earnest. Nothing is listened on, sent or stored, and rate
//! windows begin empty.

mod bench;
mod page;

use crate::Stop;
use crate::args::PolicyTestArgs;
use crate::config_file;
use crate::policy_db::PolicyDb;
use bench::Bench;
use smtpserver_core::Settings;
use smtpserver_core::config::bind::Service;
use smtpserver_core::policy::{Question, Verdict};
use smtpserver_core::reply::catalog;
use smtpserver_core::wire::path::{self, ForwardPath, ReversePath};
use std::path::Path;
use std::sync::Arc;

/// What became of one question.
struct Step {
    /// What was said, as in a dialogue.
    said: String,
    ruling: Ruling,
    /// What led to it, a line each.
    reasons: Vec<String>,
}

/// What the server concluded.
enum Ruling {
    /// It goes on; the recipient's message perhaps to the freezer.
    Accepted { frozen: bool },
    /// It does not: what the client would read, and one word for why.
    Refused { reply: String, why: &'static str },
}

/// Judges, and prints what came out.
pub(crate) fn run(args: &PolicyTestArgs) -> Result<(), Stop> {
    let (settings, policy) = settings(args)?;
    let sender = args.mail.as_deref().map(sender).transpose()?;
    let recipients = args.rcpt.iter().map(|text| recipient(text)).collect::<Result<Vec<_>, _>>()?;
    let mut bench = Bench::new(Arc::new(settings), args.from_ip)?;
    let mut steps = vec![bench.connect()];
    let questions = [
        args.helo.as_ref().map(|name| (format!("HELO {name}"), Question::Hello { name: name.clone() })),
        args.user.as_ref().map(|user| (format!("AUTH as {user}"), Question::Login { user: user.clone() })),
        sender.map(|path| (format!("MAIL FROM:{path}"), Question::Sender { path, size: 0 })),
    ];
    let recipients =
        recipients.into_iter().map(|path| (format!("RCPT TO:{path}"), Question::Recipient { path }));
    for (said, question) in questions.into_iter().flatten().chain(recipients) {
        let is_recipient = matches!(question, Question::Recipient { .. });
        // A session goes on after a refused recipient only.
        let stuck = |step: &Step| matches!(step.ruling, Ruling::Refused { .. });
        if steps.last().is_some_and(stuck)
            && !(is_recipient && steps.last().is_some_and(|step| step.said.starts_with("RCPT")))
        {
            break;
        }
        steps.push(bench.ask(said, question));
    }
    let page = if args.json { page::json(args, &policy, &steps) } else { page::table(args, &policy, &steps) };
    print!("{page}");
    let refused = steps.iter().any(|step| matches!(step.ruling, Ruling::Refused { .. }));
    if refused { Err(Stop { line: String::new(), code: 1 }) } else { Ok(()) }
}

/// The settings to judge by, and the name of the policy.
fn settings(args: &PolicyTestArgs) -> Result<(Settings, String), Stop> {
    let loaded = config_file::load(&args.config.server()).map_err(config_file::LoadFault::tell)?;
    let mut settings = loaded.configuration.global().clone();
    let mut name = settings.sources.policydb.as_ref().map(|named| named.path.clone());
    if args.submit {
        settings.service = Service::Submit;
        if let Some(named) = &settings.sources.policydb_submit {
            name = Some(named.path.clone());
        }
    }
    if let Some(path) = &args.policy {
        name = Some(path.display().to_string());
        settings.rules = Some(load(path)?);
        settings.submit_rules = None;
    }
    settings.reasons = true;
    Ok((settings, name.unwrap_or_else(|| "none; only localnames and postmaster are admitted".into())))
}

/// Reads a policy of either kind; what is wrong with it goes to stderr.
fn load(path: &Path) -> Result<Arc<smtpserver_core::policy::Rules>, Stop> {
    PolicyDb::either(path).and_then(|db| db.load()).map_err(|faults| {
        let mut faults: Vec<&str> = faults.lines().collect();
        let last = faults.pop().unwrap_or_default().to_owned();
        for fault in faults {
            eprintln!("{fault}");
        }
        Stop::unfit(last)
    })
}

fn sender(text: &str) -> Result<ReversePath, Stop> {
    let path = in_brackets(text);
    match path::reverse_path(path.as_bytes()) {
        Ok((read, used)) if used == path.len() => Ok(read),
        Ok(_) | Err(_) => {
            Err(Stop::unfit(format!("--mail: {text:?} is no sender; write user@domain, or <>")))
        }
    }
}

fn recipient(text: &str) -> Result<ForwardPath, Stop> {
    let path = in_brackets(text);
    match path::forward_path(path.as_bytes()) {
        Ok((read, used)) if used == path.len() => Ok(read),
        Ok(_) | Err(_) => {
            Err(Stop::unfit(format!("--rcpt: {text:?} is no recipient; write user@domain, or postmaster")))
        }
    }
}

fn in_brackets(text: &str) -> String {
    if text.starts_with('<') { text.into() } else { format!("<{text}>") }
}

impl Ruling {
    fn of(verdict: &Verdict) -> Ruling {
        match catalog::verdict_refusal(verdict) {
            None => Ruling::Accepted { frozen: verdict.is_freezing() },
            Some(refusal) => {
                let octets = catalog::refusal(&refusal).encode(true);
                let reply = String::from_utf8_lossy(&octets).trim_end().replace("\r\n", "\n");
                Ruling::Refused { reply, why: refusal.name() }
            }
        }
    }
}
