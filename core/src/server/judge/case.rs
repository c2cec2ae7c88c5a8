//! A case: all that policy knows of one session. It is made with the session, changes with what the client says, and
//! goes with the session.

use super::machine::{Found, Machine, Reversed};
use super::rulebook::Book;
use crate::auth::LoggedIn;
use crate::config::Settings;
use crate::config::host_access::{Access, HostAccess};
use crate::now::Now;
use crate::peer::Peer;
use crate::policy::evaluate::{self, Chain, Client, No, Ruling, Sender, Step, Told, Trust, Why, Wish};
use crate::policy::{Conditions, Denial, Question, Space, Verdict};
use crate::server::rate_window::{Key, RateWindows};
use crate::spf;
use crate::subserver::{ServiceId, Trade};
use crate::wire::path::{ForwardPath, ReversePath};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

/// All that policy knows of one session.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) peer: Arc<Peer>,
    /// What it began with: it is judged by that to its end.
    pub(super) settings: Arc<Settings>,
    book: Book,
    standing: Standing,
    /// What the client called itself, for SPF.
    hello: Box<str>,
    /// The sender of the transaction that was opened last.
    sender: Option<Sender>,
    /// The confirmed name of its address, if it was looked for and there is one.
    client_name: Option<Box<str>>,
    /// What led to the last verdict, a line for each step, where that is to be told.
    pub(super) reasons: Vec<String>,
}

/// How policy stands to the client.
#[derive(Debug)]
enum Standing {
    /// It was not asked yet.
    Unknown,
    /// The client is welcome.
    Welcome(Box<Client>),
    /// It was refused.
    Unwelcome(Box<No>),
}

/// What was found out for a question.
#[derive(Debug, Default)]
pub(super) struct Known {
    told: Vec<Told>,
    /// Which of it rate windows said, and to what.
    rated: Vec<(usize, Wish)>,
    /// The name of the client's address, once it was looked for.
    name: Option<Reversed>,
    /// The trace field of a sender's check.
    field: Option<String>,
}

impl Known {
    pub(super) fn add(&mut self, found: Found) {
        match found {
            Found::Told(told) => self.told.push(told),
            Found::Name(name) => self.name = Some(name),
            Found::Spf(told, field) => {
                self.told.push(told);
                self.field = field;
            }
        }
    }
}

/// A judgement, as far as it came.
pub(super) enum Judged {
    Verdict(Verdict),
    /// It goes on when this machine is done.
    Wants(Machine),
}

impl Case {
    pub(super) fn new(peer: Arc<Peer>, settings: Arc<Settings>, book: Book) -> Case {
        let (standing, hello) = (Standing::Unknown, Box::default());
        Case { peer, settings, book, standing, hello, sender: None, client_name: None, reasons: Vec::new() }
    }

    /// From here on it is about another client.
    pub(super) fn is_another(&mut self, peer: Arc<Peer>) {
        self.peer = peer;
        self.client_name = None;
        self.standing = Standing::Unknown;
        self.hello = Box::default();
        self.sender = None;
    }

    /// Somebody has logged in.
    pub(super) fn log_in(&mut self, logged_in: &LoggedIn) {
        self.change(|client| client.login(logged_in.user().as_str()));
    }

    /// The confirmed name of the client's address, if it was looked for and there is one.
    pub(super) fn client_name(&self) -> Option<&str> {
        self.client_name.as_deref()
    }

    /// Whether the client comes from a network that may send to other domains.
    pub(super) fn is_trusted(&self) -> bool {
        self.client().is_ok_and(|client| *client.trust() != Trust::Nobody)
    }

    /// Counts what is counted whatever the answer is.
    pub(super) fn asked(&mut self, question: &Question, now: Now, rates: &mut RateWindows) {
        match question {
            Question::Connect => rates.count_connect(self.key(), now.instant),
            Question::Sender { .. } => {
                // Until it is admitted there is none.
                self.sender = None;
                rates.count_mail(self.key(), now.instant);
            }
            Question::Hello { .. }
            | Question::Recipient { .. }
            | Question::Load { .. }
            | Question::Client { .. }
            | Question::Handshake { .. }
            | Question::Report(_)
            | Question::Router { .. }
            | Question::Delegated(_)
            | Question::Milter(_)
            | Question::Content { .. } => {}
        }
    }

    /// Judges as far as what is known allows.
    pub(super) fn judge(
        &mut self,
        now: Now,
        question: &Question,
        known: &mut Known,
        space: Space,
        rates: &mut RateWindows,
    ) -> Judged {
        match question {
            Question::Connect => self.connect(now, known, rates),
            Question::Hello { name } => {
                self.hello = name.as_str().into();
                self.change(|client| client.hello(name));
                Judged::Verdict(Verdict::Accept)
            }
            Question::Sender { path, size } => self.sender(now, path, *size, known, space, rates),
            Question::Recipient { path } => self.recipient(now, path, known, rates),
            Question::Content { .. } => Judged::Verdict(space.judge(0)),
            // What only the hands (the load) or the server (who is there) can know is no reason to refuse elsewhere.
            Question::Load { .. }
            | Question::Client { .. }
            | Question::Handshake { .. }
            | Question::Report(_) => Judged::Verdict(Verdict::Accept),
            // Nobody else can answer for it.
            Question::Router { .. } => Judged::Verdict(Verdict::NoHelper(Trade::Router)),
            Question::Milter(_) => Judged::Verdict(Verdict::NoHelper(Trade::Milter)),
            Question::Delegated(_) => Judged::Verdict(Verdict::NoHelper(Trade::Policy(ServiceId::default()))),
        }
    }

    fn connect(&mut self, now: Now, known: &mut Known, rates: &mut RateWindows) -> Judged {
        let address = self.peer.client.ip();
        let (rules, own) = (&self.book.rules, &self.settings.own_addresses);
        let judge = |told: &[Told]| evaluate::connect(rules, own, address, told);
        let ruling = match self.settle(now, known, rates, None, judge) {
            Ok(ruling) => ruling,
            Err(machine) => return Judged::Wants(machine),
        };
        let mut client = match ruling.verdict {
            Ok(client) => client,
            Err(no) => {
                self.reason(|case| case.explained(&ruling.chain));
                let refused = || format!("refused: the connection from {}", self.peer.literal());
                let denial = self.denial(no.clone(), &ruling.chain, refused);
                self.standing = Standing::Unwelcome(Box::new(no));
                return Judged::Verdict(Verdict::Refuse(Box::new(denial)));
            }
        };
        let names_matter = self.book.names_matter && client.wants_name();
        let access = self.settings.host_access.as_deref();
        let name = match &known.name {
            None if names_matter
                || self.settings.helpers.policy_service.is_some()
                || !self.settings.helpers.milters.is_empty()
                || self.settings.routes_hello()
                || access.is_some_and(HostAccess::wants_names) =>
            {
                return Judged::Wants(Machine::name(address));
            }
            None => &Reversed::Unknown,
            Some(name) => name,
        };
        if names_matter && let Some(name) = name.confirmed() {
            client = client.reverse_name(name);
        }
        self.client_name = name.confirmed().map(Into::into);
        let local = self.peer.local.ip();
        if access.is_some_and(|access| access.judge(address, local, name.for_access()) == Access::Denied) {
            self.reason(|_| Vec::from(["hosts.allow and hosts.deny keep it out (use-tcp-wrapper)".into()]));
            return Judged::Verdict(Verdict::KeptOut);
        }
        let terms = client.terms();
        let conditions = Conditions {
            message_octets_max: terms.message_octets_max,
            bare_newline: terms.bare_newline,
            skips_filter: !client.is_filtered(),
        };
        self.reason(|_| client.explain(client.chain()));
        self.standing = Standing::Welcome(Box::new(client));
        Judged::Verdict(Verdict::Welcome(conditions))
    }

    /// Keeps what led to a verdict, where that is to be told.
    fn reason(&mut self, lines: impl FnOnce(&Case) -> Vec<String>) {
        if self.settings.reasons {
            self.reasons = lines(self);
        }
    }

    fn reason_of(&mut self, chain: &Chain) {
        self.reason(|case| case.client().map_or_else(|_| Vec::new(), |client| client.explain(chain)));
    }

    pub(super) fn change(&mut self, by: impl FnOnce(Client) -> Client) {
        self.standing = match mem::replace(&mut self.standing, Standing::Unknown) {
            Standing::Welcome(client) => {
                let known = client.chain().len();
                let client = by(*client);
                self.reason(|_| client.explain(client.chain()).split_off(known));
                Standing::Welcome(Box::new(client))
            }
            standing @ (Standing::Unknown | Standing::Unwelcome(_)) => standing,
        };
    }

    fn sender(
        &mut self,
        now: Now,
        path: &ReversePath,
        size: u64,
        known: &mut Known,
        space: Space,
        rates: &mut RateWindows,
    ) -> Judged {
        let client = match self.client() {
            Ok(client) => client,
            Err(verdict) => return Judged::Verdict(verdict),
        };
        let judge = |told: &[Told]| client.sender(path, told);
        let sender = match self.settle(now, known, rates, Some(path), judge) {
            Ok(ruling) => {
                self.reason_of(&ruling.chain);
                self.said(ruling, || format!("refused: MAIL FROM:{path}"))
            }
            Err(machine) => return Judged::Wants(machine),
        };
        let sender = match sender {
            Ok(sender) => sender,
            Err(denial) => return Judged::Verdict(denial),
        };
        if !space.has_room_for(size) {
            return Judged::Verdict(Verdict::NoSpace);
        }
        rates.count_message(self.key(), now.instant);
        self.sender = Some(sender);
        Judged::Verdict(known.field.take().map_or(Verdict::Accept, Verdict::Traced))
    }

    fn recipient(
        &mut self,
        now: Now,
        path: &ForwardPath,
        known: &mut Known,
        rates: &mut RateWindows,
    ) -> Judged {
        let client = match self.client() {
            Ok(client) => client,
            Err(verdict) => return Judged::Verdict(verdict),
        };
        // A recipient of nobody's message.
        let Some(sender) = self.sender else { return Judged::Verdict(Verdict::refuse(Why::NotAdmitted)) };
        let judge = |told: &[Told]| client.recipient(&sender, path, told);
        let welcome = match self.settle(now, known, rates, None, judge) {
            Ok(ruling) => {
                self.reason_of(&ruling.chain);
                self.said(ruling, || format!("refused: RCPT TO:{path}"))
            }
            Err(machine) => return Judged::Wants(machine),
        };
        match welcome {
            Ok(welcome) => {
                rates.count_recipients(self.key(), now.instant, 1);
                let place = welcome.place.max(sender.place);
                Judged::Verdict(Verdict::Admit(welcome.admitted, place))
            }
            Err(denial) => Judged::Verdict(denial),
        }
    }

    /// Judges until there is a ruling, or until the world must be asked.
    fn settle<T>(
        &self,
        now: Now,
        known: &mut Known,
        rates: &mut RateWindows,
        sender: Option<&ReversePath>,
        judge: impl Fn(&[Told]) -> Step<Ruling<T>>,
    ) -> Result<Ruling<T>, Machine> {
        // While the world was asked others were counted, too: what holds is what fits now.
        for (place, wish) in &known.rated {
            if let Some(told) = self.at_hand(wish, now, rates) {
                known.told[*place] = told;
            }
        }
        loop {
            let wish = match judge(&known.told) {
                Step::Done(ruling) => return Ok(ruling),
                Step::Wish(wish) => wish,
            };
            if let Some(told) = self.at_hand(&wish, now, rates) {
                if matches!(told, Told::Rate(_)) {
                    known.rated.push((known.told.len(), wish));
                }
                known.told.push(told);
                continue;
            }
            match self.look(wish, sender.map(|path| (path, now))) {
                Looked::By(machine) => return Err(machine),
                Looked::Told(told) => known.told.push(told),
            }
        }
    }

    fn client(&self) -> Result<&Client, Verdict> {
        match &self.standing {
            Standing::Welcome(client) => Ok(client),
            Standing::Unwelcome(no) => {
                Err(Verdict::Refuse(Box::new(Denial { no: No::clone(no), chain: None })))
            }
            Standing::Unknown => Err(Verdict::refuse(Why::NotAdmitted)),
        }
    }

    /// A ruling as a verdict, with what led to it where that is wanted.
    fn said<T>(&self, ruling: Ruling<T>, refused: impl FnOnce() -> String) -> Result<T, Verdict> {
        ruling.verdict.map_err(|no| Verdict::Refuse(Box::new(self.denial(no, &ruling.chain, refused))))
    }

    /// A refusal, with what was refused and what led to it where that is wanted.
    fn denial(&self, no: No, chain: &Chain, refused: impl FnOnce() -> String) -> Denial {
        let chain = self.settings.explain_token.then(|| {
            let mut lines = self.explained(chain);
            lines.insert(0, refused());
            lines
        });
        Denial { no, chain }
    }

    /// What led to a verdict, beginning with what was found out about the client before.
    fn explained(&self, chain: &Chain) -> Vec<String> {
        match self.client() {
            Ok(client) => {
                let mut lines = client.explain(client.chain());
                lines.extend(client.explain(chain));
                lines
            }
            Err(_) => evaluate::explain(&self.book.rules, chain),
        }
    }

    /// Under what the client's mail is counted.
    fn key(&self) -> Key {
        if let Standing::Welcome(client) = &self.standing
            && let Trust::User(user) = client.trust()
        {
            return Key::user(user);
        }
        Key::Source(self.peer.source())
    }

    /// What is known here without asking anybody.
    fn at_hand(&self, wish: &Wish, now: Now, rates: &mut RateWindows) -> Option<Told> {
        match wish {
            Wish::Message(limit) => Some(Told::Rate(rates.judge_message(self.key(), now.instant, *limit))),
            Wish::Recipient(limit) => {
                Some(Told::Rate(rates.judge_recipient(self.key(), now.instant, *limit)))
            }
            // Nobody would look at the result.
            Wish::Spf if self.settings.spf.threshold.is_none() && !self.settings.spf.received => {
                Some(Told::Spf(Ok(())))
            }
            Wish::Spf | Wish::Listing { .. } | Wish::Domain(..) => None,
        }
    }

    /// The machine that finds out what is wished, or the answer where there is nothing to find out.
    fn look(&self, wish: Wish, sender: Option<(&ReversePath, Now)>) -> Looked {
        match wish {
            Wish::Listing { address, zones } => Looked::By(Machine::listing(address, &zones)),
            Wish::Domain(domain, sought) => {
                match Machine::domain(&domain, sought, &self.settings.own_addresses) {
                    Some(machine) => Looked::By(machine),
                    None => Looked::Told(Told::Domain(evaluate::DomainIs::Nowhere)),
                }
            }
            Wish::Spf => match sender {
                Some((path, now)) => Looked::By(Machine::spf(self.facts(path, now), &self.settings)),
                None => Looked::Told(Told::Trouble),
            },
            // Always at hand.
            Wish::Message(_) | Wish::Recipient(_) => Looked::Told(Told::Trouble),
        }
    }

    fn facts(&self, path: &ReversePath, now: Now) -> spf::Facts {
        let mail_from = match path {
            ReversePath::Null => String::new(),
            ReversePath::Address(address) => address.to_string(),
        };
        spf::Facts {
            client: self.peer.client.ip(),
            helo: self.hello.to_string(),
            mail_from,
            receiver: self.settings.host.clone(),
            wall: now.wall,
        }
    }
}

/// How a wish is answered.
enum Looked {
    By(Machine),
    Told(Told),
}
