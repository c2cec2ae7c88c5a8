//! `smtpserver policy test`: what the policy would answer to a client, and why. The questions are those that a session
//! would ask, of the same server, with names looked up in earnest. Nothing is listened on, sent or stored, and rate
//! windows begin empty.

use super::bench::{Bench, Names, Step};
use super::{load, page};
use crate::Stop;
use crate::args::PolicyTestArgs;
use crate::config_file;
use smtpserver_core::Peer;
use smtpserver_core::Settings;
use smtpserver_core::config::bind::Service;
use smtpserver_core::policy::Question;
use smtpserver_core::wire::path::{self, ForwardPath, ReversePath};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The port that clients come to.
const SMTP_PORT: u16 = 25;

/// Judges, and prints what came out.
pub(crate) fn run(args: &PolicyTestArgs) -> Result<(), Stop> {
    let (settings, policy) = settings(args)?;
    let sender = args.mail.as_deref().map(sender).transpose()?;
    let recipients = args.rcpt.iter().map(|text| recipient(text)).collect::<Result<Vec<_>, _>>()?;
    let resolver = Names::of(&settings.sources.resolvers)?;
    let peer =
        Peer::new(SocketAddr::new(args.from_ip, 0), SocketAddr::from((Ipv4Addr::LOCALHOST, SMTP_PORT)));
    let mut bench = Bench::new(Arc::new(settings), Arc::new(peer), Some(resolver));
    let mut steps = vec![bench.connect()];
    let questions = [
        args.helo.as_ref().map(|name| (format!("HELO {name}"), Question::Hello { name: name.clone() })),
        sender.map(|path| (format!("MAIL FROM:{path}"), Question::Sender { path, size: 0 })),
    ];
    let recipients =
        recipients.into_iter().map(|path| (format!("RCPT TO:{path}"), Question::Recipient { path }));
    let welcome = !steps[0].is_refused();
    for (said, question) in questions.into_iter().flatten().chain(recipients).filter(|_| welcome) {
        let is_recipient = matches!(question, Question::Recipient { .. });
        steps.push(bench.ask(said, question));
        // Behind a refused recipient a session goes on; behind any other refusal it does not.
        if !is_recipient && steps.last().is_some_and(Step::is_refused) {
            break;
        }
    }
    let page = if args.json { page::json(args, &policy, &steps) } else { page::table(args, &policy, &steps) };
    print!("{page}");
    if steps.iter().any(Step::is_refused) { Err(Stop { line: String::new(), code: 1 }) } else { Ok(()) }
}

/// The settings to judge by, and the name of the policy.
fn settings(args: &PolicyTestArgs) -> Result<(Settings, String), Stop> {
    let loaded = config_file::load(&args.config.server(), &[]).map_err(config_file::LoadFault::tell)?;
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
