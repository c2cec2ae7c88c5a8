//! A whole session: whatever a client sends and however it is cut, the replies are well formed, the same, and the
//! session ends.

use crate::world::{World, settings, take_logins};
use crate::{choice, pieces};
use smtpserver_core::Settings;
use smtpserver_core::config::manners::Batch;
use smtpserver_core::config::param;

/// Manners that a first octet in its high bits chooses: each parameter stands for a bit.
const MANNERS: [&str; 4] = ["lmtp-mode", "style sloppy", "style strict", "xclient-from 192.0.2.0/24"];
/// The manner of a stream that nobody answers.
const BATCH: u8 = 0b1_0000;
/// Clients may log in.
const LOGINS: u8 = 0b10_0000;

/// The first octet chooses the size of the pieces; the rest is what the client sends, in the manners that the rest's own
/// first octet chooses when it is none that a client would send.
pub fn session(data: &[u8]) {
    let (piece, input) = choice(data);
    let (manners, input) = match input.split_first() {
        Some((manners, rest)) if *manners >= 0x80 => (*manners & 0x7f, rest),
        Some(_) | None => (0, input),
    };
    let whole = World::new(settings_with(manners)).talk([input].into_iter());
    let parts = World::new(settings_with(manners)).talk(pieces(input, piece));
    assert_eq!(
        String::from_utf8_lossy(&whole.said),
        String::from_utf8_lossy(&parts.said),
        "segmentation changed the replies"
    );
    assert_eq!(whole.kept, parts.kept, "segmentation changed what is kept");
}

/// What these manners make of the settings.
fn settings_with(manners: u8) -> Settings {
    let mut settings = settings();
    for (bit, line) in MANNERS.iter().enumerate() {
        if manners & (1 << bit) != 0 {
            param::apply(&mut settings, line).expect("a parameter");
        }
    }
    if manners & LOGINS != 0 {
        take_logins(&mut settings);
    }
    if manners & BATCH != 0 {
        settings.manners.batch = Some(Batch { marked: false, echo: false, unix_lines: false, user: 0 });
    }
    settings
}
