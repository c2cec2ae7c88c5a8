//! Files found and read, the manual pages against the table, and the samples of the ancestor's manual against the parser.

use super::*;
use crate::args::daemon_args;
use smtpserver_core::config::param;
use std::fmt::Write as _;
use std::io::Write as _;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn loaded(words: &[&str]) -> Loaded {
    load(&daemon_args(words), &[]).unwrap_or_else(|fault| panic!("{:?}", fault.lines()))
}

fn faults(words: &[&str]) -> Vec<String> {
    match load(&daemon_args(words), &[]) {
        Ok(_) => panic!("fit"),
        Err(fault) => fault.lines(),
    }
}

#[test]
fn without_files_the_defaults_are_safe() {
    let loaded = loaded(&["-p", "2526"]);
    assert_eq!(loaded.file, None);
    let places: Vec<String> = loaded.wanted.iter().map(|wanted| wanted.address.to_string()).collect();
    assert_eq!(places, ["127.0.0.1:2526", "[::1]:2526"]);
    assert!(loaded.configuration.global().policy.local_domains.is_empty());
}

#[test]
fn the_zenv_file_leads_to_the_configuration_and_the_spool() {
    let folder = folder();
    let share = folder.path().to_str().expect("text");
    let zenv = folder.path().join("zmailer.conf");
    std::fs::write(&zenv, format!("MAILSHARE={share}\nPOSTOFFICE=/a/spool\n")).expect("written");
    let zenv = zenv.to_str().expect("text");
    assert_eq!(loaded(&["-Z", zenv]).file, None, "it may be missing");
    let conf = folder.path().join("smtpserver.conf");
    std::fs::write(&conf, "PARAM maxsize 1000\nPARAM BindSmtp any 2525\nPARAM localnames a.example\n")
        .expect("written");
    let found = loaded(&["-Z", zenv]);
    assert_eq!(
        (found.file.as_deref(), found.postoffice.as_path()),
        (Some(conf.as_path()), Path::new("/a/spool"))
    );
    assert_eq!(found.configuration.global().limits.message_octets_max, 1000);
    let other = loaded(&["-Z", zenv, "-P", "/b", "-M", "2000", "--param", "localnames b.example"]);
    assert_eq!(other.postoffice, Path::new("/b"), "the command line wins");
    assert_eq!(other.configuration.global().limits.message_octets_max, 2000);
    assert_eq!(other.configuration.global().policy.local_domains.len(), 2);
}

#[test]
fn what_cannot_be_read_is_said() {
    let folder = folder();
    let path = folder.path().join("missing");
    let path = path.to_str().expect("text");
    assert!(faults(&["-C", path])[0].starts_with(&format!("cannot read {path}: ")));
    assert!(faults(&["-Z", path])[0].starts_with(&format!("cannot read {path}: ")));
    assert!(faults(&["-C", folder.path().to_str().expect("text")])[0].contains("not a regular file"));
    assert!(faults(&["--param", "maxsize lots"])[0].starts_with("--param \"maxsize lots\": maxsize"));
    let environment = Some(PathBuf::from(path));
    assert!(zenv_file(None, environment).is_err(), "whoever names a file wants it");
    assert!(zenv_file(None, Some(PathBuf::new())).is_ok());
    std::fs::write(path, "PARAM maxsiz 1\nnonsense\n").expect("written");
    let said = faults(&["-C", path]);
    assert!(said[0].contains(":1:7: there is no parameter") && said[1].contains(":2:9: "), "{said:?}");
}

#[test]
fn the_command_line_is_in_every_group() {
    let folder = folder();
    let path = folder.path().join("t.conf");
    let text = "PARAM maxsize 5\nPARAM BindSmtp any 2525\nPARAM newgroup\nPARAM BindSmtp any 2526\n";
    std::fs::write(&path, text).expect("written");
    let path = path.to_str().expect("text");
    let both = loaded(&["-C", path, "-M", "1000", "--param", "NoDSN", "-s", "R"]);
    for group in &both.configuration.groups {
        assert!(group.settings.limits.message_octets_max == 1000 && !group.settings.extensions.dsn);
        assert!(group.settings.style.qualified);
    }
    assert_eq!(both.wanted.len(), 2);
    let one = loaded(&["-C", path, "--listen", "127.0.0.1:0"]);
    assert_eq!(one.wanted.len(), 1);
    assert!(one.notes[0].contains("1 others are not"));
}

#[test]
fn everything_that_is_wrong_anywhere_is_said_at_once() {
    let folder = folder();
    let path = folder.path().join("t.conf");
    let text = "PARAM lmtp-mode\nPARAM BindSmtp [127.0.0.1] # here\nPARAM BindSmtp iface:no-such0 2525\n\
        PARAM BindSmtp [127.0.0.1] 25\nPARAM maxsiz 5\nPARAM BindSmtp any 2526\nPARAM BindSmtp [127.0.0.2] 2526\n";
    std::fs::write(&path, text).expect("written");
    let path = path.to_str().expect("text");
    let words =
        ["-C", path, "--param", "maxsize lots", "--param", "NoDSN", "--param", "no-such", "--param", "user"];
    let said: Vec<String> = faults(&words).iter().map(|line| line.replace(path, "t.conf")).collect();
    let wanted = [
        "t.conf:2:16: lmtp-mode is not for port 25",
        "t.conf:3:16: there is no interface no-such0; this machine has ",
        "t.conf:4:16: [127.0.0.1] port 25 is taken by line 2 already",
        "t.conf:5:7: there is no parameter \"maxsiz\"",
        "t.conf:7:16: 127.0.0.2:2526 cannot be had: t.conf:6 names 0.0.0.0:2526",
        "--param \"maxsize lots\": maxsize: \"lots\" is no whole number",
        "--param \"no-such\": there is no parameter",
        "--param \"user\": user: the value is missing",
    ];
    assert_eq!(said.len(), wanted.len(), "{said:#?}");
    for (said, wanted) in said.iter().zip(wanted) {
        assert!(said.starts_with(wanted), "{wanted}\n{said}");
    }
}

#[test]
fn patterns_of_the_command_line_stand_before_those_of_the_file() {
    let folder = folder();
    let path = folder.path().join("t.conf");
    std::fs::write(&path, "PARAM BindSmtp any 2525\nPARAM helo-pattern a.* ve\n* veR\n").expect("written");
    let words = [
        "-C",
        path.to_str().expect("text"),
        "--param",
        "helo-pattern b.* !no",
        "--param",
        "helo-pattern * S",
    ];
    let loaded = loaded(&words);
    let globs: Vec<&str> =
        loaded.configuration.global().patterns.lines().iter().map(|line| line.glob.as_str()).collect();
    assert_eq!(globs, ["b.*", "*", "a.*", "*"]);
}

/// The parameters as the manual page lists them.
fn manual_rows() -> String {
    let roff = |text: &str| text.replace('\\', "\\e").replace('-', "\\-");
    let mut out = String::new();
    for param in param::table() {
        let names: Vec<_> = param.names().collect();
        let mut head = names.join(", ");
        for part in [param.argument.form(), param.default] {
            if !part.is_empty() {
                head += if part == param.default { " [" } else { " " };
                head += part;
                head += if part == param.default { "]" } else { "" };
            }
        }
        let scope = match param.scope {
            param::Scope::Global => "global",
            param::Scope::Group => "group",
        };
        let mut text = format!("({scope}) {}", param.doc);
        if !param.instead.is_empty() {
            let instead = param.instead.trim_start_matches("an old form: ");
            let _ = write!(text, " Deprecated: {instead}.");
        }
        if !param.acts() {
            text += " Not acted on yet.";
        }
        let _ = write!(
            out,
            ".TP\n.B {}\n{}\n",
            roff(&head).replace('"', "\\(dq"),
            roff(&text).replace('\'', "\\(aq")
        );
    }
    out
}

/// Holds the list in the manual page against the table. `SMTPSERVER_BLESS=1` writes it.
#[test]
fn the_manual_page_lists_the_parameters() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../man/smtpserver.conf.5");
    let page = std::fs::read_to_string(&path).expect("the manual page");
    let (begin, end) = (".\\\" BEGIN PARAMETERS\n", ".\\\" END PARAMETERS\n");
    let (head, rest) = page.split_once(begin).expect("where the list begins");
    let (list, tail) = rest.split_once(end).expect("where the list ends");
    let wanted = manual_rows();
    if std::env::var_os("SMTPSERVER_BLESS").is_some() {
        std::fs::write(&path, format!("{head}{begin}{wanted}{end}{tail}")).expect("written");
    } else {
        assert!(
            list == wanted,
            "man/smtpserver.conf.5 is not as the table is: SMTPSERVER_BLESS=1 cargo test -p smtpserver manual_page writes it"
        );
    }
}

/// Samples of the ancestor's manual that are forms to fill in, or prose, and are refused.
const FORMS: [(&str, &str); 4] = [
    ("BindSmtP      <addr_or_if> <optional_port>", "is no address to listen on"),
    ("BindSmtPS     <addr_or_if> <optional_port>", "is no address to listen on"),
    ("BindSubmit    <addr_or_if> <optional_port>", "is no address to listen on"),
    ("tls-CApath ... (somewhen: ways to verify client's certificates)", "is too much"),
];

/// Every line of the ancestor's sample file, also those that stand there as comments, is read.
#[test]
fn every_sample_of_the_ancestors_manual_is_read() {
    let data =
        std::env::var_os("SMTPSERVER_TEST_DATA").map_or_else(|| PathBuf::from("../../shared"), PathBuf::from);
    let data = if data.is_relative() { Path::new(env!("CARGO_MANIFEST_DIR")).join(data) } else { data };
    let path = data.join("seed/smtpserver.8zm.txt");
    let Ok(manual) = std::fs::read_to_string(&path) else {
        assert!(std::env::var_os("SMTPSERVER_REQUIRE_PEERS").is_none(), "there is no {}", path.display());
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no {}", path.display());
        return;
    };
    let sample = manual.split_once("smtpserver.conf - autogenerated edition").expect("the sample begins").1;
    let sample = sample.split_once("CONTENTFILTER INTERFACE").expect("the sample ends").0;
    let mut count = 0;
    for line in sample.lines() {
        let line = line.trim_start_matches(['#', ' ']);
        let is_pattern = ["localhost ", "some.host", "\\[*", "* "].iter().any(|head| line.starts_with(head));
        if !line.starts_with("PARAM ") && !is_pattern {
            continue;
        }
        count += 1;
        // What others in the file would have made of it: a listener for each group, and TLS for SMTPS.
        let text = format!("PARAM use-tls\nPARAM BindSmtp any6 7\n{line}\nPARAM BindSmtp any6 8\n");
        let zenv = Zenv::read("z", b"DBTYPE=btree\n").0;
        let read = file::read("sample", text.as_bytes(), zenv, &Settings::new("mx.example"), None);
        let form = FORMS.iter().find(|(form, _)| line.ends_with(form));
        match (read, form) {
            (Ok(_), None) => {}
            (Ok(_), Some(_)) => panic!("{line}: is fit"),
            (Err(remarks), Some((_, why))) => {
                assert!(remarks.len() == 1 && remarks[0].what.contains(why), "{line}: {remarks:?}");
            }
            (Err(remarks), None) => panic!("{}", remarks[0]),
        }
    }
    assert!(count > 110, "only {count} samples");
}

/// The same lines in our own words, so that they are held wherever the test data are missing.
#[test]
fn every_form_of_line_is_read() {
    let lines = [
        "PARAM enable-router      # a remark",
        "PARAM enable-router-maxpar 2",
        "PARAM hdr220 %H ESMTP-server %V (NO UCE) %T",
        "PARAM help =====",
        "PARAM help",
        "PARAM etrn-cluster localhost user pw",
        "PARAM lmtp-mode          # a remark",
        "PARAM spf-localpolicy \"ip4:192.0.2.0/24 ?exists:%{ir}.example\"",
        "PARAM spf-threshold    softfail    # a remark",
        "PARAM sasl-mechanisms \"LIST OF MECHANISMS\"",
        "PARAM  no-smtp-auth-on-port-25",
        "PARAM  smtp-auth-username-prompt \"Username:\"",
        "PARAM  no-multiline-replies # but for EHLO (a remark)",
        "PARAM  contact-pointer-message \"Ask HELP.\"",
        "PARAM  policydb          $DBTYPE  $MAILVAR/db/smtp-policy",
        "PARAM  contentfilter    $MAILBIN/smtp-contentfilter",
        "PARAM  tarpit 20 0.1 300 # a remark",
        "PARAM  no-use-tls  #(default)",
        "PARAM  tls-scache-timeout 3600 # (a remark)",
        "PARAM report-auth-file ${MAILSHARE}/scheduler.auth",
        "PARAM BindAddress     [IPv6.0::0] # a remark",
        "PARAM BindSmtp      any 2501 #",
        "localhost          * ftveR",
        "some.host.domain  * !NO MAIL",
        "\\[*\\]              * ve",
        "*                   * veR",
    ];
    let text = lines.join("\n");
    let read = file::read("own", text.as_bytes(), Zenv::default(), &Settings::new("mx.example"), None);
    let configuration = read.unwrap_or_else(|remarks| panic!("{}", remarks[0]));
    assert_eq!(configuration.global().patterns.lines().len(), 4);
}

#[test]
fn files_that_are_named_are_read_and_their_faults_have_a_place() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let write = |name: &str, text: &str| std::fs::write(path(name), text).expect("written");
    let conf = path("smtpserver.conf");
    write(
        "smtpserver.conf",
        &format!(
            "PARAM use-tcp-wrapper {} {}\nPARAM report-auth-file {}\nPARAM BindSmtp any 2525\nPARAM newgroup\nPARAM BindSmtp any 2526\n",
            path("hosts.allow"),
            path("hosts.deny"),
            path("scheduler.auth")
        ),
    );
    let none = loaded(&["-C", &conf]);
    let told = none.notes.join("\n");
    assert!(told.contains("everybody may connect") && told.contains("nobody may use Z-REPORT"), "{told}");
    assert!(none.configuration.global().report_auth.is_none());

    write("hosts.allow", "smtp-receiver: 192.0.2.\n");
    write("hosts.deny", "ALL: ALL\n");
    write("scheduler.auth", "ann:pencil:SMTPIP:\n");
    let there = loaded(&["-C", &conf]);
    let [one, other] = &there.configuration.groups[..] else { panic!("two groups") };
    let (one, other) = (&one.settings, &other.settings);
    assert!(one.host_access.is_some() && one.report_auth.is_some());
    assert!(std::sync::Arc::ptr_eq(
        one.host_access.as_ref().expect("read"),
        other.host_access.as_ref().expect("read")
    ));
    assert!(there.notes.iter().any(|note| note.contains("chmod 600")), "{:?}", there.notes);
    assert!(there.files.contains(&PathBuf::from(path("hosts.deny"))), "{:?}", there.files);

    write("hosts.deny", "ALL: ALL\nALL: @admins\n");
    let wanted = format!("{}:2:6: @admins: netgroups cannot be supported", path("hosts.deny"));
    assert!(faults(&["-C", &conf])[0].starts_with(&wanted));
    write("hosts.deny", "");
    write("scheduler.auth", "ann:pencil\n");
    let told = faults(&["-C", &conf]).join("\n");
    assert!(told.contains("scheduler.auth:1:1: there are fewer") && !told.contains("pencil"), "{told}");
    let one = faults(&["--param", "use-tcp-wrapper /etc/hosts.allow"]);
    assert!(one[0].contains("nothing, or two absolute paths"), "{one:?}");
}
