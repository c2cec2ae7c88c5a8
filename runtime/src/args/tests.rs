//! Options as they are typed, slips, and the manual page against the definition.

use super::*;

#[test]
fn options_of_the_manual_are_typed() {
    let words = [
        "-46",
        "-p",
        "0",
        "-L",
        "8",
        "-M",
        "1000",
        "-R",
        "/router",
        "-C",
        "a.conf",
        "-Z",
        "z",
        "-d",
        "1",
        "-s",
        "ve",
        "-s",
        "R",
        "-aBghiwtv",
        "-T",
        "[IPv6.::1]",
    ];
    assert!(refused(&words).line.contains("-4"), "-4 and -6 are not for one server");
    let mut words = words;
    words[0] = "-4";
    let args = daemon_args(&words);
    assert!(args.only_v4 && args.ident && args.bsmtp_channel && args.gullible && args.check_helo);
    assert!(args.interactive && args.whoson && args.inetd_tls);
    assert_eq!((args.port, args.load_max, args.debug, args.verbose), (Some(0), Some(8), 1, 1));
    assert_eq!(args.test_address.map(|ip| ip.to_string()).as_deref(), Some("::1"));
    assert!(args.style().route_vrfy && args.style().qualified);
    assert!(daemon_args(&["-s", "strict"]).style().strict);
    assert!(refused(&["-s", "vex"]).line.contains("no style \"x\""));
    assert!(refused(&["-T", "192.0.2.1"]).line.contains("brackets"));
    assert!(refused(&["-in"]).line.contains("-i"));
}

fn refused(words: &[&str]) -> Stop {
    Args::read_from(std::iter::once(&"smtpserver").chain(words)).expect_err("not fit")
}

#[test]
fn the_definition_is_consistent() {
    use clap::CommandFactory;
    Args::command().debug_assert();
}

#[test]
fn what_is_not_fit_is_said_in_one_line() {
    for words in [
        &["--no-such-option"][..],
        &["-p", "70000"],
        &["-p"],
        &["--listen", "nowhere"],
        &["--log-format", "xml"],
        &["surplus"],
        &["spool"],
        &["spool", "show"],
    ] {
        let stop = refused(words);
        assert_eq!(stop.code, 2);
        assert_eq!(stop.line.lines().count(), 1, "{}", stop.line);
    }
    assert!(refused(&["-p", "70000"]).line.contains("70000"));
}

#[test]
fn a_slip_is_answered_with_what_is_wanted() {
    let table = [
        (&["--foregruond"][..], "there is no option --foregruond: did you mean --foreground?"),
        (&["--nonsense"], "there is no option --nonsense (see smtpserver --help)"),
        (&["-M", "nonsense"], "number of octets"),
        (&["-M", "-5"], "number of octets"),
        (&["-p", "-5"], "from 0 to 65535"),
        (&["-p", "smtp"], "from 0 to 65535"),
        (&["-L", "abc"], "'-L <LOAD>': a load average is a whole number from 1 to 10000"),
        (&["-L", "-1"], "a load average is"),
        (&["-d", "much"], "a level is a whole number"),
        (&["hepl"], "there is no subcommand hepl: did you mean help?"),
        (&["helper"], "there is no subcommand helper: did you mean help?"),
        (&["auth-work"], "there is no subcommand auth-work (see smtpserver --help)"),
        (&["policy", "test"], "(see smtpserver policy test --help)"),
        (&["policy", "tset"], "there is no subcommand tset: did you mean test?"),
        (&["policy"], "a subcommand is missing (see smtpserver policy --help)"),
        (&["stats", "--bogus"], "there is no option --bogus (see smtpserver stats --help)"),
        (&["spool", "list", "-X"], "(see smtpserver spool list --help)"),
        (&["explain"], "(see smtpserver explain --help)"),
        (&["check-config", "-p", "x"], "(see smtpserver"),
    ];
    for (words, wanted) in table {
        let line = refused(words).line;
        assert!(line.contains(wanted), "{words:?}: {line}");
    }
}

#[test]
fn what_goes_with_another_option_says_so() {
    for (words, wanted) in [
        (&["-t"][..], Some("-t is for -n")),
        (&["-B"], Some("-B is for -i")),
        (&["-tn"], None),
        (&["-Bi"], None),
    ] {
        let said = daemon_args(words).lonely();
        assert_eq!(said.map(|said| &said[..wanted.map_or(0, str::len)]), wanted, "{words:?}");
    }
}

#[test]
fn a_bad_parameter_is_explained() {
    let stop = settings(&["maxsize lots".into()]).expect_err("not a number");
    assert!(stop.line.contains("maxsize") && stop.line.contains("lots"), "{}", stop.line);
    assert_eq!(settings(&["maxsize 1000".into()]).expect("fit").limits.message_octets_max, 1000);
}

#[test]
fn the_manual_page_names_every_option() {
    use clap::CommandFactory;
    let page = include_str!("../../../man/smtpserver.8").replace("\\-", "-");
    for option in Args::command().get_arguments() {
        let name = match (option.get_long(), option.get_short()) {
            (Some(long), _) => format!("--{long}"),
            (None, Some(short)) => format!("-{short}"),
            (None, None) => continue,
        };
        assert!(page.contains(&name), "man/smtpserver.8 does not speak of the option {name}");
    }
}

#[test]
fn the_synopsis_of_the_manual_page_is_whole() {
    use clap::CommandFactory;
    let page = include_str!("../../../man/smtpserver.8").replace("\\-", "-");
    let synopsis = page.split_once(".SH SYNOPSIS").expect("a section").1;
    let synopsis = synopsis.split_once("\n.SH ").expect("another section").0;
    let (_, cluster) = synopsis.split_once("[ -").expect("the letters that stand together");
    let (cluster, _) = cluster.split_once(' ').expect("their end");
    for option in Args::command().get_arguments().filter(|option| !option.is_hide_set()) {
        let short = option.get_short().map(|letter| (cluster.contains(letter), format!("-{letter}")));
        let is_there = match (&short, option.get_long()) {
            (Some((true, _)), _) => true,
            (Some((false, short)), _) => synopsis.contains(short.as_str()),
            (None, Some(long)) => synopsis.contains(&format!("--{long}")),
            (None, None) => true,
        };
        assert!(is_there, "SYNOPSIS does not have {:?}", option.get_id());
    }
    for command in Args::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("smtpserver {}", command.get_name());
        assert!(synopsis.contains(&name), "SYNOPSIS does not have {name}");
    }
}

#[test]
fn help_and_version_are_texts() {
    for word in ["--help", "help", "-V", "--list-params"] {
        let parsed = Args::read_from(["smtpserver", word]).expect("fit");
        assert!(matches!(parsed, Parsed::Text(text) if !text.is_empty()), "{word}");
    }
}
