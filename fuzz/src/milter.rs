//! What a milter says, in any pieces, at any stage: the conversation ends, and nothing that it wants written breaks out of
//! its field, its line or its reply; and what it wants changed is changed in a file that is still one.

use crate::{choice, pieces};
use smtpserver_core::limits::MILTER_MESSAGE_MAX;
use smtpserver_core::now::Instant;
use smtpserver_core::spool::{DraftPath, Editor, FieldChange, Revision};
use smtpserver_core::subserver::milter::{
    Change, Facts, Input, Outcome, Output, Reply, Talk, encode_change, reply,
};

const HEAD: &str = "from <a@x>\ntodsn NOTIFY=a\nto <b@y>\nenv-end\nReceived: us\n";
const TEXT: &str = "Subject: hi\nTo: b@y,\n\td@y\n\nline\n.dot\n";

/// Its first octet says in what pieces the rest comes, its second how many stages are passed before that.
pub fn milter(data: &[u8]) {
    let (most, data) = choice(data);
    let (passed, said) = choice(data);
    let file = format!("{HEAD}{TEXT}").into_bytes();
    let text_at = u64::try_from(HEAD.len()).expect("it is short");
    let facts = Facts {
        milter: 0,
        draft: DraftPath::new("public/1").expect("it is short"),
        text_at,
        client: ([192, 0, 2, 7], 25).into(),
        hello: "c.example".into(),
        sender: "a@x".into(),
        macros: Vec::new(),
    };
    let mut talk = Talk::new(Instant::ZERO, facts, None);
    let mut done = None;
    let mut bring = |input: Input<'_>, now: Instant| {
        talk.handle(now, input);
        while let Some(output) = talk.poll() {
            match output {
                Output::Say(octets) => assert!(!octets.is_empty()),
                Output::Read(from, most) => {
                    let from = usize::try_from(from).expect("it is short").min(file.len());
                    let piece: Vec<u8> = file[from..].iter().copied().take(most).collect();
                    talk.handle(now, Input::Piece(Some(&piece)));
                }
                Output::Done(outcome) => assert!(done.replace(outcome).is_none(), "done twice"),
            }
        }
    };
    bring(Input::Connected, Instant::ZERO);
    bring(Input::Said(b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\0"), Instant::ZERO);
    for _ in 0..passed % 12 {
        bring(Input::Said(b"\0\0\0\x01c"), Instant::ZERO);
    }
    for piece in pieces(said, most) {
        bring(Input::Said(piece), Instant::ZERO);
    }
    bring(Input::Tick, Instant::ZERO + MILTER_MESSAGE_MAX);
    match done.expect("a conversation ends") {
        Ok(Outcome::Taken(changes)) => check(&changes, text_at, &file),
        Ok(Outcome::Refused(words)) => assert!(words.refuses() && !words.accepts()),
        Ok(Outcome::Discarded) | Err(_) => {}
    }
}

fn check(changes: &[Change], text_at: u64, file: &[u8]) {
    let mut revision = Revision { text_at, ..Revision::default() };
    for change in changes {
        if let Change::AddField(_, value)
        | Change::InsertField(_, _, value)
        | Change::ChangeField(_, _, value) = change
        {
            assert!(value.split('\n').skip(1).all(|line| line.starts_with([' ', '\t'])), "{value:?}");
        }
        match change.clone() {
            Change::AddField(name, value) => revision.fields.push(FieldChange::Add(name, value)),
            Change::InsertField(at, name, value) => {
                revision.fields.push(FieldChange::Insert(at, name, value))
            }
            Change::ChangeField(at, name, value) => {
                revision.fields.push(FieldChange::Change(at, name, value))
            }
            Change::DropRecipient(address) => revision.dropped.push(address),
            Change::AddRecipient(_) | Change::Sender(_) | Change::Quarantine => {}
        }
        let octets = encode_change(change);
        assert!(
            matches!(reply(octets[4], &octets[5..]), Some(Reply::Change(_))),
            "it can be said again: {change:?}"
        );
    }
    let (mut editor, mut out) = (Editor::new(&revision), Vec::new());
    if editor.read(file, &mut out).and_then(|()| editor.end(&mut out)).is_ok() {
        assert!(out.ends_with(b"\n\nline\n.dot\n"), "the body is as it was");
    }
}
