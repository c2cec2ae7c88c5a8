//! The helpers that a script plays, between the desk and the script. What they do is in `played`.

use super::crew::Crew;
use super::spool::SimSpool;
use super::wire::Wires;
use crate::played::{self, Played};
use smtpserver::desk::Desk;
use smtpserver::subserver::Foreman;
use smtpserver_core::Settings;
use smtpserver_core::server::{News, Staff as Kind};
use smtpserver_core::subserver::{Errand, Trade};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::Notify;

/// The helpers of a server.
pub(crate) struct Staff {
    wires: Arc<Wires>,
    books: Mutex<Books>,
    told: Notify,
    spool: OnceLock<SimSpool>,
}

#[derive(Default)]
struct Books {
    helpers: Played,
    /// What the server is to be told.
    news: VecDeque<(Trade, News)>,
}

impl Staff {
    pub(crate) fn new(wires: Arc<Wires>) -> Arc<Staff> {
        Arc::new(Staff { wires, books: Mutex::default(), told: Notify::new(), spool: OnceLock::new() })
    }

    /// Begins to work for a desk, if the settings ask for helpers.
    pub(super) fn work_for(self: &Arc<Self>, desk: &Arc<Desk<SimSpool>>, settings: &Settings, crew: &Crew) {
        if played::wanted(settings).next().is_none()
            && settings.helpers.policy_service.is_none()
            && settings.helpers.milters.is_empty()
        {
            return;
        }
        assert!(self.spool.set(desk.spool().clone()).is_ok(), "one desk at a time");
        desk.employs(self.clone());
        for trade in played::wanted(settings) {
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

    /// Whether a helper of a trade was asked something that nobody has looked at.
    pub(crate) fn was_asked(&self, trade: Trade) -> bool {
        self.books().helpers.was_asked(trade)
    }

    /// The next line that a helper of a trade was asked, without its end.
    pub(crate) fn asked(&self, trade: Trade) -> Option<Vec<u8>> {
        self.books().helpers.asked(trade)
    }

    /// The helper at work answers with this line of a script, or ends. Whether there is one.
    pub(crate) fn answer(&self, trade: Trade, line: Option<&str>) -> bool {
        let news = self.books().helpers.answer(trade, line);
        let is_there = news.is_some();
        self.tell(trade, news);
        is_there
    }

    fn tell(&self, trade: Trade, news: Option<News>) {
        self.books().news.extend(news.map(|news| (trade, news)));
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
        let news = match errand {
            Errand::Read(helper, draft, from, most) => {
                let piece = self.spool.get().and_then(|spool| spool.piece(draft, from, most));
                Some(News::Piece(helper, piece))
            }
            errand @ (Errand::Start(_)
            | Errand::Connect(..)
            | Errand::Say(..)
            | Errand::LetGo(_)
            | Errand::End(_)) => self.books().helpers.run(trade, errand),
        };
        self.tell(trade, news);
    }
}
