//! The script language and its judge: dialogues as files, run against any SMTP server.
//!
//! This crate knows no server of ours. A [`Lane`] is where a script meets one: [`Tcp`] starts a binary and speaks to it
//! over loopback, [`Peer`] speaks to whatever listens somewhere; lanes over simulated servers live with the simulator.
//! [`parse`] makes a [`Script`], [`judge`] runs it in a lane, [`Suite`] runs many, [`bless`] rewrites what a server says.
//!
//! # A script
//!
//! ```
//! let script = smtpserver_conformance::parse("demo.smtp", r#"
//! title   A message is kept, and its dots with it
//! spec    rfc2821#4.5.2/1
//! world   plain
//!
//!         S: 220 {host} {*}
//!         C: EHLO client.example
//!         S~ 250 PIPELINING
//!         C+ MAIL FROM:<ann@client.example>
//!         C+ RCPT TO:<bob@local.example>
//!         C: DATA
//!         S+ 250 2.1.0 {*}
//!         S+ 250 2.1.5 {*}
//!         S: 354 {*}
//!         C| "..dot\r\n.\r\n"
//!         S: 250 2.6.0 {*}
//!         C: QUIT
//!         S: 221 2.0.0 {*}
//!         S closes
//!
//! spool   1 message
//!   from  ann@client.example
//!   to    bob@local.example
//!   body  ".dot\r\n"
//! "#).expect("a good script");
//! assert_eq!(script.steps.len(), 14);
//! ```
//!
//! A script has a head, a dialogue and an aftermath. Its first line is its claim, its second says which requirements it
//! exercises (`rfc2920#3.2/4`, `manual#NAME`, `decision#9`), its third the server it needs: a base (`plain` if nothing is
//! said: recipients at `local.example` accepted, others refused with 550 5.7.1, no waits, default limits), then settings
//! as the configuration spells them, behind commas. Lines that begin with `#` are remarks. Past sixty lines a script is
//! warned about.
//!
//! # The marks
//!
//! | mark | means |
//! | --- | --- |
//! | `C: text` | the client says a line, and CRLF; ends the segment. Text that begins with `"` is a quoted expression |
//! | `C+ text` | the same, but the segment goes on with the next `C` line |
//! | <code>C\| "octets"</code> | the client says exactly these octets, and the segment ends |
//! | `S: pattern` | the server says the last line of a reply, and its write ends |
//! | `S+ pattern` | the same, but the write goes on with the next `S` line |
//! | `S- pattern` | the server says a line of a reply that goes on; the write goes on too |
//! | `S~ pattern` | some line of the next reply is this; several in a row speak of the same reply |
//! | `S! pattern` | no line of that reply is this |
//! | `S> pattern` | the next reply, of one line or many, ends with this line |
//! | <code>S\| "octets"</code> | the server says exactly these octets in a write of their own |
//! | `quiet 20s` | the server says nothing for exactly this long, and then, if an `S` line follows, speaks |
//! | `pause 1s` | the client waits |
//! | `within 300s` | how long the next server step may take (else ten seconds) |
//! | `C closes` `C resets` | the client ends its half; the client tears the connection |
//! | `S closes` | the server ends the connection, with nothing left to read |
//! | `C starts tls` | the handshake |
//! | `client 2` | the following marks speak of a second connection, opened at its first step; `client 1` goes back |
//! | `loop 100` ... `end` | the steps between, so many times; `{i}` in them is the iteration, from 1 |
//! | `F>` `F<` `F dies` `F silent` | what the content filter is asked, answers, or suffers; `R` the router, `P` the policy service, `M` a milter, `D` the resolver |
//! | `spool 2 messages` | what was accepted; below it `from`, `to` (all of them, in order), `body`, `has` for each message |
//! | `event name arguments` | something that must have happened |
//!
//! A pattern is a line in which `{*}` stands for anything, `{n}` for a number and `{name}` for a word, which must be the
//! same wherever the name comes again; `{{` is a brace. Behind the code stands a blank, whatever the wire has: `S-` says
//! that a reply goes on. Quoted expressions know `\r \n \t \\ \" \xNN`, repetition `"a"*900`, and stand side by side.
//! Below `spool`, `message` or a second `from` begins the next message; `has "octets"` looks in the whole stored file.
//!
//! # What is judged
//!
//! Server lines are matched in order. The server may not speak before the client said what it waits for: where a reply
//! comes in the middle of a client's lines, its `S` line stands there. At the end nothing may be left unheard.
//! Where a lane sees the server's writes, they must be as the marks say.
//!
//! Each script runs as written, then again dribbled (each segment in single octets) and, if it has neighbouring segments
//! that RFC 2920 allows to be joined and the server offered PIPELINING, glued. Codes must be the same each time.
//!
//! What a lane cannot do makes a script [`Skipped`](Outcome::Skipped) with a reason, never passed; what it cannot see is
//! a note in the [`Judgement`]. In lanes of real time, scripts that wait longer than [`Options::waiting_max`] are skipped.

mod bless;
mod dialogue;
mod diff;
#[cfg(test)]
mod fake;
pub mod lane;
mod parse;
mod pattern;
mod run;
pub mod script;
pub mod spec;
mod suite;
mod text;
mod transcript;
mod variant;

pub use bless::bless;
pub use lane::{Lane, Peer, Tcp};
pub use parse::parse;
pub use pattern::Pattern;
pub use run::{Failure, Judgement, Options, Outcome, judge};
pub use script::{Complaint, Script};
pub use suite::{Style, Suite, Tally};
pub use transcript::Transcript;
pub use variant::Variant;
