//! What goes over the line between the network process and the host of helpers: what it is, of which trade and helper, how
//! many octets, and these.

use crate::limits::HELPER_FRAME_OCTETS_MAX;
use smtpserver_core::subserver::{HelperId, Trade};
use std::io::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Octets before those of the frame itself.
const HEAD: usize = 14;

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// To the host: start a helper.
    Start,
    /// To the host: tell it these octets.
    Say,
    /// To the host: close its input.
    LetGo,
    /// To the host: end it.
    End,
    /// From the host: it said these octets.
    Said,
    /// From the host: it has ended, or could not be started.
    Ended,
    /// From the host: it said these octets to an operator.
    Complained,
    /// From the host: its program is another one now.
    Renewed,
}

const KINDS: [Kind; 8] = [
    Kind::Start,
    Kind::Say,
    Kind::LetGo,
    Kind::End,
    Kind::Said,
    Kind::Ended,
    Kind::Complained,
    Kind::Renewed,
];
const TRADES: [Trade; 2] = [Trade::Router, Trade::Filter];

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) trade: Trade,
    pub(super) helper: HelperId,
    pub(super) octets: Vec<u8>,
}

impl Frame {
    pub(super) fn new(kind: Kind, trade: Trade, helper: HelperId, octets: Vec<u8>) -> Frame {
        Frame { kind, trade, helper, octets }
    }

    /// As it goes over the line.
    pub(super) fn encode(&self) -> Vec<u8> {
        let place = |found: Option<usize>| u8::try_from(found.unwrap_or_default()).expect("tables are short");
        let mut out = Vec::with_capacity(HEAD + self.octets.len());
        out.push(place(KINDS.iter().position(|kind| *kind == self.kind)));
        out.push(place(TRADES.iter().position(|trade| *trade == self.trade)));
        out.extend_from_slice(&self.helper.0.to_be_bytes());
        let length = u32::try_from(self.octets.len()).expect("a line of a helper is short");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.octets);
        out
    }

    /// The next frame; nothing at the end of the line.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Frame>> {
        let mut head = [0; HEAD];
        if stream.read(&mut head[..1]).await? == 0 {
            return Ok(None);
        }
        stream.read_exact(&mut head[1..]).await?;
        let [kind, trade, rest @ ..] = head;
        let (number, length) = rest.split_first_chunk::<8>().expect("there are twelve octets");
        let length = length.first_chunk::<4>().expect("there are four left");
        let nonsense = || Error::new(ErrorKind::InvalidData, "a frame that is none");
        let kind = *KINDS.get(usize::from(kind)).ok_or_else(nonsense)?;
        let trade = *TRADES.get(usize::from(trade)).ok_or_else(nonsense)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| nonsense())?;
        if length > HELPER_FRAME_OCTETS_MAX {
            return Err(nonsense());
        }
        let mut octets = vec![0; length];
        stream.read_exact(&mut octets).await?;
        Ok(Some(Frame { kind, trade, helper: HelperId(u64::from_be_bytes(*number)), octets }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_said_is_heard_and_nonsense_is_an_error() {
        for kind in KINDS {
            for trade in TRADES {
                let frame = Frame::new(kind, trade, HelperId(1 << 40), b"public/x\n".to_vec());
                let octets = frame.encode();
                let mut line = &octets[..];
                assert_eq!(Frame::read(&mut line).await.expect("whole"), Some(frame));
                assert_eq!(Frame::read(&mut line).await.expect("the end"), None);
                for cut in 1..octets.len() {
                    assert!(Frame::read(&mut &octets[..cut]).await.is_err(), "cut at {cut}");
                }
            }
        }
        for (at, octet) in [(0, 99), (1, 2), (10, 1)] {
            let mut octets = Frame::new(Kind::Say, Trade::Filter, HelperId(1), vec![0; 10]).encode();
            octets[at] = octet;
            assert!(Frame::read(&mut &octets[..]).await.is_err());
        }
    }
}
