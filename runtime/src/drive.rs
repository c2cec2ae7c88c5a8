//! THE loop: the only code between a `Session` and the wire. Octets, letters and ticks go in; what the session puts
//! out is obeyed. It decides nothing, and it is the same in production and under a simulator: it knows neither TCP
//! nor files nor clocks. Octets come from any stream, everything else from [`Hands`].
//!
//! One turn of the loop:
//!
//! 1. Obey: drain `Session::poll`. A question whose answer is at hand is answered there and then, so that a
//!    pipelined group of commands is worked off without a pause and its replies leave as one send.
//! 2. Wait for the first of, in this order: a letter (answers, reports, the order to stop), octets, the deadline.
//!    The order is fixed so that a simulator can repeat it. Octets are asked for only while the session wants any.
//! 3. Bring what came, with the clock read once for it.
//!
//! Memory: octets are read into a buffer of the thread, not of the session, and handed over in the same poll. A
//! session that waits for its client therefore holds no buffer at all.
//!
//! Ends: a session ends by its own `Close`; by a panic (our own defect), which costs the client a 421 and nobody
//! else anything; or when this future is dropped. In each case `Hands` is dropped, and gives back what was acquired.

use crate::pipe::Pipe;
use crate::recorder::{Recorded, Tape};
use crate::tls::Side;
use smtpserver_core::auth::{Advice, Attempt, Inquiry};
use smtpserver_core::policy::{Answer, Question, Ticket};
use smtpserver_core::refusal::{Refusal, Trouble};
use smtpserver_core::reply::catalog;
use smtpserver_core::spool::{Order, Report};
use smtpserver_core::tls::{HandshakeFault, TlsFacts};
use smtpserver_core::wire::proxy::ProxyFault;
use smtpserver_core::{Arrival, Arrived, Event, Input, Instant, Now, Output, Session};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// The shortest wait for a deadline. One that has passed already is served this much later, so that not even a
/// session whose deadline stands still can turn the loop into a spin.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// A wait without a deadline: longer than any process lives.
const WAIT_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// What comes to a session from elsewhere than its client.
#[derive(Debug)]
pub enum Letter {
    /// The answer to a question.
    Answered(Ticket, Answer),
    /// The answer to a question about logins.
    Advised(Ticket, Advice),
    /// A report about the present draft.
    Reported(Report),
    /// The server is about to stop.
    ShuttingDown,
}

/// Everything that a session needs besides its client. Dropping it gives back all that the session has acquired.
pub trait Hands {
    /// Both clocks. The steady one must go as fast as tokio's.
    fn now(&self) -> Now;
    /// Asks; an answer that is at hand comes back at once, any other as a letter.
    fn ask(&mut self, now: Now, ticket: Ticket, question: Question) -> Option<Answer>;
    /// Asks about a login; the rest is as for [`Hands::ask`].
    fn inquire(&mut self, now: Now, ticket: Ticket, inquiry: Inquiry) -> Option<Advice>;
    /// Passes on what became of a login. Never waits.
    fn attempted(&mut self, now: Now, attempt: Attempt);
    /// Passes an order on to the spool. Never waits.
    fn order(&mut self, now: Now, order: Order);
    /// Writes an event down. Never waits, never fails.
    fn note(&mut self, now: Now, event: Event);
    /// So many octets were heard from the client, and so many given to the wire for it. Never waits.
    fn carried(&mut self, _heard: usize, _said: usize) {}
    /// The next letter.
    fn poll_letter(&mut self, context: &mut Context<'_>) -> Poll<Letter>;
    /// The session broke an assertion of ours and is being ended.
    fn panicked(&mut self);
    /// Our side of a handshake with this client; none where there is no certificate.
    fn tls(&mut self) -> Option<Side> {
        None
    }
    /// A tape to record the session on, to which nothing was brought yet. Asked once.
    fn tape(&mut self, _session: &mut Session) -> Option<Tape> {
        None
    }
}

/// Carries a session from its first word to the end of its connection.
pub async fn drive<T, H>(stream: T, session: Session, hands: H)
where
    T: AsyncRead + AsyncWrite + Unpin,
    H: Hands,
{
    drive_on(stream, Vec::new(), session, hands).await;
}

/// The same on a connection from which these octets came already.
pub async fn drive_on<T, H>(stream: T, heard: Vec<u8>, mut session: Session, mut hands: H)
where
    T: AsyncRead + AsyncWrite + Unpin,
    H: Hands,
{
    let mut pipe = Pipe::with_heard(stream, heard);
    let tape = hands.tape(&mut session);
    // All that is brought to the session and all that it puts out passes here, recorded or not.
    let mut session = Recorded::new(session, tape);
    let ended = {
        let mut live = pin!(live(&mut session, &mut hands, &mut pipe));
        poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| live.as_mut().poll(context))) {
            Ok(progress) => progress.map(Ok),
            // Whatever `live` holds may be half changed: it is not looked at again, only dropped.
            Err(_) => Poll::Ready(Err(())),
        })
        .await
    };
    if ended.is_err() {
        hands.panicked();
        session.panicked();
        let words = catalog::refusal(&Refusal::Trouble(Trouble::Internal)).encode(true);
        pipe.send(hands.now().instant, words).await;
    }
    // Recorded to its end; what follows is between the pipe and the client.
    drop(session);
    pipe.part().await;
}

/// Waits until a connection that begins with a PROXY header has told whose it is; otherwise why it is to be closed.
/// `wait` is the time from now to the arrival's deadline.
pub async fn arrive<T>(stream: &mut T, mut arrival: Arrival, wait: Duration) -> Result<Arrived, &'static str>
where
    T: AsyncRead + Unpin,
{
    let header = async {
        let mut octets = vec![0; arrival.wants_bytes()];
        loop {
            let room = arrival.wants_bytes();
            match stream.read(&mut octets[..room]).await {
                Ok(0) | Err(_) => return Err("gone before its PROXY header was whole"),
                Ok(came) => {
                    if let Some(outcome) = arrival.hear(&octets[..came]) {
                        return outcome.map_err(ProxyFault::name);
                    }
                }
            }
        }
    };
    tokio::time::timeout(wait, header).await.unwrap_or(Err("no whole PROXY header in time"))
}

/// Tells a client that there is no room for it, and gives it a moment to read that. `presence` is dropped when the
/// client is gone.
pub async fn turn_away<T, P>(stream: T, words: Vec<u8>, presence: P)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut pipe = Pipe::new(stream);
    pipe.send(Instant::ZERO, words).await;
    pipe.part().await;
    drop(presence);
}

/// What a wait brought.
enum Happened {
    Letter(Letter),
    /// Octets came, and the session has them already.
    Heard,
    /// The client has taken all replies, and the session waits for that.
    Sent,
    /// A handshake is over.
    Secured(Result<Arc<TlsFacts>, HandshakeFault>),
    /// Nothing more will come from the client, or nothing more can be sent to it.
    Gone,
    /// The time has come that the loop was waiting for.
    Due,
}

async fn live<T, H>(session: &mut Recorded, hands: &mut H, pipe: &mut Pipe<T>)
where
    T: AsyncRead + AsyncWrite + Unpin,
    H: Hands,
{
    // One timer for all deadlines. Deadlines mostly move away, and the timer is not moved with them: it rings early,
    // finds nothing due and is set anew. That is cheaper than setting it for every command.
    let mut timer = pin!(tokio::time::sleep(WAIT_MAX));
    let mut set_for: Option<Instant> = None;

    let mut now = hands.now();
    session.handle(now, Input::Opened);
    loop {
        while let Some(output) = session.poll() {
            match output {
                Output::Write(octets) => {
                    hands.carried(0, octets.len());
                    pipe.send(now.instant, octets).await;
                }
                Output::Ask(ticket, question) => {
                    if let Some(answer) = hands.ask(now, ticket, question) {
                        session.handle(now, Input::Answered(ticket, answer));
                    }
                }
                Output::Inquire(ticket, inquiry) => {
                    if let Some(advice) = hands.inquire(now, ticket, inquiry) {
                        session.handle(now, Input::Advised(ticket, advice));
                    }
                }
                Output::Attempt(attempt) => hands.attempted(now, attempt),
                Output::Order(order) => hands.order(now, order),
                Output::Secure(opening) => pipe.secure(opening, hands.tls()),
                Output::Event(event) => hands.note(now, event),
                Output::Close(_) => return,
            }
        }

        let deadline = [session.deadline(), pipe.deadline()].into_iter().flatten().min();
        if let Some(deadline) = deadline
            && set_for.is_none_or(|set_for| deadline < set_for)
        {
            let wait = deadline.since(now.instant).clamp(WAIT_MIN, WAIT_MAX);
            timer.set(tokio::time::sleep(wait));
            set_for = Some(deadline);
        }

        let happened = poll_fn(|context| {
            if let Poll::Ready(letter) = hands.poll_letter(context) {
                return Poll::Ready(Happened::Letter(letter));
            }
            if pipe.is_securing() {
                // Nothing else is between us and the client now.
                if let Poll::Ready(outcome) = pipe.poll_secured(context) {
                    return Poll::Ready(Happened::Secured(outcome));
                }
            } else if pipe.poll_sent(context).is_ready() {
                if session.awaits_sent() {
                    return Poll::Ready(Happened::Sent);
                }
                // While the client does not take our words we do not listen to it either.
                let heard = pipe.poll_heard(context, session.wants_bytes(), |octets| {
                    now = hands.now();
                    hands.carried(octets.len(), 0);
                    session.handle(now, Input::Bytes(octets));
                });
                if heard == Poll::Ready(true) {
                    return Poll::Ready(Happened::Heard);
                }
            }
            if pipe.take_gone() {
                return Poll::Ready(Happened::Gone);
            }
            if set_for.is_some() && timer.as_mut().poll(context).is_ready() {
                return Poll::Ready(Happened::Due);
            }
            Poll::Pending
        })
        .await;

        if !matches!(happened, Happened::Heard) {
            now = hands.now();
        }
        match happened {
            Happened::Heard => {}
            Happened::Sent => session.handle(now, Input::Sent),
            Happened::Letter(Letter::Answered(ticket, answer)) => {
                session.handle(now, Input::Answered(ticket, answer));
            }
            Happened::Letter(Letter::Advised(ticket, advice)) => {
                session.handle(now, Input::Advised(ticket, advice));
            }
            Happened::Letter(Letter::Reported(report)) => session.handle(now, Input::Reported(report)),
            Happened::Letter(Letter::ShuttingDown) => session.handle(now, Input::ShuttingDown),
            Happened::Secured(Ok(facts)) => session.handle(now, Input::Secured(facts)),
            Happened::Secured(Err(fault)) => session.handle(now, Input::Unsecured(fault)),
            Happened::Gone => session.handle(now, Input::PeerClosed),
            Happened::Due => {
                set_for = None;
                if pipe.deadline().is_some_and(|deadline| deadline <= now.instant) {
                    // The client takes none of our replies: to us it is gone.
                    pipe.give_up();
                }
                if session.deadline().is_some_and(|deadline| deadline <= now.instant) {
                    session.handle(now, Input::Tick);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
