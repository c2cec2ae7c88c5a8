//! A whole log, read from octets that may be anything. Every length is checked before it is believed.

use super::entry::{self, END, Ending, Entry};
use super::fault::{LogFault, LogFaultKind};
use super::header::Header;
use super::octets::Cursor;
use super::print::Print;
use alloc::vec::Vec;

/// A log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log<'a> {
    /// What the session was.
    pub header: Header,
    /// What happened, in its order.
    pub entries: Vec<Entry<'a>>,
    /// How it ends; `None` when it was cut off, and these are the records that are whole.
    pub ending: Option<Ending>,
}

impl<'a> Log<'a> {
    /// Reads a whole log.
    pub fn decode(octets: &'a [u8]) -> Result<Log<'a>, LogFault> {
        let (log, fault) = Log::read(octets)?;
        fault.map_or(Ok(log), Err)
    }

    /// Reads a log of which the end may be missing, as of a server that was killed.
    pub fn decode_what_is_there(octets: &'a [u8]) -> Result<Log<'a>, LogFault> {
        let (log, fault) = Log::read(octets)?;
        match fault {
            Some(fault) if fault.kind != LogFaultKind::Truncated => Err(fault),
            Some(_) | None => Ok(log),
        }
    }

    /// The records up to the first fault, and the fault.
    fn read(octets: &'a [u8]) -> Result<(Log<'a>, Option<LogFault>), LogFault> {
        let (header, at) = Header::decode(octets)?;
        let mut log = Log { entries: Vec::new(), ending: None, header };
        let mut cursor = Cursor::new(octets, at);
        let mut now = log.header.began;
        loop {
            let tag = match cursor.octet() {
                Ok(END) => break,
                Ok(tag) => tag,
                Err(fault) => return Ok((log, Some(fault))),
            };
            match entry::entry(tag, &mut cursor, now) {
                Ok(entry) => {
                    if let Entry::Brought(then, _) = entry {
                        now = then;
                    }
                    log.entries.push(entry);
                }
                Err(fault) => return Ok((log, Some(fault))),
            }
        }
        let fault = Log::end(octets, &mut cursor).map(|ending| log.ending = Some(ending)).err();
        Ok((log, fault))
    }

    fn end(octets: &[u8], cursor: &mut Cursor<'_>) -> Result<Ending, LogFault> {
        let ending = entry::ending(cursor)?;
        let mut print = Print::default();
        print.add(octets[..cursor.at()].iter().copied());
        if cursor.print()? != print.value() {
            return Err(cursor.fault(LogFaultKind::Damaged));
        }
        if !cursor.is_at_end() {
            return Err(cursor.fault(LogFaultKind::Surplus));
        }
        Ok(ending)
    }
}
