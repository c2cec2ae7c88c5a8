//! The policy in a running server with a real name server behind it: one that tells the truth, lies, and dies; and a
//! compiled policy that is replaced meanwhile.

#[path = "../resolver/name_server.rs"]
mod name_server;

use crate::client::Client;
use crate::config::Site;
use name_server::NameServer;
use std::path::Path;
use std::process::Command;

const ZONE: &str = "ok.example MX 10 mx.ok.example
    mx.ok.example A 198.51.100.9
    other.example A 198.51.100.10
    null.example MX 0 .
    servfail.example SERVFAIL
    refused.example REFUSED
    garbage.example GARBAGE
    wrongname.example WRONGNAME
    5.5.18.198.bl.example.net A 127.0.0.2
    5.5.18.198.bl.example.net TXT seen\\_sending
    6.5.18.198.bl.example.net SERVFAIL
    7.5.18.198.in-addr.arpa PTR host.dialup.example
    host.dialup.example A 198.18.5.7
    bad.example TXT v=spf1 -all
    bad.example A 198.51.100.11";

const POLICY: &str = ". = _dom
[0.0.0.0]/0 rcpt-dns-rbl bl.example.net spf +
_dom senderokwithdns + acceptifmx - test-rcpt-dns-rbl +
home.example localdomain + relaytarget + test-rcpt-dns-rbl +
.dialup.example rejectnet +
";

fn site(names: &NameServer) -> Site {
    let site = Site::new("");
    let policy = site.folder.path().join("policy");
    std::fs::write(&policy, POLICY).expect("written");
    site.write(&format!(
        "PARAM BindSmtp [127.0.0.1] 0\nPARAM policydb text {}\nPARAM resolver {}\nPARAM xclient-from 127.0.0.0/8\n\
         PARAM spf-threshold softfail\nPARAM spf-received\n",
        policy.display(),
        names.address()
    ));
    site
}

/// A client that comes, as a proxy tells, from there.
fn client(server: &crate::server::Server, address: &str) -> Client {
    let mut client = server.client();
    assert_eq!(client.ask("EHLO proxy.example").code, 250);
    assert_eq!(client.ask(&format!("XCLIENT ADDR={address}")).code, 220);
    assert_eq!(client.ask("EHLO client.example").code, 250);
    client
}

#[test]
fn verdicts_hang_on_what_a_name_server_says_and_its_lies_refuse_nobody_for_good() {
    let names = NameServer::start(ZONE);
    let site = site(&names);
    let server = site.start();
    let mut plain = client(&server, "198.18.5.9");
    for (domain, code) in [
        ("ok.example", 250),
        ("other.example", 250),
        ("nowhere.example", 553),
        ("null.example", 553),
        ("bad.example", 550),
        ("servfail.example", 450),
        ("refused.example", 450),
        ("garbage.example", 450),
        ("wrongname.example", 450),
    ] {
        let reply = plain.ask(&format!("MAIL FROM:<a@{domain}>"));
        assert_eq!(reply.code, code, "{domain}: {reply:?}");
        if code == 250 {
            assert_eq!(plain.ask("RCPT TO:<u@home.example>").code, 250);
            assert_eq!(plain.ask("RSET").code, 250);
        }
    }
    // A list that names the client, one that does not answer, and the name of an address.
    for (address, mail, rcpt) in [
        ("198.18.5.5", 250, 550),
        ("198.18.5.6", 250, 250),
        ("198.18.5.7", 550, 503),
        ("198.18.5.8", 250, 250),
    ] {
        let mut client = client(&server, address);
        assert_eq!(client.ask("MAIL FROM:<a@ok.example>").code, mail, "{address}");
        assert_eq!(client.ask("RCPT TO:<u@home.example>").code, rcpt, "{address}");
    }
    let asked = names.asked().len();
    assert!(asked > 10, "{asked}");
    // It dies. What is known stays known; everything else is for another day.
    drop(names);
    assert_eq!(plain.ask("MAIL FROM:<a@ok.example>").code, 250);
    assert_eq!(plain.ask("RSET").code, 250);
    let reply = plain.ask("MAIL FROM:<a@unasked.example>");
    assert_eq!(reply.code, 450, "{reply:?}");
    assert_eq!(plain.ask("MAIL FROM:<>").code, 250, "nothing is asked about it");
    assert_eq!(plain.ask("RCPT TO:<u@home.example>").code, 250);
}

#[test]
fn the_session_log_has_what_was_asked_and_answered() {
    let names = NameServer::start(ZONE);
    let site = site(&names);
    let log = site.folder.path().join("session.log");
    let mut server = site.start_with(&["-l", log.to_str().expect("text")]);
    let mut plain = client(&server, "198.18.5.9");
    assert_eq!(plain.ask("MAIL FROM:<a@ok.example>").code, 250);
    assert_eq!(plain.ask("RSET").code, 250);
    assert_eq!(plain.ask("MAIL FROM:<a@servfail.example>").code, 450);
    assert_eq!(plain.ask("QUIT").code, 221);
    server.signal("TERM");
    server.end();
    let log = std::fs::read_to_string(log).expect("a log");
    for line in [
        "#\tD> 9.5.18.198.bl.example.net A\n",
        "#\tD< no such name\n",
        "#\tD> ok.example MX\n",
        "#\tD< 10 mx.ok.example\n",
        "#\tD< server failure\n",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

fn build(folder: &Path, source: &str) {
    std::fs::write(folder.join("smtp-policy.src"), source).expect("written");
    std::fs::write(folder.join("localnames"), "").expect("written");
    let program = env!("CARGO_BIN_EXE_smtpserver");
    let output = Command::new(program).args(["policy", "build", "-d"]).arg(folder).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_new_compiled_policy_is_picked_up_and_a_bad_one_is_not() {
    let site = Site::new("");
    let folder = site.folder.path().join("db");
    std::fs::create_dir(&folder).expect("made");
    let source = |domain: &str| {
        format!(
            ". relaytarget -\n_localnames localdomain + relaytarget +\n_full_rights relaycustnet +\n{domain} relaytarget +\n"
        )
    };
    build(&folder, &source("one.example"));
    let compiled = folder.join("smtp-policy.compiled");
    site.write(&format!("PARAM BindSmtp [127.0.0.1] 0\nPARAM policydb compiled {}\n", compiled.display()));
    let server = site.start();
    let takes = |domain: &str| {
        let mut client = server.session();
        assert_eq!(client.ask("MAIL FROM:<a@client.example>").code, 250);
        client.ask(&format!("RCPT TO:<u@{domain}>")).code
    };
    assert_eq!((takes("one.example"), takes("two.example")), (250, 550));
    let mut old = server.session();
    build(&folder, &source("two.example"));
    server.wait_for("the new policy ");
    assert_eq!((takes("one.example"), takes("two.example")), (550, 250));
    // A session is judged to its end by what it began with.
    assert_eq!(old.ask("MAIL FROM:<a@client.example>").code, 250);
    assert_eq!(old.ask("RCPT TO:<u@one.example>").code, 250);
    std::fs::write(folder.join("new"), "smtpserver policy\nnonsense").expect("written");
    std::fs::rename(folder.join("new"), &compiled).expect("renamed");
    server.wait_for("the old one goes on");
    assert_eq!(takes("two.example"), 250);
}

#[test]
fn rates_outlive_the_server_and_a_damaged_file_is_a_warning() {
    let site = Site::new("");
    let policy = site.folder.path().join("policy");
    std::fs::write(&policy, ". relaytarget +\n[0.0.0.0]/0 ratelimitmsgs 2\n").expect("written");
    site.write(&format!("PARAM BindSmtp [127.0.0.1] 0\nPARAM policydb text {}\n", policy.display()));
    let mail = |server: &crate::server::Server| server.session().ask("MAIL FROM:<a@b.example>").code;
    let mut server = site.start();
    assert_eq!((mail(&server), mail(&server), mail(&server)), (250, 250, 450));
    server.signal("TERM");
    assert!(server.end().success());
    let file = site.folder.path().join("smtpserver.rates");
    let saved = std::fs::read(&file).expect("saved");
    let mut server = site.start();
    assert_eq!(mail(&server), 450, "it is remembered");
    server.signal("TERM");
    assert!(server.end().success());
    std::fs::write(&file, &saved[..saved.len() - 3]).expect("written");
    let server = site.start();
    server.wait_for("is damaged: rate windows begin anew");
    assert_eq!(mail(&server), 250);
}

#[test]
fn a_policy_that_is_not_fit_starts_nothing_and_says_where() {
    let site = Site::new("");
    let policy = site.folder.path().join("policy");
    std::fs::write(&policy, ". relaytarget -\nx.example rejectnat +\n").expect("written");
    site.write(&format!("PARAM BindSmtp [127.0.0.1] 0\nPARAM policydb text {}\n", policy.display()));
    let output = site.output();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("policy:2:11: there is no attribute \"rejectnat\""), "{said}");
}
