//! TLS in a log: the settings of it that a session looks at, and what came of a handshake. The channel binding is left
//! out: only that there was one is written down.

use super::fault::{LogFault, LogFaultKind};
use super::octets::{Cursor, put_length, put_number};
use crate::config::Settings;
use crate::config::choices::{ReceivedParts, Tls};
use crate::limits::{TLS_NAMES_MAX, TLS_TEXT_MAX};
use crate::tls::{ChannelBinding, ClientCertificate, Distrust, HandshakeFault, TlsFacts, TlsVersion};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const VERSIONS: [TlsVersion; 2] = [TlsVersion::V1_2, TlsVersion::V1_3];
const TRUSTS: [Result<(), Distrust>; 6] = [
    Ok(()),
    Err(Distrust::UnknownIssuer),
    Err(Distrust::OutOfTime),
    Err(Distrust::WrongPurpose),
    Err(Distrust::TooDeep),
    Err(Distrust::Unfit),
];

/// What a session looks at.
pub(super) fn seen_by_a_session(tls: &Tls) -> Tls {
    let Tls { offered, first, require_client, enforced, outlook_bug, .. } = *tls;
    Tls { offered, first, require_client, enforced, outlook_bug, ..Settings::new("").tls }
}

/// The parts of our trace field that a session writes.
pub(super) fn received(parts: ReceivedParts) -> ReceivedParts {
    let ReceivedParts { none, tls_mode, tls_peer, .. } = parts;
    ReceivedParts { none, tls_mode, tls_peer, ..ReceivedParts::default() }
}

/// What is not the default, as lines `NAME VALUE`. That a connection begins with a handshake is no parameter.
pub(super) fn lines(lines: &mut Vec<String>, settings: &Settings) {
    let (tls, received) = (&settings.tls, settings.received);
    for (line, on) in [
        ("use-tls", tls.offered),
        ("tls-enforce-tls 1", tls.enforced),
        ("tls-require-cert 1", tls.require_client),
        ("outlook-tls-bug", tls.outlook_bug),
        ("no-received-header", received.none),
        ("rcvd-tls-mode", received.tls_mode),
        ("rcvd-tls-peer", received.tls_peer),
    ] {
        if on {
            lines.push(line.to_string());
        }
    }
}

pub(super) fn put_facts(out: &mut Vec<u8>, facts: &TlsFacts) {
    let TlsFacts { version, cipher, bits, server_name, resumed, binding, certificate } = facts;
    out.push(u8::from(*version == TlsVersion::V1_3));
    put_text(out, cipher);
    put_number(out, (*bits).into());
    put_flag(out, server_name.is_some());
    put_text(out, server_name.as_deref().unwrap_or_default());
    put_flag(out, *resumed);
    put_flag(out, binding.is_some());
    put_flag(out, certificate.is_some());
    if let Some(ClientCertificate { subject, names, fingerprint, trust }) = certificate {
        put_text(out, subject);
        put_length(out, names.len().min(TLS_NAMES_MAX));
        names.iter().take(TLS_NAMES_MAX).for_each(|name| put_text(out, name));
        out.extend_from_slice(fingerprint);
        let place = TRUSTS.iter().position(|own| own == trust).expect("every trust stands in the table");
        out.push(u8::try_from(place).expect("a short table"));
    }
}

pub(super) fn facts(cursor: &mut Cursor<'_>) -> Result<TlsFacts, LogFault> {
    let version = VERSIONS[usize::from(flag(cursor)?)];
    let cipher = text(cursor)?;
    let bits = u16::try_from(cursor.number()?)
        .map_err(|_| cursor.fault(LogFaultKind::Unfit("a key of too many bits")))?;
    let named = flag(cursor)?;
    let server_name = Some(text(cursor)?).filter(|_| named);
    let resumed = flag(cursor)?;
    let binding = flag(cursor)?.then_some(ChannelBinding([0; 32]));
    let certificate = if flag(cursor)? { Some(certificate(cursor)?) } else { None };
    Ok(TlsFacts { version, cipher, bits, server_name, resumed, binding, certificate })
}

fn certificate(cursor: &mut Cursor<'_>) -> Result<ClientCertificate, LogFault> {
    let subject = text(cursor)?;
    let count = cursor.number_in_memory()?;
    if count > TLS_NAMES_MAX {
        return Err(cursor.fault(LogFaultKind::Unfit("too many names of a certificate")));
    }
    let names = (0..count).map(|_| text(cursor)).collect::<Result<_, _>>()?;
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(cursor.take(32)?);
    let trust = TRUSTS.get(usize::from(cursor.octet()?)).copied();
    let trust = trust.ok_or_else(|| cursor.fault(LogFaultKind::Unfit("an unknown trust")))?;
    Ok(ClientCertificate { subject, names, fingerprint, trust })
}

pub(super) fn put_fault(out: &mut Vec<u8>, fault: HandshakeFault) {
    let place = HandshakeFault::ALL.iter().position(|own| *own == fault);
    out.push(place.and_then(|place| u8::try_from(place).ok()).expect("every fault stands in the table"));
}

pub(super) fn fault(cursor: &mut Cursor<'_>) -> Result<HandshakeFault, LogFault> {
    let fault = HandshakeFault::ALL.get(usize::from(cursor.octet()?)).copied();
    fault.ok_or_else(|| cursor.fault(LogFaultKind::Unfit("an unknown fault of a handshake")))
}

fn put_flag(out: &mut Vec<u8>, on: bool) {
    out.push(on.into());
}

fn flag(cursor: &mut Cursor<'_>) -> Result<bool, LogFault> {
    match cursor.octet()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(cursor.fault(LogFaultKind::Unfit("neither yes nor no"))),
    }
}

/// A text, cut where it is too long: it stands for itself in outputs, and none that the hands bring is.
fn put_text(out: &mut Vec<u8>, text: &str) {
    let end = text.floor_char_boundary(TLS_TEXT_MAX);
    put_length(out, end);
    out.extend_from_slice(&text.as_bytes()[..end]);
}

fn text(cursor: &mut Cursor<'_>) -> Result<String, LogFault> {
    let octets = cursor.string(TLS_TEXT_MAX)?;
    let text = core::str::from_utf8(octets).map_err(|_| cursor.fault(LogFaultKind::Unfit("no text")))?;
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_as_they_were_written() {
        let plain = TlsFacts {
            version: TlsVersion::V1_3,
            cipher: "TLS_AES_256_GCM_SHA384".into(),
            bits: 256,
            server_name: None,
            resumed: true,
            binding: None,
            certificate: None,
        };
        let certificate = ClientCertificate {
            subject: "CN=client.example".into(),
            names: ["client.example", "ann@client.example"].map(String::from).to_vec(),
            fingerprint: [7; 32],
            trust: Err(Distrust::OutOfTime),
        };
        let whole = TlsFacts {
            version: TlsVersion::V1_2,
            server_name: Some("mx.example".into()),
            binding: Some(ChannelBinding([0; 32])),
            certificate: Some(certificate),
            ..plain.clone()
        };
        for own in [plain, whole] {
            let mut octets = Vec::new();
            put_facts(&mut octets, &own);
            let mut cursor = Cursor::new(&octets, 0);
            assert_eq!(facts(&mut cursor).expect("well-formed"), own);
            assert!(cursor.is_at_end());
        }
    }
}
