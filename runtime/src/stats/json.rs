//! What is known of a source or user as a line of JSON.

use serde_json::json;
use smtpserver_core::server::report::Tracked;

/// The line, with its line end. Times are in seconds; the running slot comes first.
pub(crate) fn line(tracked: &Tracked) -> String {
    let rates = &tracked.rates;
    let object = json!({
        "key": tracked.key.to_string(),
        "slot_ages": rates.slot_ages.map(|age| age.as_secs()),
        "messages": rates.messages,
        "recipients": rates.recipients,
        "mails": rates.mails,
        "connects": rates.connects,
        "excesses": rates.excesses,
        "excess_age": rates.excess_age.map(|age| age.as_secs()),
        "age": rates.age.map(|age| age.as_secs()),
        "limit_messages": rates.limit.messages,
        "limit_recipients": rates.limit.recipients,
        "auth_failures": tracked.failures,
    });
    format!("{object}\n")
}
