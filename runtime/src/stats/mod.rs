//! `smtpserver stats`: what a running server counts of sources and users, for an operator on this machine.

pub(crate) mod door;
mod json;

use crate::Stop;
use crate::args::StatsArgs;
use crate::config_file;
use crate::limits::STATS_WAIT_MAX;
use crate::lines::printable;
use serde_json::Value;
use smtpserver_core::Settings;
use smtpserver_core::config::choices::StatsSocket;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The socket's name in the POSTOFFICE.
const NAME: &str = ".stats.smtpserver";

/// Where a server with these settings has its socket, if it has one.
pub(crate) fn place(settings: &Settings, postoffice: &Path) -> Option<PathBuf> {
    match &settings.sources.stats_socket {
        StatsSocket::InPostoffice => Some(postoffice.join(NAME)),
        StatsSocket::At(path) => Some(path.into()),
        StatsSocket::Off => None,
    }
}

/// Asks the running server, and prints what it says.
pub(crate) fn run(args: &StatsArgs) -> Result<(), Stop> {
    let path = match &args.socket {
        Some(path) => path.clone(),
        None => {
            let mut server = args.config.server();
            server.postoffice.clone_from(&args.postoffice);
            let loaded = config_file::load(&server, &[]).map_err(config_file::LoadFault::tell)?;
            place(loaded.configuration.global(), &loaded.postoffice)
                .ok_or_else(|| Stop::unfit("stats-socket is off: this server tells nobody"))?
        }
    };
    let request = match (&args.address, &args.user) {
        (Some(address), _) => format!("IP {address}\n"),
        (None, Some(user)) if user.contains(char::is_whitespace) => {
            return Err(Stop::unfit("--user: no user has blanks in the name"));
        }
        (None, Some(user)) => format!("USER {user}\n"),
        (None, None) => "DUMP\n".into(),
    };
    let fault = |error: std::io::Error| {
        let path = path.display();
        let kind = error.kind();
        Stop::unfit(if kind == ErrorKind::NotFound {
            format!("no server answers at {path}: there is no such socket")
        } else if kind == ErrorKind::ConnectionRefused {
            format!("no server answers at {path}")
        } else if kind == ErrorKind::PermissionDenied {
            format!("{path} is for root and the server's own user only")
        } else {
            format!("cannot ask at {path}: {error}")
        })
    };
    let mut server = UnixStream::connect(&path).map_err(fault)?;
    server.set_read_timeout(Some(STATS_WAIT_MAX)).map_err(fault)?;
    server.write_all(request.as_bytes()).map_err(fault)?;
    let (mut count, mut users) = (0_u64, false);
    for line in BufReader::new(server).lines() {
        let line = line.map_err(fault)?;
        let known: Value = serde_json::from_str(&line)
            .map_err(|_| Stop::failed("what the server says is not understood"))?;
        if let Some(why) = known["error"].as_str() {
            return Err(Stop::unfit(printable(why)));
        }
        if args.json {
            println!("{line}");
        } else if args.address.is_some() || args.user.is_some() {
            print!("{}", page(&known, args.user.as_deref()));
        } else {
            if count == 0 {
                println!("{HEAD}");
            }
            println!("{}", row(&known));
            users |= is_user(&known);
        }
        count += 1;
    }
    if users {
        println!(
            "user#... is somebody who logged in, by a hash of the name: smtpserver stats --user NAME shows one"
        );
    }
    if count == 0 && !args.json {
        println!("nothing is known of anybody");
    }
    Ok(())
}

/// How a user's key begins, behind which the hash of the name stands.
const USER: &str = "user:";
/// Letters of the hash that are shown.
const HASH_SHOWN: usize = 16;

fn is_user(known: &Value) -> bool {
    known["key"].as_str().is_some_and(|key| key.starts_with(USER))
}

/// Who it is. The name of a user is known only to whoever has asked for it.
fn who(known: &Value, user: Option<&str>) -> String {
    let key = known["key"].as_str().unwrap_or_default();
    match (key.strip_prefix(USER), user) {
        (Some(_), Some(user)) => format!("user {}", printable(user)),
        (Some(hash), None) => {
            format!("user#{}", printable(&hash.chars().take(HASH_SHOWN).collect::<String>()))
        }
        (None, _) => printable(key).into_owned(),
    }
}

const HEAD: &str = "source                  messages recipients  mails connects auth-failures excesses limit             known";

fn sum(value: &Value) -> u64 {
    value.as_array().into_iter().flatten().filter_map(Value::as_u64).sum()
}

fn number(value: &Value) -> String {
    value.as_i64().map_or_else(|| "-".into(), |number| number.to_string())
}

/// Seconds for people.
fn time(value: &Value) -> String {
    match value.as_u64() {
        None => "-".into(),
        Some(seconds @ 0..120) => format!("{seconds} s"),
        Some(seconds @ 120..7_200) => format!("{} min", seconds / 60),
        Some(seconds) => format!("{} h", seconds / 3_600),
    }
}

fn limit(known: &Value) -> String {
    match (known["limit_messages"].as_i64(), known["limit_recipients"].as_i64()) {
        (None | Some(0), None | Some(0)) => "-".into(),
        (messages, recipients) => format!("{},{}", messages.unwrap_or(0), recipients.unwrap_or(0)),
    }
}

/// One source in a line: what the hour holds.
fn row(known: &Value) -> String {
    format!(
        "{:<23} {:>8} {:>10} {:>6} {:>8} {:>13} {:>8} {:<17} {}",
        who(known, None),
        sum(&known["messages"]),
        sum(&known["recipients"]),
        number(&known["mails"]),
        number(&known["connects"]),
        number(&known["auth_failures"]),
        number(&known["excesses"]),
        limit(known),
        time(&known["age"]),
    )
}

/// One source in full.
fn page(known: &Value, user: Option<&str>) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<22} {value}");
    };
    let slots = |name: &str| {
        let slots = known[name].as_array().into_iter().flatten().map(number);
        slots.map(|slot| format!("{slot:>6}")).collect::<Vec<_>>().join(" ")
    };
    line("source", who(known, user));
    line("known for", time(&known["age"]));
    line("messages in the hour", sum(&known["messages"]).to_string());
    line("recipients in the hour", sum(&known["recipients"]).to_string());
    line("limit", limit(known));
    line("slots began (s ago)", slots("slot_ages"));
    line("  messages", slots("messages"));
    line("  recipients", slots("recipients"));
    line("MAIL commands", number(&known["mails"]));
    line("connections", number(&known["connects"]));
    line("failed logins", number(&known["auth_failures"]));
    line(
        "refused by the limit",
        format!("{}, last {} ago", number(&known["excesses"]), time(&known["excess_age"])),
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_known_is_shown() {
        let known = json!({
            "key": "192.0.2.7", "slot_ages": [150, 600, 0], "messages": [1, 2, 0], "recipients": [3, 0, 0],
            "mails": 4, "connects": 5, "excesses": 1, "excess_age": 100, "age": 600, "limit_messages": 100,
            "limit_recipients": 0, "auth_failures": 2,
        });
        let shown = row(&known);
        let words: Vec<&str> = shown.split_ascii_whitespace().collect();
        assert_eq!(words, ["192.0.2.7", "3", "3", "4", "5", "2", "1", "100,0", "10", "min"]);
        let page = page(&known, None);
        assert!(page.contains("refused by the limit   1, last 100 s ago\n"), "{page}");
        let user = json!({ "key": "user:0123456789abcdef0123456789abcdef" });
        assert!(is_user(&user) && !is_user(&known));
        assert_eq!(who(&user, None), "user#0123456789abcdef");
        assert_eq!(who(&user, Some("ann")), "user ann");
        assert!(page.contains("  messages                  1      2      0\n"), "{page}");
    }
}
