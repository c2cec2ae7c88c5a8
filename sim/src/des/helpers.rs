//! Helpers of the server as the plan has them: slow, silent, late, dying, lying, saying half a line or an answer twice.
//! They are good as soon as everything is healed.

use super::world::{Happening, World};
use crate::played;
use crate::played::milter::{self, Says};
use crate::trace::What;
use smtpserver_core::Instant;
use smtpserver_core::server::{Input as ServerInput, News, Staff};
use smtpserver_core::spool::DraftPath;
use smtpserver_core::subserver::{Errand, HelperId, Trade};

/// Stands for a connection that was made.
const CONNECTED: &str = "connected";

/// What a helper does when it is started or asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Good,
    Silent,
    Dies,
    Cut,
    Twice,
    Nonsense,
    Late,
}

impl World<'_> {
    /// The server has begun a life: helpers that its settings ask for can be started.
    pub(super) fn open_farms(&mut self) {
        self.helpers.clear();
        self.milters.clear();
        self.errands.clear();
        self.farm_due = None;
        for trade in played::wanted(&self.settings) {
            self.tell_server(ServerInput::Helper(trade, News::Open(Staff::Processes)));
        }
    }

    /// Does what the farms want done, and sees to it that the server is called when it wants to be.
    pub(super) fn run_errands(&mut self) {
        while let Some((trade, errand)) = self.errands.pop_front() {
            match errand {
                Errand::Start(helper) => {
                    self.helpers.insert((trade, helper));
                    let ready = "#hungry\n";
                    self.behave(trade, helper, ready.as_bytes(), ready.as_bytes());
                }
                Errand::Connect(helper, _) => {
                    self.helpers.insert((trade, helper));
                    self.behave(trade, helper, CONNECTED.as_bytes(), CONNECTED.as_bytes());
                }
                Errand::Say(helper, octets) => {
                    let (good, nonsense) = match trade {
                        Trade::Router => ("250\n#hungry\n", "#hungry\n"),
                        Trade::Filter if self.helper_dice.chance(self.plan.helpers.freezes) => {
                            ("1\n#hungry\n", "what?\n#hungry\n")
                        }
                        Trade::Filter => ("0\n#hungry\n", "what?\n#hungry\n"),
                        Trade::Milter => {
                            self.milter(helper, &octets);
                            continue;
                        }
                        Trade::Policy(_) => ("action=DUNNO\n\n", "action=WHAT\n\n"),
                    };
                    self.behave(trade, helper, good.as_bytes(), nonsense.as_bytes());
                }
                Errand::Read(helper, draft, from, most) => {
                    let news = News::Piece(helper, self.piece(draft, from, most));
                    self.tell_server(ServerInput::Helper(trade, news));
                }
                Errand::LetGo(helper) | Errand::End(helper) => {
                    self.helpers.remove(&(trade, helper));
                    if trade == Trade::Milter {
                        self.milters.remove(&helper);
                    }
                }
            }
        }
        let Some(host) = &self.host else { return };
        let deadline = host.server.deadline().map(Instant::micros);
        if let Some(deadline) = deadline
            && self.farm_due.is_none_or(|due| deadline < due)
        {
            let at = deadline.max(self.now + 1);
            self.farm_due = Some(at);
            self.queue.put(at, Happening::FarmDue(self.life));
        }
    }

    fn behave(&mut self, trade: Trade, helper: HelperId, good: &[u8], nonsense: &[u8]) {
        let plan = self.plan.helpers;
        let manner = self.manner();
        let takes = self.helper_dice.between(1, plan.work_us.max(1));
        let (first, second): (Option<Vec<u8>>, Option<u64>) = match manner {
            Manner::Good => (Some(good.into()), None),
            Manner::Silent => return,
            Manner::Dies => (None, None),
            Manner::Cut if good == CONNECTED.as_bytes() => (None, None),
            // A line that is begun, and then nothing.
            Manner::Cut => (Some(good[..1].into()), Some(takes + 1)),
            Manner::Twice => (Some(good.repeat(2)), None),
            Manner::Nonsense => (Some(nonsense.into()), None),
            Manner::Late => (Some(good.into()), None),
        };
        let takes = if manner == Manner::Late { takes + plan.late_ms * 1000 } else { takes };
        self.put(self.now + takes, Happening::Helper(self.life, trade, helper, first));
        if let Some(end) = second {
            self.put(self.now + end, Happening::Helper(self.life, trade, helper, None));
        }
    }

    /// A milter is told something. It takes every message, and wants nothing changed but what is not there; that is
    /// enough to have the message's file written anew.
    fn milter(&mut self, helper: HelperId, octets: &[u8]) {
        let says = self.milters.entry(helper).or_default().hear(octets);
        let good = match says {
            Some(Says::Octets(octets)) => octets,
            Some(Says::All(_)) => {
                milter::decision("drop-rcpt nobody@nowhere.example / accept").expect("it is one")
            }
            None => return,
        };
        let nonsense = milter::decision("nonsense what").expect("it is one");
        self.behave(Trade::Milter, helper, &good, &nonsense);
    }

    /// Octets of a draft that was shown.
    fn piece(&self, draft: DraftPath, from: u64, most: usize) -> Option<Vec<u8>> {
        let inode = draft.as_str().strip_prefix("public/")?.parse().ok()?;
        let octets = self.disk.octets(inode);
        let from = usize::try_from(from).ok()?.min(octets.len());
        Some(octets[from..].iter().copied().take(most).collect())
    }

    fn manner(&mut self) -> Manner {
        let plan = self.plan.helpers;
        if self.healed {
            return Manner::Good;
        }
        let dice = &mut self.helper_dice;
        [
            (plan.silent, Manner::Silent),
            (plan.dies, Manner::Dies),
            (plan.cut, Manner::Cut),
            (plan.twice, Manner::Twice),
            (plan.nonsense, Manner::Nonsense),
            (plan.late, Manner::Late),
        ]
        .into_iter()
        .find_map(|(chance, manner)| dice.chance(chance).then_some(manner))
        .unwrap_or(Manner::Good)
    }

    /// A helper says something, or ends, if it was not ended before.
    pub(super) fn helper(&mut self, life: u32, trade: Trade, helper: HelperId, says: Option<Vec<u8>>) {
        if life != self.life || !self.helpers.contains(&(trade, helper)) {
            return;
        }
        let news = match says {
            Some(octets) if octets == CONNECTED.as_bytes() => News::Connected(helper),
            Some(octets) => News::Said(helper, octets),
            None => {
                self.helpers.remove(&(trade, helper));
                News::Ended(helper)
            }
        };
        self.tell_server(ServerInput::Helper(trade, news));
    }

    pub(super) fn farm_due(&mut self, life: u32) {
        if life != self.life || self.farm_due.is_none_or(|due| due > self.now) {
            return;
        }
        self.farm_due = None;
        self.tell_server(ServerInput::Tick);
    }

    /// How the farms are when nothing more happens.
    pub(super) fn look_at_farms(&mut self) {
        let Some(host) = &self.host else { return };
        let farms: Vec<_> = host
            .server
            .trades()
            .into_iter()
            .filter_map(|trade| {
                let farm = host.server.farm(trade)?;
                // A farm of connections that has none is whole as long as one would be made.
                let rests = matches!(trade, Trade::Policy(_)) && !farm.is_broken() && farm.waiting() == 0;
                let is_whole = rests && farm.helpers() == 0;
                (!is_whole).then(|| (trade.name(), farm.hungry(), farm.helpers(), farm.waiting()))
            })
            .collect();
        for (trade, hungry, helpers, waiting) in farms {
            self.note(What::Farm { trade, hungry, helpers, waiting });
        }
    }
}
