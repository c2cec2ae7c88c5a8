//! Parameters of MAIL and RCPT: what is understood stays within its bounds, and can be written down again.

use smtpserver_core::wire::command::Offered;
use smtpserver_core::wire::params::{mail_params, rcpt_params};

/// All of it is the text behind the path.
pub fn params(data: &[u8]) {
    let offered = Offered { auth: true, ..Offered::default() };
    if let Ok(params) = mail_params(data, &offered) {
        if let Some(envid) = &params.envid {
            assert!(envid.as_str().len() <= 100);
            assert!(envid.decoded().iter().all(|octet| (b' '..=b'~').contains(octet)));
        }
        if let Some(by) = &params.by {
            assert!((-999_999_999..=999_999_999).contains(&by.seconds));
        }
    }
    if let Ok(params) = rcpt_params(data, &offered) {
        if let Some(orcpt) = &params.orcpt {
            assert!(orcpt.kind.len() + orcpt.address.as_str().len() < 500);
        }
        if let Some(notify) = &params.notify {
            let again =
                rcpt_params(format!("NOTIFY={notify}").as_bytes(), &offered).map(|again| again.notify);
            assert_eq!(again, Ok(params.notify));
        }
    }
}
