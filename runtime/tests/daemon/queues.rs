//! Messages in other directories than `router`, as the ZENV file has them: they are listed, shown, and let go there.

use crate::server::{Server, output, postoffice};
use std::path::Path;

fn told(words: &[&str]) -> String {
    let output = output(words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn send(server: &Server) -> String {
    let mut client = server.session();
    for (line, code) in
        [("MAIL FROM:<ann@c.example>", 250), ("RCPT TO:<bob@local.example>", 250), ("DATA", 354)]
    {
        assert_eq!(client.ask(line).code, code, "{line}");
    }
    client.send(b"Subject: x\r\n\r\nhello\r\n");
    let reply = client.ask(".");
    assert_eq!(reply.code, 250);
    reply.id()
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder)
        .expect("a folder")
        .filter(|entry| entry.as_ref().is_ok_and(|e| e.path().is_file()))
        .count()
}

#[test]
fn the_queue_is_where_the_variables_have_it() {
    for (zenv, queue) in [
        ("ROUTEDIRHASH=1\n", "router"),
        ("INPUTDIRS=scan\nINPUTDIRHASH=1\n", "scan"),
        ("INPUTDIRS=scan\n", "scan"),
    ] {
        let folder = postoffice();
        let place = folder.path().to_str().expect("text");
        let path = folder.path().join("zmailer.conf");
        std::fs::write(&path, zenv).expect("written");
        std::fs::create_dir(folder.path().join("scan")).expect("made");
        let options = ["-P", place, "-Z", path.to_str().expect("text")];
        let server = Server::start(folder.path(), &options[2..]);
        let id = send(&server);
        let spool = |words: &[&str]| told(&[&["spool"], words, &options[..]].concat());
        assert!(spool(&["list"]).contains("<ann@c.example>"), "{zenv}");
        assert!(spool(&["show", &id]).ends_with("\nhello\n"), "{zenv}");
        // As if it had been frozen.
        let line = spool(&["list", "--json"]);
        let file = serde_json::from_str::<serde_json::Value>(&line).expect("JSON")["file"].clone();
        let file = Path::new(file.as_str().expect("text")).to_path_buf();
        assert!(file.starts_with(folder.path().join(queue)), "{zenv}");
        assert_eq!(file.parent() == Some(&folder.path().join(queue)), !zenv.contains("HASH"), "{zenv}");
        let name = file.file_name().expect("a name").to_str().expect("text").to_owned();
        std::fs::rename(&file, folder.path().join("freezer").join(name + "policy-1")).expect("frozen");
        assert!(!spool(&["list"]).contains("<ann@c.example>"), "{zenv}");
        told(&[&["freezer", "release", &id], &options[..]].concat());
        assert!(file.exists() && files(&folder.path().join("freezer")) == 0, "{zenv}");
    }
}
