//! The ring of files, and what becomes of recordings that come faster than they leave.

use super::*;
use std::fs;

fn session(serial: u64) -> SessionId {
    SessionId { began: 16, serial }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[test]
fn whole_recordings_go_before_those_under_way() {
    let place = tempfile::tempdir().expect("a folder");
    let mut ring = Ring::open(place.path(), 100).expect("open");
    ring.write(session(1), &[1; 30]);
    ring.write(session(2), &[2; 30]);
    ring.finish(session(2));
    ring.write(session(3), &[3; 30]);
    ring.write(session(1), &[1; 30]);
    assert_eq!(names(place.path()), ["10-1.smtprec", "10-3.smtprec"]);
    // Nothing is left to go, so the newcomer does.
    ring.write(session(4), &[4; 30]);
    ring.write(session(4), &[4; 1]);
    ring.finish(session(4));
    assert_eq!(names(place.path()), ["10-1.smtprec", "10-3.smtprec"]);
    ring.finish(session(1));
    assert_eq!(fs::read(place.path().join("10-1.smtprec")).expect("a file"), [1; 60]);
    // What was there before counts, too.
    let mut ring = Ring::open(place.path(), 100).expect("open");
    ring.write(session(5), &[5; 50]);
    assert_eq!(names(place.path()), ["10-3.smtprec", "10-5.smtprec"]);
}

#[test]
fn a_recording_of_the_same_name_is_never_overwritten() {
    let place = tempfile::tempdir().expect("a folder");
    fs::write(place.path().join("10-1.smtprec"), b"old").expect("written");
    let mut ring = Ring::open(place.path(), 100).expect("open");
    ring.write(session(1), b"new");
    ring.write(session(1), b"more");
    ring.finish(session(1));
    assert_eq!(fs::read(place.path().join("10-1.smtprec")).expect("a file"), b"old");
}

#[test]
fn what_comes_too_fast_spoils_only_its_own_session() {
    let place = tempfile::tempdir().expect("a folder");
    let wish = Wish { folder: place.path().to_path_buf(), octets_max: 100 << 20, keep: Keep::Shape };
    let recorder = Recorder::start(&wish).expect("a thread");
    let add = |serial, octets, last| recorder.add(Piece { session: session(serial), octets, last });
    add(1, vec![1; 10], true);
    // More than may ever wait, so that it does not matter how fast the writer is.
    add(2, vec![2; 10], false);
    add(2, vec![2; WAITING_MAX + 1], false);
    add(2, vec![2; 10], true);
    add(3, vec![3; 10], true);
    recorder.flush(Duration::from_secs(60));
    assert_eq!(names(place.path()), ["10-1.smtprec", "10-3.smtprec"]);
    assert!(recorder.shared.lock().spoiled.is_empty());
}

#[test]
fn only_our_own_names_are_recordings() {
    assert!(is_recording(Path::new("/x/6a1f-2.smtprec")) && is_recording(Path::new(&file_name(session(1)))));
    for name in ["/x/-2.smtprec", "/x/a-b.txt", "/x/xyz-1.smtprec", "/x/a.smtprec", "/x/a-1-2.smtprec"] {
        assert!(!is_recording(Path::new(name)), "{name}");
    }
}
