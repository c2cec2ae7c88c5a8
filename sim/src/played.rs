//! Helpers that a script plays, in both lanes: each is ready as soon as it is started, and does nothing but what it is
//! told to. No processes, no sockets, no time.

pub(crate) mod milter;

use milter::{Milter, Says};
use smtpserver_conformance::lane::Trouble;
use smtpserver_conformance::script::Helper;
use smtpserver_core::Settings;
use smtpserver_core::server::News;
use smtpserver_core::spool::{Editor, Revision};
use smtpserver_core::subserver::{Errand, HelperId, ServiceId, Trade};
use std::collections::{BTreeMap, VecDeque};

/// The helpers of a server, and what they were asked.
#[derive(Default)]
pub(crate) struct Played {
    /// What helpers were asked and nobody has looked at.
    asked: VecDeque<(Trade, Vec<u8>)>,
    /// The helper that is at work, of each trade.
    at_work: BTreeMap<Trade, HelperId>,
    milters: BTreeMap<HelperId, Milter>,
}

impl Played {
    /// Does an errand of a farm; what the server is to be told of it, if anything.
    pub(crate) fn run(&mut self, trade: Trade, errand: Errand) -> Option<News> {
        match errand {
            Errand::Start(helper) => return Some(News::Said(helper, b"#hungry\n".to_vec())),
            Errand::Connect(helper, _) => return Some(News::Connected(helper)),
            // Only who has the file can read it.
            Errand::Read(helper, ..) => return Some(News::Piece(helper, None)),
            Errand::Say(helper, octets) if trade == Trade::Milter => {
                return match self.milters.entry(helper).or_default().hear(&octets)? {
                    Says::Octets(octets) => Some(News::Said(helper, octets)),
                    Says::All(told) => {
                        self.at_work.insert(trade, helper);
                        self.asked.push_back((trade, told.into_bytes()));
                        None
                    }
                };
            }
            Errand::Say(helper, line) => {
                self.at_work.insert(trade, helper);
                self.asked.push_back((trade, line));
            }
            Errand::LetGo(helper) | Errand::End(helper) => {
                if trade == Trade::Milter {
                    self.milters.remove(&helper);
                }
                if self.at_work.get(&trade) == Some(&helper) {
                    self.at_work.remove(&trade);
                }
            }
        }
        None
    }

    /// Whether a helper of a trade was asked something that nobody has looked at.
    pub(crate) fn was_asked(&self, trade: Trade) -> bool {
        self.asked.iter().any(|(asked, _)| *asked == trade)
    }

    /// The next line that a helper of a trade was asked, without its end. The lines of a paragraph are told as one, with
    /// blanks between them.
    pub(crate) fn asked(&mut self, trade: Trade) -> Option<Vec<u8>> {
        let at = self.asked.iter().position(|(asked, _)| *asked == trade)?;
        let (_, line) = self.asked.remove(at)?;
        let line = String::from_utf8(line).expect("what is said to a helper is text");
        Some(line.trim_end_matches('\n').replace('\n', " ").into_bytes())
    }

    /// The helper at work answers with this line of a script, or ends: what the server is to be told. None when none is
    /// at work.
    pub(crate) fn answer(&mut self, trade: Trade, line: Option<&str>) -> Option<News> {
        let helper = self.at_work.remove(&trade)?;
        Some(line.map_or(News::Ended(helper), |line| News::Said(helper, said(trade, line))))
    }
}

/// The helpers that settings ask for and that are opened; connections are made when somebody is asked.
pub(crate) fn wanted(settings: &Settings) -> impl Iterator<Item = Trade> + use<> {
    let wish = &settings.helpers;
    let wanted = [(Trade::Router, wish.router), (Trade::Filter, wish.filter.is_some())];
    wanted.into_iter().filter_map(|(trade, wanted)| wanted.then_some(trade))
}

/// A file written anew; what cannot be, is empty.
pub(crate) fn revised(old: &[u8], revision: &Revision) -> Vec<u8> {
    let (mut editor, mut new) = (Editor::new(revision), Vec::new());
    let done = editor.read(old, &mut new).and_then(|()| editor.end(&mut new));
    if done.is_ok() { new } else { Vec::new() }
}

/// The helpers that a script can play.
pub(crate) fn playable() -> Vec<Helper> {
    vec![Helper::Filter, Helper::Router, Helper::PolicyService, Helper::Milter]
}

/// The trade of a helper in a script.
pub(crate) fn trade(helper: Helper) -> Result<Trade, Trouble> {
    match helper {
        Helper::Filter => Ok(Trade::Filter),
        Helper::Router => Ok(Trade::Router),
        Helper::Milter => Ok(Trade::Milter),
        // The first one that is asked anything; a script has no other.
        Helper::PolicyService => Ok(Trade::Policy(ServiceId(1))),
        Helper::Resolver => Err(Trouble("no resolver here".into())),
    }
}

/// What a helper says that answers with this line. The signs are for ends of lines, which no line of a script can hold.
fn said(trade: Trade, line: &str) -> Vec<u8> {
    if trade == Trade::Milter {
        return milter::decision(line).expect("a script knows what a milter can decide");
    }
    let line = line.replace("\\r", "\r").replace("\\n", "\n");
    let end = match trade {
        Trade::Router | Trade::Filter => "#hungry",
        Trade::Policy(_) | Trade::Milter => "",
    };
    format!("{line}\n{end}\n").into_bytes()
}
