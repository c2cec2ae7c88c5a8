//! `cargo xtask smoke`: the built binary, started as a stranger would, takes one message and keeps it.
//!
//! Every step is shown. Nothing here looks inside the program; what counts is the wire and the spool.

use crate::lab::{Dialogue, Scratch, Server};
use crate::{cargo, steps};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The verb.
pub(crate) fn run(bin: Option<PathBuf>) -> ExitCode {
    match cargo::server_binary(bin.as_deref()).and_then(|binary| once(&binary)) {
        Ok(()) => {
            println!("smoke: ok");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("smoke: FAILED: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The step of `cargo xtask test`.
pub(crate) fn step() -> steps::Outcome {
    steps::Outcome::of(cargo::server_binary(None).and_then(|binary| once(&binary)))
}

fn once(binary: &Path) -> Result<(), String> {
    let scratch = Scratch::new("smoke", None)?;
    println!("    start {} demo", binary.display());
    let server = Server::demo(binary, scratch.path(), &[])?;
    println!("    it listens on {}", server.address);

    let mark = format!("smoke-{}", server.pid());
    let mut client = Dialogue::open(server.address, true)?;
    client.hear("220")?;
    client.say("EHLO client.example", "250")?;
    client.say("MAIL FROM:<ann@client.example>", "250")?;
    client.say("RCPT TO:<bob@local.example>", "250")?;
    client.say("DATA", "354")?;
    client.send(&format!("Subject: {mark}\r\n\r\n..a line that began with a dot\r\n.\r\n"))?;
    client.hear("250")?;

    // The reply was a promise: the message is there now, not soon.
    let file = server.stored(&mark).ok_or("the message is not in the spool after its 250")?;
    println!("    stored as {}", file.display());
    let text = std::fs::read(&file).map_err(|err| format!("{}: {err}", file.display()))?;
    let text = String::from_utf8_lossy(&text);
    if !text.contains("\n.a line that began with a dot") {
        return Err(format!("the added dot was not removed:\n{text}"));
    }
    client.say("QUIT", "221")?;

    println!("    SIGTERM");
    let status = server.stop()?;
    println!("    it ended: {status}");
    if !status.success() {
        return Err(format!("after SIGTERM: {status}"));
    }
    if file.exists() { Ok(()) } else { Err("the message did not survive the stop".to_owned()) }
}
