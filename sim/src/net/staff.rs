//! Helpers that a script plays: each is ready as soon as it is started, and does nothing but what it is told to. No
//! processes, no sockets.

use super::crew::Crew;
use super::spool::SimSpool;
use super::wire::Wires;
use smtpserver::desk::Desk;
use smtpserver::subserver::Foreman;
use smtpserver_core::Settings;
use smtpserver_core::server::{News, Staff as Kind};
use smtpserver_core::subserver::{Errand, HelperId, Trade};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The helpers of a server.
pub(crate) struct Staff {
    wires: Arc<Wires>,
    books: Mutex<Books>,
    told: Notify,
}

#[derive(Default)]
struct Books {
    /// What helpers were asked and nobody has looked at.
    asked: VecDeque<(Trade, Vec<u8>)>,
    /// The helper that is at work, of each trade.
    at_work: BTreeMap<Trade, HelperId>,
    /// What the server is to be told.
    news: VecDeque<(Trade, News)>,
}

impl Staff {
    pub(crate) fn new(wires: Arc<Wires>) -> Arc<Staff> {
        Arc::new(Staff { wires, books: Mutex::default(), told: Notify::new() })
    }

    /// Begins to work for a desk, if the settings ask for helpers.
    pub(super) fn work_for(self: &Arc<Self>, desk: &Arc<Desk<SimSpool>>, settings: &Settings, crew: &Crew) {
        let wanted =
            [(Trade::Filter, settings.helpers.filter.is_some()), (Trade::Router, settings.helpers.router)];
        if wanted.iter().all(|(_, wanted)| !wanted) {
            return;
        }
        desk.employs(self.clone());
        for (trade, _) in wanted.into_iter().filter(|(_, wanted)| *wanted) {
            desk.helper(trade, News::Open(Kind::Processes));
        }
        crew.spawn(desk.clone().keep_time());
        let (staff, desk) = (self.clone(), desk.clone());
        crew.spawn(async move {
            loop {
                staff.told.notified().await;
                // Not within the guard: what the server says to it comes back here.
                while let Some((trade, news)) = staff.next() {
                    desk.helper(trade, news);
                }
            }
        });
    }

    /// The next line that a helper of a trade was asked, without its end.
    pub(crate) fn asked(&self, trade: Trade) -> Option<Vec<u8>> {
        let mut books = self.books();
        let at = books.asked.iter().position(|(asked, _)| *asked == trade)?;
        let (_, mut line) = books.asked.remove(at)?;
        line.pop();
        Some(line)
    }

    /// Whether a helper of a trade was asked something that nobody has looked at.
    pub(crate) fn was_asked(&self, trade: Trade) -> bool {
        self.books().asked.iter().any(|(asked, _)| *asked == trade)
    }

    /// The helper at work says these octets, or ends. Whether there is one.
    pub(crate) fn does(&self, trade: Trade, octets: Option<Vec<u8>>) -> bool {
        let Some(helper) = self.books().at_work.remove(&trade) else { return false };
        self.tell(trade, octets.map_or(News::Ended(helper), |octets| News::Said(helper, octets)));
        true
    }

    fn tell(&self, trade: Trade, news: News) {
        self.books().news.push_back((trade, news));
        self.wires.stir();
        self.told.notify_one();
    }

    fn next(&self) -> Option<(Trade, News)> {
        self.books().news.pop_front()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Foreman for Staff {
    fn run(&self, trade: Trade, errand: Errand) {
        match errand {
            Errand::Start(helper) => self.tell(trade, News::Said(helper, b"#hungry\n".to_vec())),
            Errand::Say(helper, line) => {
                let mut books = self.books();
                books.at_work.insert(trade, helper);
                books.asked.push_back((trade, line));
            }
            Errand::LetGo(helper) | Errand::End(helper) => {
                let mut books = self.books();
                if books.at_work.get(&trade) == Some(&helper) {
                    books.at_work.remove(&trade);
                }
            }
        }
        self.wires.stir();
    }
}
