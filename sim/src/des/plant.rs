//! Defects planted on purpose, in the simulated hands or between hands and core: the simulator must find each of them,
//! or it is broken itself. None of this is part of the server.

use std::fmt;
use std::str::FromStr;

/// A planted defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Files are not synced before they are renamed.
    SkippedFsync,
    /// A publication is reported before the directory is synced.
    Early250,
    /// The server is not told that a client left which broke its connection.
    LeakedSlot,
    /// Now and then a report lies in the mailbox and nobody is woken.
    LostWakeup,
    /// When the server stops, its sessions are told in the order of a hash map.
    HashOrder,
    /// What comes first, a letter or octets, is left to chance when both are there.
    UnbiasedSelect,
    /// A refusal leaves the tarpit at half its time.
    ShortTarpit,
    /// The octets of a chunk that is refused are taken for commands.
    UnreadChunk,
    /// What a server of names fails to tell is taken for a name that does not exist.
    TroubleAsNoName,
    /// The counts of all sources are lost when settings change.
    ForgottenRates,
    /// An answer that had to wait goes to another session that waits for one.
    MixedVerdicts,
    /// Where the disk keeps order, files get their names before their octets were written out.
    EarlyName,
}

impl Plant {
    /// All of them.
    pub const ALL: [Plant; 12] = [
        Plant::SkippedFsync,
        Plant::Early250,
        Plant::LeakedSlot,
        Plant::LostWakeup,
        Plant::HashOrder,
        Plant::UnbiasedSelect,
        Plant::ShortTarpit,
        Plant::UnreadChunk,
        Plant::EarlyName,
        Plant::TroubleAsNoName,
        Plant::ForgottenRates,
        Plant::MixedVerdicts,
    ];

    /// Its name, as options spell it.
    pub fn name(self) -> &'static str {
        match self {
            Plant::SkippedFsync => "skipped-fsync",
            Plant::Early250 => "early-250",
            Plant::LeakedSlot => "leaked-slot",
            Plant::LostWakeup => "lost-wakeup",
            Plant::HashOrder => "hash-order",
            Plant::UnbiasedSelect => "unbiased-select",
            Plant::ShortTarpit => "short-tarpit",
            Plant::UnreadChunk => "unread-chunk",
            Plant::EarlyName => "early-name",
            Plant::TroubleAsNoName => "trouble-as-no-name",
            Plant::ForgottenRates => "forgotten-rates",
            Plant::MixedVerdicts => "mixed-verdicts",
        }
    }
}

impl fmt::Display for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Plant {
    type Err = String;

    fn from_str(name: &str) -> Result<Plant, String> {
        Plant::ALL.into_iter().find(|plant| plant.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Plant::ALL.iter().map(|plant| plant.name()).collect();
            format!("there is no plant named {name}: {}", names.join(", "))
        })
    }
}
