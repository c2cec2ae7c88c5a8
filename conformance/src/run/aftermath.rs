//! What must be true when all is said: the messages in the spool, and the events.

use super::Stop;
use crate::lane::{Message, Stage};
use crate::pattern::Bound;
use crate::script::{MessageClaim, Script, SpoolClaim};
use crate::text::quote;

pub(super) fn check(script: &Script, stage: &mut dyn Stage, notes: &mut Vec<String>) -> Result<(), Stop> {
    if let Some(claim) = &script.aftermath.spool {
        match stage.spool()? {
            Some(messages) => spool(claim, &messages)?,
            None => notes.push("the spool was not checked".to_string()),
        }
    }
    if !script.aftermath.events.is_empty() {
        match stage.events()? {
            Some(events) => happened(script, events)?,
            None => notes.push("events were not checked".to_string()),
        }
    }
    Ok(())
}

fn spool(claim: &SpoolClaim, messages: &[Message]) -> Result<(), Stop> {
    if messages.len() != claim.messages {
        let got = messages.iter().flat_map(spelled).collect();
        let what = format!("the spool holds {} message(s)", messages.len());
        return Err(Stop::Otherwise { line: claim.line, what, got });
    }
    claim.blocks.iter().zip(messages).try_for_each(|(block, message)| one(block, message))
}

fn one(claim: &MessageClaim, message: &Message) -> Result<(), Stop> {
    let otherwise =
        |line, what: &str| Err(Stop::Otherwise { line, what: what.to_string(), got: spelled(message) });
    if let Some((line, from)) = &claim.from
        && *from != message.from
    {
        return otherwise(*line, "another reverse-path");
    }
    if let Some((line, _)) = claim.to.first()
        && !claim.to.iter().map(|(_, to)| to).eq(&message.to)
    {
        let differs = claim.to.iter().zip(&message.to).find(|((_, wanted), got)| wanted != *got);
        return otherwise(differs.map_or(*line, |((line, _), _)| *line), "other recipients");
    }
    if let Some((line, body)) = &claim.body
        && *body != message.body
    {
        return otherwise(*line, "another body");
    }
    for (line, part) in &claim.has {
        let found = part.is_empty() || message.raw.windows(part.len()).any(|octets| octets == part);
        if !found {
            let got = vec![format!("  raw   {}", shortened(&message.raw))];
            return Err(Stop::Otherwise { line: *line, what: "the stored file lacks this".to_string(), got });
        }
    }
    Ok(())
}

/// A message as a script would claim it.
fn spelled(message: &Message) -> Vec<String> {
    let from = if message.from.is_empty() { "<>" } else { &message.from };
    let mut lines = vec![format!("  from  {from}")];
    lines.extend(message.to.iter().map(|to| format!("  to    {to}")));
    lines.push(format!("  body  {}", shortened(&message.body)));
    lines
}

fn shortened(octets: &[u8]) -> String {
    const SHOWN: usize = 2000;
    match octets.get(..SHOWN) {
        Some(head) => format!("{} ... {} octets in all", quote(head), octets.len()),
        None => quote(octets),
    }
}

/// Each claim needs an event of its own; their order is not judged.
fn happened(script: &Script, mut events: Vec<String>) -> Result<(), Stop> {
    let mut bound = Bound::new();
    for (line, pattern) in &script.aftermath.events {
        match events.iter().position(|event| pattern.fits(event.as_bytes(), &mut bound)) {
            Some(at) => drop(events.remove(at)),
            None => {
                let got = events.iter().map(|event| format!("event {event}")).collect();
                return Err(Stop::Otherwise { line: *line, what: "this did not happen".to_string(), got });
            }
        }
    }
    Ok(())
}
