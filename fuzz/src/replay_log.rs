//! Recordings: whatever a client sends, its session is lived through again the same; and octets that only look like a
//! recording are refused or lived through, without a panic.

use crate::world::{World, settings, take_logins};
use crate::{choice, pieces};
use smtpserver_core::record::{Keep, Log, Replay};

/// The first octet chooses: 0 takes the rest for a recording; otherwise it is the size of the pieces in which the rest
/// is what a client sends, and its highest bit asks for messages to be kept.
pub fn replay_log(data: &[u8]) {
    let (piece, rest) = choice(data);
    if piece == 0 {
        // No magic number has to be guessed, and the fingerprint at the end may be missing.
        if let Ok(log) = Log::decode_what_is_there(rest) {
            let _ = is_equal(&log);
        }
        return;
    }
    let keep = if piece & 0x80 == 0 { Keep::Shape } else { Keep::Messages };
    let mut settings = settings();
    settings.transcript = true;
    take_logins(&mut settings);
    let octets = World::recorded(settings, keep).talk(pieces(rest, piece & 0x7f)).recording();
    let log = Log::decode(&octets).expect("what was recorded is a recording");
    assert!(log.header.settings_are_whole());
    assert!(is_equal(&log), "the same inputs gave other outputs");
}

fn is_equal(log: &Log<'_>) -> bool {
    let mut replay = Replay::new(log);
    while let Some(step) = replay.step() {
        if step.is_err() {
            return false;
        }
    }
    true
}
