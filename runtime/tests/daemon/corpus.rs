//! Real messages, when the folder with test data is there: `SMTPSERVER_TEST_DATA`, by default `../shared` beside the
//! project.

use crate::server::{Server, postoffice, spool};
use std::path::{Path, PathBuf};

#[test]
fn real_messages_are_stored_as_they_were_sent() {
    let folder = folder().join("corpus/mail");
    if !folder.is_dir() {
        return crate::skipped(&format!("there is no {}", folder.display()));
    }
    let files = messages(&folder);
    assert_eq!(files.len(), 394, "messages in {}", folder.display());
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &[]);
    let mut client = server.session();
    let (mut stored, mut refused) = (0, 0);
    for (index, path) in files.iter().enumerate() {
        let raw = std::fs::read(path).expect("readable");
        let whole = with_crlf(&raw);
        for message in [&raw, &whole] {
            let mut message = message.clone();
            if !message.ends_with(b"\r\n") {
                message.extend_from_slice(b"\r\n");
            }
            let size = [997, 4099, 65_537][index % 3];
            for reply in [client.data(&message), client.bdat(&message, size, " BODY=8BITMIME")] {
                if is_clean(&message) {
                    let stored = spool(&postoffice).stored(&reply.id());
                    assert!(stored.as_sent() == message, "{} was changed", path.display());
                } else {
                    assert_eq!(reply.code, 550, "{}: {reply:?}", path.display());
                }
            }
            if is_clean(&message) {
                stored += 2;
            } else {
                refused += 2;
                assert_eq!(client.ask("RSET").code, 250);
            }
        }
    }
    assert_eq!(spool(&postoffice).all().len(), stored, "{refused} were refused");
    assert!(stored > 394 && refused > 394, "{stored} stored, {refused} refused");
}

/// The folder with test data.
fn folder() -> PathBuf {
    std::env::var_os("SMTPSERVER_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from)
}

fn messages(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for path in crate::spool::files(folder) {
        if path.is_dir() {
            all.extend(messages(&path));
        } else if path.extension().is_some_and(|extension| extension == "eml") {
            all.push(path);
        }
    }
    all.sort();
    all
}

/// Every bare LF made a CRLF.
fn with_crlf(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 32);
    for (index, octet) in raw.iter().enumerate() {
        if *octet == b'\n' && (index == 0 || raw[index - 1] != b'\r') {
            out.push(b'\r');
        }
        out.push(*octet);
    }
    out
}

/// Whether CR and LF come in pairs only, and there is no NUL.
fn is_clean(message: &[u8]) -> bool {
    let pairs = message.windows(2).filter(|pair| pair == b"\r\n").count();
    let count = |octet| message.iter().filter(|other| **other == octet).count();
    count(b'\r') == pairs && count(b'\n') == pairs && count(0) == 0
}
