//! hosts.allow and hosts.deny: whatever stands in them they are read or refused, each remark names a place that is
//! there, and a judgement that does not want a name does not depend on one.

use smtpserver_core::config::host_access::{ClientName, HostAccess, Text};
use std::net::IpAddr;

/// What is before the first NUL is hosts.allow, the rest hosts.deny.
pub fn host_access(data: &[u8]) {
    let at = data.iter().position(|octet| *octet == 0);
    let (allow, deny) = at.map_or((data, &b""[..]), |at| (&data[..at], &data[at + 1..]));
    let lines = data.iter().filter(|octet| **octet == b'\n').count() + 1;
    match HostAccess::read(Text { name: "allow", octets: allow }, Text { name: "deny", octets: deny }) {
        Ok(rules) => {
            let local = IpAddr::from([192, 0, 2, 1]);
            for client in [IpAddr::from([192, 0, 2, 7]), IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])] {
                let judge = |name| rules.judge(client, local, name);
                let names =
                    [ClientName::Unknown, ClientName::Contradicted, ClientName::Confirmed("mx.example")];
                let verdicts = names.map(judge);
                let same = verdicts.iter().all(|verdict| *verdict == verdicts[0]);
                assert!(rules.wants_names() || same, "{verdicts:?}");
            }
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!((1..=lines).contains(&error.spot.line) && error.spot.column >= 1);
                let text = error.to_string();
                assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
                assert!(error.short().lines().count() == 1 && text.len() < 20_000);
            }
        }
    }
}
