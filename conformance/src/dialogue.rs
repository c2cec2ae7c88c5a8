//! The client's end of all connections of one run: octets out, lines in, everything noted in the transcript.
//! Judges nothing: it says what was heard, and how it was cut.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::lane::{End, Stage, Taken, Trouble};
use crate::transcript::{Said, Transcript};

/// A server that talks more than this without being listened to is broken.
const UNHEARD_MAX: usize = 1024 * 1024;

pub(crate) struct Dialogue<'s> {
    pub(crate) stage: &'s mut dyn Stage,
    pub(crate) transcript: Transcript,
    wires: BTreeMap<u32, Wire>,
}

/// One connection and what was taken from it but not yet heard.
struct Wire {
    connection: usize,
    unheard: Vec<u8>,
    /// How many octets were heard before `unheard`.
    before: usize,
    /// Where writes ended, counted from the connection's first octet.
    cuts: VecDeque<usize>,
    closed: bool,
    offers_pipelining: bool,
}

/// What came next on a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Line(Line),
    /// The server ended the connection, after these octets without CRLF.
    Closed(Vec<u8>),
    /// Time is up; these octets without CRLF are there.
    Nothing(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Without CRLF.
    pub(crate) text: Vec<u8>,
    /// Whether the write ended with this line.
    pub(crate) ends_write: bool,
    /// Whether the line lay in one write.
    pub(crate) whole: bool,
}

impl Line {
    /// Whether the reply ends here: a code, then a blank or nothing.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.text.get(3), None | Some(b' '))
    }

    /// Whether the reply goes on: a code, then a hyphen.
    pub(crate) fn goes_on(&self) -> bool {
        self.text.get(3) == Some(&b'-')
    }

    /// The line in the scripts' spelling: a blank behind the code.
    pub(crate) fn spelled(&self) -> Vec<u8> {
        let mut text = self.text.clone();
        if self.goes_on() {
            text[3] = b' ';
        }
        text
    }

    /// The three octets in front.
    pub(crate) fn code(&self) -> &[u8] {
        self.text.get(..3).unwrap_or(&self.text)
    }

    /// Code, and enhanced code if there is one: what must not depend on how the client cuts its segments.
    pub(crate) fn signature(&self) -> String {
        let text = String::from_utf8_lossy(&self.text).into_owned();
        let enhanced = text.get(4..).and_then(|rest| rest.split(' ').next()).filter(|word| {
            word.split('.').count() == 3 && word.bytes().all(|octet| octet == b'.' || octet.is_ascii_digit())
        });
        let code = text.get(..4).unwrap_or(&text).trim_end();
        enhanced.map_or_else(|| code.to_string(), |enhanced| format!("{code} {enhanced}"))
    }
}

impl<'s> Dialogue<'s> {
    pub(crate) fn new(stage: &'s mut dyn Stage) -> Self {
        Self { stage, transcript: Transcript::default(), wires: BTreeMap::new() }
    }

    pub(crate) fn now(&self) -> Duration {
        self.stage.now()
    }

    /// The clients that have a connection.
    pub(crate) fn clients(&self) -> Vec<u32> {
        self.wires.keys().copied().collect()
    }

    /// Opens the client's connection if this is its first step.
    pub(crate) fn connect(&mut self, client: u32) -> Result<(), Trouble> {
        if !self.wires.contains_key(&client) {
            let connection = self.stage.connect()?;
            let wire = Wire {
                connection,
                unheard: Vec::new(),
                before: 0,
                cuts: VecDeque::new(),
                closed: false,
                offers_pipelining: false,
            };
            self.wires.insert(client, wire);
        }
        Ok(())
    }

    fn wire(&mut self, client: u32) -> Result<&mut Wire, Trouble> {
        self.connect(client)?;
        self.wires.get_mut(&client).ok_or_else(|| Trouble(format!("client {client} has no connection")))
    }

    pub(crate) fn connection(&mut self, client: u32) -> Result<usize, Trouble> {
        Ok(self.wire(client)?.connection)
    }

    /// Says a segment, cut into `pieces` of at most that many octets if asked for.
    pub(crate) fn send(&mut self, client: u32, pieces: &[&[u8]]) -> Result<(), Trouble> {
        let connection = self.connection(client)?;
        self.note(client, Said::Client(pieces.concat()));
        pieces.iter().try_for_each(|piece| self.stage.send(connection, piece))
    }

    pub(crate) fn end(&mut self, client: u32, how: End) -> Result<(), Trouble> {
        let connection = self.connection(client)?;
        self.note(client, Said::ClientEnds(how));
        self.stage.end(connection, how)
    }

    /// Lets time pass.
    pub(crate) fn rest(&mut self, client: u32, time: Duration) -> Result<(), Trouble> {
        self.note(client, Said::ClientWaits(time));
        self.stage.rest(time)
    }

    /// Ends every connection; what the server still says is of no interest.
    pub(crate) fn hang_up(&mut self) -> Result<(), Trouble> {
        for wire in self.wires.values() {
            self.stage.end(wire.connection, End::Full)?;
        }
        Ok(())
    }

    /// Takes one more thing from the server, until the hour `until` at the latest. False if there was nothing.
    pub(crate) fn listen(&mut self, client: u32, until: Duration) -> Result<bool, Trouble> {
        let connection = self.connection(client)?;
        if self.wire(client)?.closed {
            return Ok(false);
        }
        let at_most = until.saturating_sub(self.now());
        let taken = self.stage.take(connection, at_most)?;
        match &taken {
            Taken::Wrote(octets) => self.note(client, Said::Server(octets.clone())),
            Taken::Closed => self.note(client, Said::ServerCloses),
            Taken::Nothing => {}
        }
        let wire = self.wire(client)?;
        match taken {
            Taken::Wrote(octets) => {
                wire.unheard.extend_from_slice(&octets);
                wire.cuts.push_back(wire.before + wire.unheard.len());
                if wire.unheard.len() > UNHEARD_MAX {
                    return Err(Trouble(
                        "the server said more than 1 MiB that nobody waited for".to_string(),
                    ));
                }
                Ok(true)
            }
            Taken::Closed => {
                wire.closed = true;
                Ok(true)
            }
            Taken::Nothing => Ok(false),
        }
    }

    /// Takes everything that is there already.
    pub(crate) fn poll(&mut self, client: u32) -> Result<(), Trouble> {
        while self.listen(client, Duration::ZERO)? {}
        Ok(())
    }

    /// What was taken and not yet heard.
    pub(crate) fn unheard(&mut self, client: u32) -> Result<&[u8], Trouble> {
        Ok(&self.wire(client)?.unheard)
    }

    pub(crate) fn is_closed(&mut self, client: u32) -> Result<bool, Trouble> {
        Ok(self.wire(client)?.closed)
    }

    /// Whether an EHLO reply on this connection offered PIPELINING.
    pub(crate) fn offers_pipelining(&mut self, client: u32) -> Result<bool, Trouble> {
        Ok(self.wire(client)?.offers_pipelining)
    }

    /// The next whole line, until the hour `until` at the latest.
    pub(crate) fn line(&mut self, client: u32, until: Duration) -> Result<Heard, Trouble> {
        loop {
            let wire = self.wire(client)?;
            if let Some(end) = wire.unheard.windows(2).position(|pair| pair == b"\r\n") {
                let line = wire.hear(end + 2);
                let spelled = line.spelled();
                wire.offers_pipelining |= spelled.eq_ignore_ascii_case(b"250 PIPELINING");
                return Ok(Heard::Line(line));
            }
            if wire.closed {
                return Ok(Heard::Closed(wire.unheard.clone()));
            }
            if !self.listen(client, until)? {
                return Ok(Heard::Nothing(self.wire(client)?.unheard.clone()));
            }
        }
    }

    /// Up to `count` octets in whatever lines, until the hour `until` at the latest; and whether they were one write.
    pub(crate) fn octets(
        &mut self,
        client: u32,
        count: usize,
        until: Duration,
    ) -> Result<(Vec<u8>, bool), Trouble> {
        while self.unheard(client)?.len() < count && self.listen(client, until)? {}
        let wire = self.wire(client)?;
        let (start, count) = (wire.before, count.min(wire.unheard.len()));
        let one_write = wire.cuts.front() == Some(&(start + count));
        let octets = wire.unheard[..count].to_vec();
        wire.forget(count);
        Ok((octets, one_write))
    }

    fn note(&mut self, client: u32, said: Said) {
        let now = self.stage.now();
        self.transcript.note(now, client, said);
    }
}

impl Wire {
    /// Takes the first `count` octets as a line; they end in CRLF.
    fn hear(&mut self, count: usize) -> Line {
        let end = self.before + count;
        let text = self.unheard[..count - 2].to_vec();
        let ends_write = self.cuts.contains(&end);
        let whole = !self.cuts.iter().any(|cut| *cut < end);
        self.forget(count);
        Line { text, ends_write, whole }
    }

    fn forget(&mut self, count: usize) {
        self.unheard.drain(..count);
        self.before += count;
        while self.cuts.front().is_some_and(|cut| *cut <= self.before) {
            self.cuts.pop_front();
        }
    }
}
