//! Rows about what is said in a dialogue.

use crate::config::Settings;
use crate::config::param::table::row;
use crate::config::param::{Argument, Checked, Param, Unfit};
use crate::limits::REPLY_TEXT_MAX;

/// Lines of a greeting.
const GREETING_LINES_MAX: usize = 5;

/// A line of text for a reply.
fn line(value: &str) -> Result<&str, (usize, Unfit)> {
    if let Some(at) = value.find(|c: char| c.is_control() && c != '\t') {
        return Err((at, Unfit::Control));
    }
    if value.len() > REPLY_TEXT_MAX {
        return Err((0, Unfit::TooLong));
    }
    Ok(value)
}

/// The letters that stand behind a `%` in a greeting (manual, `hdr220`).
const GREETING_LETTERS: &str = "%HIipTVX";

fn greeting(settings: &mut Settings, value: &str) -> Checked {
    let text = line(value)?;
    let mut rest = text.char_indices();
    while let Some((at, letter)) = rest.next() {
        if letter == '%' && !rest.next().is_some_and(|(_, letter)| GREETING_LETTERS.contains(letter)) {
            return Err((at, Unfit::NotALetter));
        }
    }
    if settings.greeting.len() >= GREETING_LINES_MAX {
        return Err((0, Unfit::TooMany));
    }
    settings.greeting.push(text.into());
    Ok(())
}

fn contact(settings: &mut Settings, value: &str) -> Checked {
    let text = line(value)?;
    let inside =
        ['"', '\''].into_iter().find_map(|quote| text.trim().strip_prefix(quote)?.strip_suffix(quote));
    settings.contact = inside.unwrap_or(text).into();
    Ok(())
}

/// The rows.
pub(in crate::config::param) const ROWS: &[Param] = &[
    row("hdr220", &[], "", Argument::Text { form: "TEXT", wanted: "a line of text with %H, %V, %T, %i, %p, %I, %X or %% in it; up to 5 lines of up to 480 octets may be given", set: greeting }, "A line of the greeting: %H our name, %V version, %T time, %i client, %p port, %I %X empty, %% percent.")
    .global()
    .raw(),
    row("contact-pointer-message", &[], "", Argument::Text { form: "TEXT", wanted: "a line of text of up to 480 octets, perhaps in quotes", set: contact }, "What many refusals say last, such as where to read your rules.").raw(),
    row("DEBUGcmd", &[], "", Argument::Switch(|s| s.verbs.debug = true), "Answer DEBUG and Z-DEBUG."),
    row("no-DEBUGcmd", &[], "", Argument::Switch(|s| s.verbs.debug = false), "Do not answer DEBUG and Z-DEBUG (the default)."),
    row("EXPNcmd", &[], "", Argument::Switch(|s| s.verbs.expn = true), "Answer the verb EXPN."),
    row("no-EXPNcmd", &[], "", Argument::Switch(|s| s.verbs.expn = false), "Do not answer the verb EXPN (the default)."),
    row("VRFYcmd", &[], "", Argument::Switch(|s| s.verbs.vrfy = true), "Answer the verb VRFY."),
    row("no-VRFYcmd", &[], "", Argument::Switch(|s| s.verbs.vrfy = false), "Do not answer the verb VRFY (the default)."),
    row("NoEHLO", &[], "", Argument::Switch(|s| s.extensions.ehlo = false), "Do not know the verb EHLO."),
    row("EHLO-OK", &[], "", Argument::Switch(|s| s.extensions.ehlo = true), "Know the verb EHLO (the default)."),
    row("NoETRN", &[], "", Argument::Switch(|s| s.extensions.etrn = false), "Do not offer ETRN."),
    row("ETRN-OK", &[], "", Argument::Switch(|s| s.extensions.etrn = true), "Offer ETRN where it can be served (the default)."),
    row("no-multiline-replies", &[], "", Argument::Switch(|s| s.multiline_replies = false), "Reply in one line, but to EHLO."),
    row("multiline-replies-ok", &[], "", Argument::Switch(|s| s.multiline_replies = true), "Give replies of several lines where they say more (the default)."),
    row("force-rcpt-notify-never", &[], "", Argument::Switch(|s| s.notify_never = true), "Store NOTIFY=NEVER for every recipient."),
    row("no-force-rcpt-notify-never", &[], "", Argument::Switch(|s| s.notify_never = false), "Take NOTIFY as it was given (the default)."),
    row("allowsourceroute", &[], "", Argument::Switch(|s| s.source_routes = true), "Keep source routes (<@a,@b:c@d>); otherwise they are stripped.").global(),
    row("lmtp-mode", &["lmtmp-mode"], "", Argument::Switch(|s| s.lmtp = true), "Speak LMTP: one reply for each recipient; for tests of LMTP clients.").global(),
    row("rcvd-ident", &[], "", Argument::Switch(|s| s.received.ident = true), "Show the answer of the client's ident service in our Received field."),
    row("no-rcvd-ident", &[], "", Argument::Switch(|s| s.received.ident = false), "Do not show the answer of the client's ident service in our Received field (the default)."),
    row("rcvd-whoson", &[], "", Argument::Switch(|s| s.received.whoson = true), "Show the answer of whoson in our Received field."),
    row("no-rcvd-whoson", &[], "", Argument::Switch(|s| s.received.whoson = false), "Do not show the answer of whoson in our Received field (the default)."),
    row("rcvd-auth-user", &[], "", Argument::Switch(|s| s.received.auth_user = true), "Show the name of the authenticated user in our Received field."),
    row("no-rcvd-auth-user", &[], "", Argument::Switch(|s| s.received.auth_user = false), "Do not show the name of the authenticated user in our Received field (the default)."),
    row("rcvd-tls-mode", &[], "", Argument::Switch(|s| s.received.tls_mode = true), "Show the cipher in our Received field."),
    row("no-rcvd-tls-mode", &[], "", Argument::Switch(|s| s.received.tls_mode = false), "Do not show the cipher in our Received field (the default)."),
    row("rcvd-tls-peer", &[], "", Argument::Switch(|s| s.received.tls_peer = true), "Show the client's certificate in our Received field."),
    row("no-rcvd-tls-peer", &[], "", Argument::Switch(|s| s.received.tls_peer = false), "Do not show the client's certificate in our Received field (the default)."),
    row("no-received-header", &[], "", Argument::Switch(|s| s.received.none = true), "Write no Received field: the router makes one from the envelope."),
    row("received-header", &[], "", Argument::Switch(|s| s.received.none = false), "Write our Received field (the default)."),
    row("reject-percent-kludge", &[], "", Argument::Obsolete, "Means nothing any more.").instead("addresses with % are judged like all others; leave it out"),
    row("sum-sizeoption-value", &[], "", Argument::Obsolete, "Means nothing any more.").instead("every message is held against maxsize and min-availspace by itself; leave it out"),
];
