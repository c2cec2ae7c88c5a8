//! Command lines: every line is a command or one fault, and what a fault repeats is short and printable.

use crate::choice;
use smtpserver_core::wire::command::{Command, Offered, Strictness, SyntaxFault, parse};
use smtpserver_core::wire::params::ParamName;
use smtpserver_core::wire::path::{ForwardPath, ReversePath};

/// The first octet chooses what is offered; the rest is the line.
pub fn command(data: &[u8]) {
    let (bits, line) = choice(data);
    let bit = |n: u8| bits & (1 << n) != 0;
    let offered = Offered {
        size: bit(0),
        eightbitmime: bit(1),
        binarymime: bit(2),
        chunking: bit(3),
        dsn: bit(4),
        deliverby: bit(5),
        auth: bit(6),
        source_route_kept: bit(7),
        strictness: Strictness::Usual,
    };
    let usual = parse(line, &offered);
    let strict = parse(line, &Offered { strictness: Strictness::Strict, ..offered });
    let sloppy = parse(line, &Offered { strictness: Strictness::Sloppy, ..offered });
    // The stricter one refuses more, and understands the same.
    assert!(strict.is_err() || strict == usual);
    assert!(usual.is_err() || sloppy == usual);
    for outcome in [usual, strict, sloppy] {
        match outcome {
            Ok(command) => understood(&command),
            Err(fault) => refused(line, &fault),
        }
    }
}

fn understood(command: &Command) {
    // Whoever is named is later written into the spool and into trace fields.
    if let Command::Mail { path: ReversePath::Address(address), .. }
    | Command::Rcpt { path: ForwardPath::Address(address), .. } = command
    {
        assert!(printable(&address.to_string()));
    }
    if let Command::Hello { name, .. } = command {
        assert!(printable(name.as_str()) && name.as_str().len() <= 255);
        assert!(!name.as_str().contains(['(', ')', '<', '>', '"', '\\', ' ']));
    }
}

fn refused(line: &[u8], fault: &SyntaxFault) {
    if let SyntaxFault::PathBad { column, .. } = fault {
        assert!((1..=line.len() + 1).contains(column), "the fault is within the line");
    }
    if let SyntaxFault::ParamUnknown(name)
    | SyntaxFault::ParamTwice(name)
    | SyntaxFault::ParamBad(name)
    | SyntaxFault::ParamMissingValue(name) = fault
    {
        repeated(name);
    }
}

fn repeated(name: &ParamName) {
    assert!(printable(name.as_str()) && name.as_str().len() <= 64, "{name:?}");
}

fn printable(text: &str) -> bool {
    text.bytes().all(|octet| (b' '..=b'~').contains(&octet))
}
