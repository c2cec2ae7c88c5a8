//! What the machine has to say to a question: whether there is room, and whether it is too busy.

use super::verdict::Verdict;

/// Free space on the spool's file system, and what must stay free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Kibibytes free at the last measurement; `None` when it could not be measured.
    pub free_kib: Option<u64>,
    /// Kibibytes that must stay free.
    pub free_kib_min: u64,
}

impl Space {
    /// Whether `octets` more may be stored. An unknown amount of free space is no reason to refuse: the spool
    /// itself refuses when it cannot write.
    pub fn has_room_for(self, octets: u64) -> bool {
        self.free_kib.is_none_or(|free| free.saturating_sub(octets.div_ceil(1024)) >= self.free_kib_min)
    }

    /// The verdict about a message of so many octets.
    pub fn judge(self, octets: u64) -> Verdict {
        if self.has_room_for(octets) { Verdict::Accept } else { Verdict::NoSpace }
    }
}

/// Answers [`super::Question::Load`]: `load` is the load average of the last minute in hundredths, `None` when it cannot
/// be known, which is no reason to refuse.
pub fn judge_load(most: u32, load: Option<u64>) -> Verdict {
    if load.is_some_and(|load| load > u64::from(most) * 100) { Verdict::Busy } else { Verdict::Accept }
}
