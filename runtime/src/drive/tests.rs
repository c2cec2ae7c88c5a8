//! The loop on a stream in memory and a clock that stands still until everybody waits.
#![expect(clippy::disallowed_methods, reason = "the paused clock of tokio is the world of these tests")]

use super::*;
use crate::limits::UNTAKEN_MAX;
use smtpserver_core::event::SessionRecord;
use smtpserver_core::server::Solo;
use smtpserver_core::{Peer, Reason, Settings, Wall};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// Hands that answer from the settings at once, and tell what they are told.
struct Hands {
    began: tokio::time::Instant,
    server: Solo,
    told: Sender<Told>,
    /// An assertion of ours that breaks: the sender question.
    clumsy: bool,
}

#[derive(Debug, PartialEq)]
enum Told {
    Closed(Reason, Duration),
    Panicked,
    Dropped,
}

impl super::Hands for Hands {
    fn now(&self) -> Now {
        let micros = u64::try_from(self.began.elapsed().as_micros()).expect("short tests");
        Now { instant: Instant::from_micros(micros), wall: Wall::from_seconds(0) }
    }
    fn ask(&mut self, now: Now, ticket: Ticket, question: Question) -> Option<Answer> {
        assert!(!self.clumsy || !matches!(question, Question::Sender { .. }), "planted");
        Some(self.server.answer(now, ticket, question))
    }
    fn inquire(&mut self, _: Now, _: Ticket, _: Inquiry) -> Option<Advice> {
        unreachable!("no AUTH is offered")
    }
    fn attempted(&mut self, _now: Now, _attempt: Attempt) {}
    fn order(&mut self, _now: Now, _order: Order) {}
    fn note(&mut self, _now: Now, event: Event) {
        if let Event::Closed(SessionRecord { reason, lasted, .. }) = event {
            self.told.send(Told::Closed(reason, lasted)).expect("the test listens");
        }
    }
    fn poll_letter(&mut self, _context: &mut Context<'_>) -> Poll<Letter> {
        Poll::Pending
    }
    fn panicked(&mut self) {
        self.told.send(Told::Panicked).expect("the test listens");
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        let _ = self.told.send(Told::Dropped);
    }
}

/// A session whose stream takes `room` octets that nobody has read.
fn start(room: usize, clumsy: bool) -> (DuplexStream, Receiver<Told>) {
    let settings = Arc::new(Settings::new("mx.example"));
    let local = SocketAddr::from(([127, 0, 0, 1], 25));
    let peer = Arc::new(Peer::new(local, local));
    let solo = Solo::new(Now::default(), settings.clone(), peer.clone());
    let session = Session::new(settings, solo.session(), peer);
    let (client, server) = duplex(room);
    let (told, heard) = channel();
    let hands = Hands { began: tokio::time::Instant::now(), server: solo, told, clumsy };
    tokio::spawn(drive(server, session, hands));
    (client, heard)
}

async fn everything(client: &mut DuplexStream) -> String {
    let mut text = String::new();
    client.read_to_string(&mut text).await.expect("text");
    text
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_with_its_last_words() {
    let (mut client, told) = start(65_536, false);
    client.write_all(b"EHLO a.example\r\nQUIT\r\n").await.expect("room");
    let text = everything(&mut client).await;
    assert!(text.starts_with("220 mx.example") && text.contains("\r\n221 "), "{text}");
    drop(client);
    assert_eq!(told.recv(), Ok(Told::Closed(Reason::Quit, Duration::ZERO)));
}

#[tokio::test(start_paused = true)]
async fn a_broken_assertion_costs_one_session_and_is_said() {
    let (mut client, told) = start(65_536, true);
    client.write_all(b"EHLO a.example\r\nMAIL FROM:<a@a.example>\r\n").await.expect("room");
    let text = everything(&mut client).await;
    let last = text.lines().last().expect("a line");
    assert!(last.starts_with("421 4.3.0 "), "{text}");
    drop(client);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [Told::Panicked, Told::Dropped]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_waited_for_as_long_as_the_core_says() {
    let (mut client, told) = start(65_536, false);
    let text = everything(&mut client).await;
    assert!(text.contains("\r\n421 4.4.2 "), "{text}");
    let Ok(Told::Closed(Reason::TimedOut, lasted)) = told.recv() else { panic!("not timed out") };
    // The timer counts milliseconds.
    assert_eq!(lasted.as_secs(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_replies_is_given_up() {
    // Less than the greeting.
    let (mut client, told) = start(8, false);
    tokio::time::sleep(UNTAKEN_MAX + Duration::from_secs(10)).await;
    let Ok(Told::Closed(reason, lasted)) = told.try_recv() else { panic!("it still waits") };
    // The wait for a command is over in the same moment.
    assert!(matches!(reason, Reason::PeerClosed | Reason::TimedOut));
    assert_eq!(lasted.as_secs(), 300);
    assert_eq!(told.try_recv(), Ok(Told::Dropped));
    assert!(everything(&mut client).await.len() <= 8);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_on_sending_after_the_end_is_not_listened_to_for_long() {
    let (mut client, told) = start(1024, false);
    client.write_all(b"QUIT\r\n").await.expect("room");
    let started = tokio::time::Instant::now();
    let mut sent = 0;
    while client.write_all(&[b'x'; 512]).await.is_ok() {
        sent += 512;
        assert!(sent < 1_000_000, "it takes everything");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(told.try_iter().last(), Some(Told::Dropped));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_turned_away_is_told_and_then_gone() {
    let (mut client, server) = duplex(1024);
    let (told, heard) = channel();
    struct Presence(Sender<()>);
    impl Drop for Presence {
        fn drop(&mut self) {
            self.0.send(()).expect("the test listens");
        }
    }
    let turned = tokio::spawn(turn_away(server, b"sorry\r\n".to_vec(), Presence(told)));
    assert_eq!(everything(&mut client).await, "sorry\r\n");
    assert!(heard.try_recv().is_err(), "the client was given no time");
    drop(client);
    turned.await.expect("no panic");
    assert_eq!(heard.try_recv(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_balancer_that_tells_nothing_is_not_waited_for() {
    let mut settings = Settings::new("mx.example");
    smtpserver_core::config::param::apply(&mut settings, "proxy-from 127.0.0.0/8").expect("a parameter");
    let end = SocketAddr::from(([127, 0, 0, 1], 25));
    let arrival = || Arrival::expected(&settings, &Peer::new(end, end), Instant::ZERO).expect("trusted");
    let wait = arrival().deadline().since(Instant::ZERO);
    let began = tokio::time::Instant::now();
    let (mut near, mut far) = duplex(64);
    far.write_all(b"PROXY TCP4 ").await.expect("room");
    assert_eq!(arrive(&mut near, arrival(), wait).await, Err("no whole PROXY header in time"));
    assert_eq!(began.elapsed(), wait);
    let (mut near, far) = duplex(64);
    drop(far);
    assert!(arrive(&mut near, arrival(), wait).await.is_err());
    let (mut near, mut far) = duplex(64);
    far.write_all(b"PROXY UNKNOWN\r\nNOOP\r\n").await.expect("room");
    let arrived = arrive(&mut near, arrival(), wait).await.expect("a header");
    assert_eq!(arrived, Arrived { peer: Peer::new(end, end), heard: b"NOOP\r\n".to_vec() });
}
