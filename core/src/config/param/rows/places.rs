//! Rows about where to listen.

use crate::config::bind::Service;
use crate::config::param::table::{count, row};
use crate::config::param::{Argument, Directive, Param};

/// Greatest buffer that may be asked for: a gibibyte.
const BUFFER_MOST: u64 = 1 << 30;

fn buffer(octets: u64) -> u32 {
    u32::try_from(octets).expect("the row keeps it below 2^31")
}

/// The rows.
pub(in crate::config::param) const ROWS: &[Param] = &[
    row(
        "newgroup",
        &[],
        "",
        Argument::Directive(Directive::NewGroup),
        "Begin a group: a copy of the default group, which ends before the first newgroup, without its binds.",
    ),
    row(
        "BindSmtp",
        &[],
        "",
        Argument::Directive(Directive::Bind(Service::Smtp)),
        "Listen here for SMTP; port 25 when none is given.",
    ),
    row(
        "BindSmtpS",
        &[],
        "",
        Argument::Directive(Directive::Bind(Service::SmtpS)),
        "Listen here for SMTPS, SMTP within TLS; port 465 when none is given.",
    ),
    row(
        "BindSubmit",
        &[],
        "",
        Argument::Directive(Directive::Bind(Service::Submit)),
        "Listen here for message submission; port 587 when none is given.",
    ),
    row(
        "BindAddress",
        &[],
        "",
        Argument::Directive(Directive::OldBind),
        "Listen here for SMTP, at the port of BindPort.",
    )
    .instead("an old form: write BindSmtp ADDRESS PORT"),
    row(
        "BindPort",
        &[],
        "",
        Argument::Whole {
            least: 1,
            floor: 1,
            most: 65_534,
            unit: "port numbers",
            set: |s, n| s.sockets.old_port = u16::try_from(n).ok(),
        },
        "The port of BindAddress and of a file without any Bind line; 25 when none is given, as option -p.",
    )
    .global()
    .instead("an old form: write the port behind the address of BindSmtp"),
    row(
        "listen-ssmtp",
        &[],
        "",
        Argument::Switch(|s| s.sockets.old_smtps = true),
        "Listen for SMTPS, too, wherever BindAddress does, or by default.",
    )
    .instead("an old form: write BindSmtpS any 465"),
    row(
        "ListenQueueSize",
        &[],
        "20000",
        count(1, 65_535, "connections", |s, n| s.sockets.queue = u16::try_from(n).unwrap_or(u16::MAX)),
        "Connections that the system holds until they are accepted; the system has its own maximum.",
    ),
    row(
        "TcpRcvBufferSize",
        &[],
        "0",
        count(0, BUFFER_MOST, "octets", |s, n| s.sockets.receive_octets = buffer(n)),
        "Octets of the receive buffer of connections; 0 for the system's choice.",
    ),
    row(
        "TcpXmitBufferSize",
        &[],
        "0",
        count(0, BUFFER_MOST, "octets", |s, n| s.sockets.send_octets = buffer(n)),
        "Octets of the send buffer of connections; 0 for the system's choice.",
    ),
];
