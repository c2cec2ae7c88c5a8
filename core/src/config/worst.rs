//! What a configuration can cost at most: the memory and the time of one session, and of all. A pure function of the
//! limits; it measures nothing.

use super::file::Configuration;
use crate::Settings;
use crate::limits::{
    BODY_READ_MAX, BODY_WINDOW, COMMAND_LINE_MAX, COMMAND_READ_MAX, ECHO_MAX, REMEMBERED_MAX,
    REPLY_GROUP_MAX, REPLY_LINES_MAX, REPLY_TEXT_MAX, REPLY_WINDOW, TURN_AWAY_MARGIN,
};
use crate::now::Duration;
use crate::session::Session;

/// Octets that the hands may add for a session: its task, its socket, its place at the desk, its timers.
const HANDS_OCTETS: usize = 16 * 1024;
/// Octets that TLS may add: a record under way in each direction, and its keys.
const TLS_OCTETS: usize = 64 * 1024;
/// Octets of a connection that is being turned away.
const TURNED_AWAY_OCTETS: usize = 4 * 1024;
/// Octets of an envelope line that a transaction remembers.
const REMEMBERED_OCTETS: usize = COMMAND_LINE_MAX;

/// The worst case of one group's sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorstSession {
    /// Octets of memory.
    pub octets: u64,
    /// How long it lasts at most, until it is closed.
    pub lasts: Duration,
    /// How long it may be silent at most.
    pub silent: Duration,
}

/// The worst case of a whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worst {
    /// Of the session that costs most.
    pub session: WorstSession,
    /// Sessions at a time.
    pub sessions: u32,
    /// Octets of memory for all sessions, and for those who are told that there are too many.
    pub octets: u64,
    /// Octets of the spool's disk that messages on their way may take; `None` when messages have no limit.
    pub disk_octets: Option<u64>,
    /// How long the process goes on after the order to stop.
    pub stop: Duration,
}

/// The worst case of a session with these settings.
pub fn session(settings: &Settings) -> WorstSession {
    let reply = REPLY_LINES_MAX * (REPLY_TEXT_MAX + ECHO_MAX);
    // What it reads ahead, what waits for the spool and what the spool holds of it, what it says, what it remembers.
    let octets = size_of::<Session>()
        + COMMAND_READ_MAX
        + BODY_READ_MAX
        + BODY_WINDOW
        + BODY_READ_MAX
        + REPLY_GROUP_MAX
        + REPLY_WINDOW
        + reply
        + REMEMBERED_MAX * REMEMBERED_OCTETS
        + HANDS_OCTETS
        + if settings.tls.offered { TLS_OCTETS } else { 0 };
    let times = &settings.timeouts;
    let silent = [times.command, times.data_block, times.answer, times.store]
        .into_iter()
        .max()
        .unwrap_or_default()
        .min(times.session + times.store);
    WorstSession {
        octets: u64::try_from(octets).unwrap_or(u64::MAX),
        // Whatever it is at when its time is over, a commit under way is still reported.
        lasts: times.session + times.store,
        silent,
    }
}

/// The worst case of a process with this configuration.
pub fn process(configuration: &Configuration) -> Worst {
    let global = configuration.global();
    let all = configuration.groups.iter().map(|group| session(&group.settings));
    let session = all.fold(session(global), |one, other| WorstSession {
        octets: one.octets.max(other.octets),
        lasts: one.lasts.max(other.lasts),
        silent: one.silent.max(other.silent),
    });
    let sessions = global.limits.connections_max;
    let turned_away = u64::from(TURN_AWAY_MARGIN) * u64::try_from(TURNED_AWAY_OCTETS).unwrap_or(u64::MAX);
    let message = global.limits.message_octets_max;
    Worst {
        session,
        sessions,
        octets: u64::from(sessions).saturating_mul(session.octets).saturating_add(turned_away),
        disk_octets: (message > 0).then(|| u64::from(sessions).saturating_mul(message)),
        stop: global.timeouts.drain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::read;
    use crate::config::zenv::Zenv;

    fn worst(text: &str) -> Worst {
        let plain = Settings::new("mx.example");
        process(&read("t", text.as_bytes(), Zenv::default(), &plain, None).expect("fit"))
    }

    #[test]
    fn it_grows_with_what_is_allowed() {
        let plain = worst("");
        assert!((300_000..600_000).contains(&plain.session.octets), "{}", plain.session.octets);
        assert_eq!(plain.sessions, 800);
        assert!(plain.octets >= 800 * plain.session.octets);
        assert_eq!(plain.disk_octets, None);
        let more = worst("PARAM MaxParallelConnections 1600\nPARAM maxsize 1000");
        assert!(more.octets > 2 * plain.octets - 1_000_000);
        assert_eq!(more.disk_octets, Some(1_600_000));
    }

    #[test]
    fn the_longest_group_counts() {
        let text = "PARAM BindSmtp any 25\nPARAM timeout-session 100\nPARAM timeout-store 10\nPARAM newgroup\n\
                    PARAM BindSubmit any\nPARAM timeout-session 200";
        let worst = worst(text);
        assert_eq!(worst.session.lasts, Duration::from_secs(210));
        assert_eq!(worst.session.silent, Duration::from_secs(210));
    }
}
