//! An operator tries policies: `policy test`, `-i -T`, `policy diff`, and `explain` of what a client was told.

use crate::server::{PROGRAM, Server, output, postoffice, refusal};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The options that name an empty configuration, so that none of this machine counts.
fn plain(policy: &str) -> [String; 2] {
    let path = Path::new(policy).with_file_name("empty.conf");
    std::fs::write(&path, "").expect("a place to write");
    ["-C".into(), path.to_str().expect("text").into()]
}

/// Nobody answers there: what hangs on names is not known.
const NO_NAMES: &str = "resolver 127.0.0.1:1";

const OLD: &str = "\
. relaytarget -
_ours localdomain + relaytarget +
[192.0.2.0]/24 relaycustnet +
[192.0.2.66]/32 message \"quarantined\" rejectnet +
[203.0.113.0]/24 freezenet +
home.example = _ours
asks.example acceptifmx -
bad@ message \"not you\" rejectsource +
";

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a place to write");
    path.to_str().expect("text").to_owned()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).expect("text")
}

/// `policy test` with this policy.
fn judged(policy: &str, words: &[&str]) -> Output {
    let [option, file] = plain(policy);
    let head = ["policy", "test", &option, &file, "--policy", policy, "--param", NO_NAMES];
    output(&[&head[..], words].concat())
}

#[test]
fn a_policy_is_tried_before_clients_meet_it() {
    let folder = postoffice();
    let policy = write(folder.path(), "p.src", OLD);
    let accepted =
        judged(&policy, &["--from-ip", "198.51.100.7", "--mail", "a@b.example", "--rcpt", "u@home.example"]);
    let page = text(&accepted.stdout);
    assert_eq!(accepted.status.code(), Some(0), "{page}");
    assert!(page.contains("RCPT TO:<u@home.example>\n  accepted\n"), "{page}");
    assert!(
        page.contains(&format!("  - home.example ({policy}:6) = _ours ({policy}:2) relaytarget +\n")),
        "{page}"
    );

    let words = [
        "--from-ip",
        "[198.51.100.7]",
        "--helo",
        "mx",
        "--mail",
        "<>",
        "--rcpt",
        "u@far.example",
        "postmaster",
    ];
    let refused = judged(&policy, &words);
    let page = text(&refused.stdout);
    assert_eq!(refused.status.code(), Some(1), "{page}");
    assert!(
        page.contains("RCPT TO:<u@far.example>\n  refused (recipient-refused)\n    550 5.7.1 "),
        "{page}"
    );
    assert!(page.contains(&format!("  - . ({policy}:1) relaytarget -\n")), "{page}");
    assert!(
        page.contains("RCPT TO:<postmaster>\n  accepted"),
        "it goes on behind a refused recipient: {page}"
    );

    let json = judged(&policy, &["--from-ip", "192.0.2.66", "--mail", "a@b.example", "--json"]);
    let whole: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((json.status.code(), &whole["accepted"]), (Some(1), &Value::Bool(false)));
    let steps = whole["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 1, "nothing follows a refused connection: {whole}");
    assert_eq!((&steps[0]["verdict"], &steps[0]["why"]), (&"refused".into(), &"client-refused".into()));
    assert!(steps[0]["reply"].as_str().expect("text").ends_with("quarantined"), "{whole}");

    let frozen =
        judged(&policy, &["--from-ip", "203.0.113.5", "--mail", "a@b.example", "--rcpt", "u@home.example"]);
    assert!(text(&frozen.stdout).contains("accepted, and the message is frozen"));
    // The same from a compiled policy, its names those of the sources.
    write(folder.path(), "smtp-policy.src", OLD);
    let built = output(&["policy", "build", "-d", folder.path().to_str().expect("text")]);
    assert!(built.status.success(), "{built:?}");
    let compiled = folder.path().join("smtp-policy.compiled");
    let compiled = judged(compiled.to_str().expect("text"), &["--from-ip", "192.0.2.66"]);
    assert!(
        text(&compiled.stdout).contains("[192.0.2.66]/32 (smtp-policy.src:4) rejectnet +"),
        "{compiled:?}"
    );
}

#[test]
fn what_is_not_fit_is_said_before_anything_is_judged() {
    let folder = postoffice();
    let policy = write(folder.path(), "p.src", OLD);
    let bad = write(folder.path(), "bad.src", ". relaytarget -\nx rejectnat +\n");
    let [option, file] = plain(&policy);
    let head = ["policy", "test", &option, &file, "--from-ip"];
    let tries = |words: &[&str]| refusal(&[&head[..], words].concat());
    assert!(tries(&["somewhere"]).contains("192.0.2.1"));
    assert!(tries(&["192.0.2.1", "--policy", &policy, "--mail", "a b"]).contains("--mail"));
    assert!(tries(&["192.0.2.1", "--policy", &policy, "--mail", "a@b.c", "--rcpt", "<>"]).contains("--rcpt"));
    assert!(tries(&["192.0.2.1", "--policy", &bad]).contains("bad.src:2:3: there is no attribute"));
    assert!(tries(&["192.0.2.1", "--policy", "/no/such/file"]).contains("/no/such/file"));
    assert!(tries(&["192.0.2.1", "--policy", &policy, "--rcpt", "a@b.c"]).contains("--mail"));
}

/// Speaks to `-i -T` as a person does; gives what was said to him, and the exit code.
fn spoken(policy: &str, address: &str, more: &[&str], words: &str) -> (String, Option<i32>) {
    let head = ["--param", NO_NAMES, "-i", "-T", address, "--param"];
    let db = format!("policydb text {policy}");
    let mut child = Command::new(PROGRAM)
        .args(plain(policy))
        .args(head)
        .arg(db)
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(words.as_bytes()).expect("it listens");
    let output = child.wait_with_output().expect("it ends");
    (text(&output.stdout), output.status.code())
}

#[test]
fn a_person_speaks_as_if_from_elsewhere() {
    let folder = postoffice();
    let policy = write(folder.path(), "p.src", OLD);
    let words = "EHLO foo\nMAIL FROM:<>\nRCPT TO:<u@home.example>\nRCPT TO:<u@far.example>\n\
                 DATA\nSubject: x\n\ntext\n.\nQUIT\n";
    let (said, code) = spoken(&policy, "[198.51.100.7]", &["-d", "1"], words);
    assert_eq!(code, Some(0), "{said}");
    let reasons = said.find("000- address: no key").expect("a reason");
    assert!(reasons < said.find("220 ").expect("a greeting"), "{said}");
    assert!(said.contains(&format!("000- . ({policy}:1) relaytarget -\n")), "{said}");
    // Each answer stands behind its own reasons, though all was said at once.
    let at = |words: &str| said.find(words).unwrap_or_else(|| panic!("{words}: {said}"));
    assert!(at("250 2.1.5 ") < at(&format!("000- . ({policy}:1) relaytarget -\n")), "{said}");
    assert!(said.contains("354 ") && said.contains("\r\n4"), "no message is taken: {said}");
    let (said, _) = spoken(&policy, "[192.0.2.66]", &[], "EHLO foo\r\nQUIT\r\n");
    assert!(said.starts_with("554 ") && said.contains("quarantined") && !said.contains("000-"), "{said}");
    let (said, _) = spoken(&policy, "[192.0.2.7]", &[], "EHLO foo\r\nQUIT\r\n");
    assert!(said.starts_with("220 ") && said.contains("\r\n221 "), "{said}");
}

#[test]
fn recordings_say_what_another_policy_would_change() {
    let folder = postoffice();
    let old = write(folder.path(), "old.src", &OLD.replace("192.0.2.0", "127.0.0.0"));
    let new = format!("{}[127.0.0.1]/32 filtering -\nfar.example relaytarget -\n", OLD);
    let new = write(folder.path(), "new.src", &new.replace("home.example =", "house.example ="));
    let recordings = folder.path().join("recordings");
    let spool = postoffice();
    let db = format!("policydb text {old}");
    let recordings = recordings.to_str().expect("text");
    let log = write(folder.path(), "events.log", "");
    let more = [
        "--param",
        &db,
        "--param",
        NO_NAMES,
        "--param",
        "explain-token",
        "--record",
        recordings,
        "--log-file",
        &log,
    ];
    let mut server = Server::start(spool.path(), &more);
    let mut client = server.session();
    for (command, code) in [
        ("MAIL FROM:<a@b.example>", 250),
        ("RCPT TO:<u@home.example>", 250),
        ("RCPT TO:<u@asks.example>", 450),
        ("RSET", 250),
        ("MAIL FROM:<bad@b.example>", 553),
    ] {
        assert_eq!(client.ask(command).code, code, "{command}");
    }
    assert_eq!(client.ask("QUIT").code, 221);
    server.signal("TERM");
    assert!(server.end().success());

    let diff = |one: &str, other: &str| {
        let [option, file] = plain(one);
        output(&["policy", "diff", &option, &file, one, other, "--recordings", recordings, "--json"])
    };
    let same: Value = serde_json::from_slice(&diff(&old, &old).stdout).expect("JSON");
    let said = |whole: &Value| -> Vec<(String, String, String)> {
        let changes = whole["changes"].as_array().expect("a list").clone();
        let word = |change: &Value, key: &str| change[key]["verdict"].as_str().expect("a word").to_owned();
        let said = |change: &Value| change["said"].as_str().expect("text").to_owned();
        changes.iter().map(|change| (said(change), word(change, "old"), word(change, "new"))).collect()
    };
    let line = |said: &str, old: &str, new: &str| (said.to_owned(), old.to_owned(), new.to_owned());
    assert_eq!(said(&same), [line("RCPT TO:<u@asks.example>", "unknown", "unknown")], "{same}");
    let changed = diff(&old, &new);
    assert_eq!(changed.status.code(), Some(1));
    let whole: Value = serde_json::from_slice(&changed.stdout).expect("JSON");
    assert_eq!(
        said(&whole),
        [
            line("RCPT TO:<u@home.example>", "accepted", "refused"),
            line("RCPT TO:<u@asks.example>", "unknown", "unknown"),
        ],
        "{whole}"
    );
    assert_eq!(whole["changes"][0]["reasons"].as_array().map(Vec::len), Some(2), "{whole}");
    let empty = folder.path().join("none");
    std::fs::create_dir(&empty).expect("made");
    let line = refusal(&["policy", "diff", &old, &new, "--recordings", empty.to_str().expect("text")]);
    assert!(line.contains("there is no recording"), "{line}");

    // The refusal showed a token, under which the log tells why.
    let events = std::fs::read_to_string(&log).expect("a log");
    let explained = events.lines().find(|line| line.contains("bad@ (")).expect("explained");
    let token = explained.split("token=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a token");
    let output = output(&["explain", &format!("[{token}]"), &log]);
    let page = text(&output.stdout);
    assert!(page.contains("  - refused: MAIL FROM:<bad@b.example>\n"), "{page}");
    assert!(
        output.status.success() && page.contains(&format!("  - bad@ ({old}:8) rejectsource +\n")),
        "{page}"
    );
}

#[test]
fn a_client_whom_a_proxy_tells_is_judged_as_itself() {
    let folder = postoffice();
    let old = write(folder.path(), "old", OLD);
    let new = write(
        folder.path(),
        "new",
        &OLD.replace("[203.0.113.0]/24 freezenet +", "[203.0.113.0]/24 rejectnet +"),
    );
    let recordings = folder.path().join("recordings");
    std::fs::create_dir(&recordings).expect("made");
    let recordings = recordings.to_str().expect("text");
    let spool = postoffice();
    let policy = format!("policydb text {old}");
    let options = ["--record", recordings, "--param", &policy, "--param", "xclient-from 127.0.0.0/8"];
    let mut server = Server::start(spool.path(), &options);
    let mut client = server.session();
    assert_eq!(client.ask("XCLIENT ADDR=203.0.113.5").code, 220);
    assert_eq!(client.ask("EHLO c.example").code, 250);
    assert_eq!(client.ask("MAIL FROM:<ann@c.example>").code, 250);
    assert_eq!(client.ask("QUIT").code, 221);
    server.signal("TERM");
    assert!(server.end().success());
    let [option, file] = plain(&old);
    let words = ["policy", "diff", &option, &file, &old, &new, "--recordings", recordings, "--json"];
    let whole: Value = serde_json::from_slice(&output(&words).stdout).expect("JSON");
    let changes = whole["changes"].as_array().expect("a list");
    assert_eq!(changes[0]["said"], "connect from [203.0.113.5]", "{whole}");
    assert_eq!(
        (&changes[0]["old"]["verdict"], &changes[0]["new"]["verdict"]),
        (&"accepted".into(), &"refused".into())
    );
    assert_eq!(changes.len(), 2, "and then its sender is not reached: {whole}");
}

#[test]
fn the_sample_of_the_manual_does_what_it_says() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../man/smtpserver.8"))
        .expect("the manual page");
    let (_, behind) = page.split_once(".SH POLICY").expect("a section");
    let (_, behind) = behind.split_once(".nf\n").expect("a sample");
    let (sample, _) = behind.split_once(".fi\n").expect("its end");
    let folder = postoffice();
    let policy = write(folder.path(), "p.src", &sample.replace("\\&", "").replace("\\-", "-"));
    let verdicts = |client: &str| {
        let words = ["--from-ip", client, "--mail", "ann@home.example", "--rcpt"];
        let to = ["x@far.example", "bob@home.example", "boss@home.example"];
        let page = text(&judged(&policy, &[&words[..], &to].concat()).stdout);
        let replies = page.split("RCPT TO:").skip(1).map(|part| part.contains("  accepted\n"));
        (replies.collect::<Vec<_>>(), page)
    };
    // With nobody who knows names, it is not known whether the domain exists; that it may be asked is the right.
    let (accepted, page) = verdicts("192.0.2.9");
    assert_eq!(accepted, [false, true, false], "{page}");
    assert!(page.contains("450 4.4.3") && page.contains("Write to the office"), "{page}");
    let (accepted, page) = verdicts("198.51.100.7");
    assert_eq!(accepted, [false, true, false], "{page}");
    assert!(!page.contains("450 ") && page.contains("no rule admits it"), "{page}");
}
