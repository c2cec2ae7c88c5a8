//! What an operator is told: by `check-config`, by `reload`, by a batch that failed, and by options that need another one.

use crate::config::Site;
use crate::server::{PROGRAM, Server, output, postoffice, refusal};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Runs a command with the site's options.
fn run(site: &Site, command: &str) -> Output {
    let mut words = vec![command.to_owned()];
    words.extend(site.args(&[]));
    output(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
}

/// The reload finds the server's socket a moment after that listens.
fn wait_for(socket: &Path) {
    for _ in 0..6_000 {
        if socket.exists() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{} does not come", socket.display());
}

fn program(path: &Path) {
    write(path, "#!/bin/sh\nwhile echo '#hungry'; read -r job; do echo '0 250 fine'; done\n");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("ours");
}

#[test]
fn what_changes_nothing_is_said_when_it_is_checked_and_when_it_starts() {
    let site = Site::new("");
    let policy = site.folder.path().join("policy");
    write(&policy, ". relaytarget - maxoutsize 5\n");
    site.write(&format!(
        "PARAM BindSmtp [127.0.0.1] 0\nPARAM sasl-mechanisms PLAIN\nPARAM tls-cert-file /no/such/file\n\
         PARAM contentfilter-maxpar 3\nPARAM policydb text {}\nPARAM localnames a.example\n",
        policy.display()
    ));
    let idle = [
        "t.conf:2:7: warning: sasl-mechanisms changes nothing here without smtp-auth",
        "t.conf:3:7: warning: tls-cert-file changes nothing here without use-tls",
        "t.conf:4:7: warning: contentfilter-maxpar changes nothing here without contentfilter",
        "t.conf:6:7: warning: localnames counts only where there is no policydb",
    ];
    let checked = run(&site, "check-config");
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    let said = text(&checked.stderr);
    for words in idle {
        assert!(said.contains(words), "{said}");
    }
    assert!(said.contains("policy:1:") && said.contains("remark: "), "what policy build says: {said}");
    let page = text(&checked.stdout);
    for line in [
        "group 1 (SMTP [127.0.0.1] port 0)\n  mail for: as a policy of 1 entry says of text ",
        "\n  TLS: none\n  AUTH: none\n  tarpit: none\n",
        "\nhelpers\n  content filter: none\n  interactive router: none\n",
    ] {
        assert!(page.contains(line), "{page}");
    }
    // The server says the same of its lines, before it listens.
    let mut command = Command::new(PROGRAM);
    command
        .args(site.args(&["--foreground"]))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().expect("a pipe")));
    let start: Vec<String> =
        lines.map_while(Result::ok).take_while(|line| !line.starts_with("listening on ")).collect();
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    for words in idle {
        assert!(start.iter().any(|line| line.contains(words)), "{start:?}");
    }
}

#[test]
fn a_compiled_policy_that_its_sources_do_not_make_is_remarked_on() {
    let site = Site::new("");
    let folder = site.folder.path().to_str().expect("text").to_owned();
    let source = site.folder.path().join("smtp-policy.src");
    write(&source, ". relaytarget -\n");
    assert!(output(&["policy", "build", "-d", &folder]).status.success());
    site.write(&format!(
        "PARAM BindSmtp [127.0.0.1] 0\nPARAM policydb compiled {folder}/smtp-policy.compiled\n"
    ));
    let said = || text(&run(&site, "check-config").stderr);
    assert!(!said().contains("smtp-policy"), "{}", said());
    write(&source, ". relaytarget -\nx.example relaytarget +\n");
    let wanted = format!(
        "is not what the sources beside it say: run smtpserver policy build -d {folder} -f smtp-policy"
    );
    assert!(said().contains(&wanted), "{}", said());
}

#[test]
fn a_reload_says_which_file_was_read_and_what_came_of_it() {
    let site = Site::new("PARAM BindSmtp [127.0.0.1] 0\n");
    let server = site.start();
    wait_for(&site.folder.path().join(".stats.smtpserver"));
    let path = site.path().display().to_string();
    site.write("PARAM BindSmtp [127.0.0.1] 0\nPARAM maxsize 5000\nPARAM tls-loglevel 1\n");
    let told = run(&site, "reload");
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    let said = text(&told.stdout);
    assert!(said.contains(&format!("{path} is fit to serve.\n")), "{said}");
    assert!(
        said.contains(&format!("has read {path}: 0 opened, 0 closed, 1 kept; listening on 127.0.0.1:")),
        "{said}"
    );
    assert!(text(&told.stderr).contains("t.conf:3:7: warning: tls-loglevel changes nothing"), "{told:?}");
    assert!(
        server.session().ask("EHLO x.example").text.contains("SIZE 5000"),
        "it holds when the command is over"
    );
    server.wait_for("tls-loglevel changes nothing here");

    // What only the server finds out.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    site.write(&format!("PARAM BindSmtp [127.0.0.1] 0\nPARAM BindSmtp [127.0.0.1] {port}\n"));
    let refused = run(&site, "reload");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said = text(&refused.stderr);
    assert!(said.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{said}");
    assert!(said.contains(&format!("refuses {path} and goes on as it was")), "{said}");

    // Another file than the server's own.
    site.write("PARAM BindSmtp [127.0.0.1] 0\n");
    let other = site.folder.path().join("other.conf");
    write(&other, "PARAM BindSmtp [127.0.0.1] 0\n");
    let (other, folder) = (other.to_str().expect("text"), site.folder.path().to_str().expect("text"));
    let told = output(&["reload", "-C", other, "-P", folder]);
    assert_eq!(told.status.code(), Some(0));
    let said = text(&told.stderr);
    assert!(said.contains(&format!("reads {path}; the file that was checked here is {other}")), "{said}");
}

#[test]
fn without_the_socket_a_reload_says_where_the_outcome_is() {
    let site = Site::new("PARAM BindSmtp [127.0.0.1] 0\nPARAM stats-socket off\n");
    let server = site.start();
    let told = run(&site, "reload");
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    assert!(text(&told.stdout).contains("what came of it is in its log"), "{told:?}");
    server.wait_for("the new configuration holds");
}

#[test]
fn helpers_that_a_reload_cannot_bring_are_spoken_of() {
    let site = Site::new("PARAM BindSmtp [127.0.0.1] 0\n");
    let (one, other) = (site.folder.path().join("one"), site.folder.path().join("other"));
    program(&one);
    program(&other);
    let server = site.start();
    wait_for(&site.folder.path().join(".stats.smtpserver"));
    let with =
        |filter: &Path| format!("PARAM BindSmtp [127.0.0.1] 0\nPARAM contentfilter {}\n", filter.display());
    site.write(&with(&one));
    let refused = run(&site, "reload");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        text(&refused.stderr).contains("t.conf:2:7: contentfilter: helpers are those of the start"),
        "{refused:?}"
    );
    drop(server);
    let server = site.start();
    wait_for(&site.folder.path().join(".stats.smtpserver"));
    site.write(&with(&other));
    let told = run(&site, "reload");
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    let words = format!(
        "contentfilter: {} is asked until a new start, and {} only then",
        one.display(),
        other.display()
    );
    assert!(text(&told.stderr).contains(&words), "{told:?}");
    server.wait_for(&words);
}

#[test]
fn a_program_for_logins_that_is_not_there_starts_nothing() {
    let site = Site::new(
        "PARAM BindSmtp [127.0.0.1] 0\nPARAM smtp-auth\nPARAM AUTH-LOGIN-also-without-TLS\nPARAM SMTP-auth-pipe /no/such/program\n",
    );
    for command in ["check-config", "--foreground"] {
        let refused = run(&site, command);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let said = text(&refused.stderr);
        assert!(said.contains("t.conf:4:7: /no/such/program: No such file"), "{said}");
    }
}

#[test]
fn a_batch_that_failed_says_where() {
    let folder = postoffice();
    let batch = "HELO x.example\nMAIL FROM:<ann@client.example>\nRCPT TO:<bob@x.example>\nDATA\nSubject: x\n\nline\n.\n\
                 RCPT TO:<late@x.example>\nFOO\nMAIL FROM:<ann@client.example> SIZE=x\n";
    for octets in [batch.to_owned(), batch.replace('\n', "\r\n")] {
        let mut command = Command::new(PROGRAM);
        command.args(["-i", "-P"]).arg(folder.path());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut input = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut input, octets.as_bytes()).expect("it listens");
        drop(input);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 4, "{said}");
        for (line, words) in lines.iter().zip([
            "smtpserver: line 9: RCPT was refused: ",
            "smtpserver: line 10: refused: ",
            "smtpserver: line 11: MAIL was refused: ",
            "smtpserver: not all of the batch was accepted",
        ]) {
            assert!(line.starts_with(words), "{said}");
        }
    }
}

#[test]
fn options_that_need_another_one_say_which() {
    assert!(refusal(&["-t"]).contains("-t is for -n"));
    assert!(refusal(&["-B", "--foreground"]).contains("-B is for -i"));
}

#[test]
fn rates_outlive_a_reload_and_are_a_successors_at_once() {
    let site = Site::new("");
    let policy = site.folder.path().join("policy");
    write(&policy, ". relaytarget +\n[0.0.0.0]/0 ratelimitmsgs 2\n");
    site.write(&format!("PARAM BindSmtp [127.0.0.1] 0\nPARAM policydb text {}\n", policy.display()));
    let mail = |server: &Server| server.session().ask("MAIL FROM:<a@b.example>").code;
    let mut first = site.start();
    assert_eq!(mail(&first), 250);
    first.signal("HUP");
    first.wait_for("the new configuration holds");
    assert_eq!(mail(&first), 250);
    assert_eq!(mail(&first), 450, "a reload forgives nobody");
    let mut command = Command::new(PROGRAM);
    let second = Server::run(command.args(site.args(&["--foreground", "--replace"])));
    assert!(first.end().success());
    assert_eq!(mail(&second), 450, "the hour of the first server is the second's");
}
