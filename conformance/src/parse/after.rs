//! The lines behind the dialogue: what the spool holds, what events there were.

use crate::pattern::Pattern;
use crate::script::{Aftermath, MessageClaim, SpoolClaim};
use crate::text::{Fault, expression, skip_blanks};

pub(super) const WORDS: [&str; 7] = ["spool", "message", "from", "to", "body", "has", "event"];

pub(super) fn read(
    aftermath: &mut Aftermath,
    number: usize,
    line: &str,
    start: usize,
    word: &str,
) -> Result<(), Fault> {
    let after = start + word.len();
    match word {
        "event" => {
            let from = skip_blanks(line, after);
            if from == line.len() {
                return Err(Fault::new(after, "which event?", "event NAME ARGUMENTS"));
            }
            let text = line.trim_end();
            aftermath.events.push((number, Pattern::parse(text, from, None)?));
            Ok(())
        }
        "spool" => spool(aftermath, number, line, after),
        _ => {
            let spool = aftermath.spool.as_mut().ok_or_else(|| {
                Fault::new(start, format!("`{word}` speaks of no message"), "say `spool 1 message` first")
            })?;
            message(spool, number, line, start, word)
        }
    }
}

/// `spool N message(s)`; a second one adds to the count and begins another message.
fn spool(aftermath: &mut Aftermath, number: usize, line: &str, after: usize) -> Result<(), Fault> {
    let words: Vec<&str> = line[after..].split_whitespace().collect();
    let count: Option<usize> = match words.as_slice() {
        [count, "message" | "messages"] => count.parse().ok(),
        _ => None,
    };
    let count = count
        .ok_or_else(|| Fault::new(after, "how many messages?", "`spool 1 message`, `spool 0 messages`"))?;
    let spool = aftermath.spool.get_or_insert_with(|| SpoolClaim { line: number, ..SpoolClaim::default() });
    // What is said from here on speaks of messages behind those announced before.
    if spool.messages > 0 {
        spool.blocks.resize(spool.messages, MessageClaim::default());
        spool.blocks.push(MessageClaim::default());
    }
    spool.messages += count;
    spool.blocks.truncate(spool.messages);
    Ok(())
}

fn message(spool: &mut SpoolClaim, number: usize, line: &str, start: usize, word: &str) -> Result<(), Fault> {
    let from = skip_blanks(line, start + word.len());
    let begins = match (word, spool.blocks.last()) {
        ("message", last) => last.is_none_or(|last| *last != MessageClaim::default()),
        ("from", Some(last)) => last.from.is_some() || last.body.is_some() || !last.to.is_empty(),
        (_, None) => true,
        (_, Some(_)) => false,
    };
    if begins {
        if spool.blocks.len() == spool.messages {
            let what = format!("more messages described than the {} announced", spool.messages);
            return Err(Fault::new(start, what, "correct the count behind `spool`"));
        }
        spool.blocks.push(MessageClaim::default());
    }
    let Some(block) = spool.blocks.last_mut() else { return Ok(()) };
    match word {
        "from" => block.from = Some((number, address(line, from)?)),
        "to" => block.to.push((number, address(line, from)?)),
        "body" if block.body.is_some() => {
            return Err(Fault::new(start, "a second body", "`message` begins the next message"));
        }
        "body" => block.body = Some((number, expression(line, from, None)?)),
        "has" => block.has.push((number, expression(line, from, None)?)),
        _ if from < line.len() => {
            return Err(Fault::new(
                from,
                "`message` stands alone",
                "say `from`, `to`, `body`, `has` below it",
            ));
        }
        _ => {}
    }
    Ok(())
}

/// An address with or without its brackets; `<>` is the null reverse-path.
fn address(line: &str, from: usize) -> Result<String, Fault> {
    let text = line[from..].trim_end();
    if text.is_empty() {
        return Err(Fault::new(from, "an address is wanted", "ann@client.example, or <>"));
    }
    let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    Ok(bare.to_string())
}
