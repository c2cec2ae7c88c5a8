//! A configuration file: whatever stands in it, it is read or refused, and each remark names a place that is there.

use smtpserver_core::Settings;
use smtpserver_core::config::file::read;
use smtpserver_core::config::worst;
use smtpserver_core::config::zenv::Zenv;

/// What is before the first NUL is the ZENV file, if there is one; the rest is the configuration file.
pub fn conf(data: &[u8]) {
    let (zenv, file) = match data.iter().position(|octet| *octet == 0) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (&b"MAILVAR=/var/mail\nTWO=a b\n"[..], data),
    };
    let (zenv, mut remarks) = Zenv::read("zenv", zenv);
    let lines = data.iter().filter(|octet| **octet == b'\n').count() + 1;
    match read("conf", file, zenv, &Settings::new("mx.example"), None) {
        Ok(configuration) => {
            let several = configuration.groups.len() > 1;
            for group in &configuration.groups {
                assert!(!group.binds.is_empty());
                assert!(!several || group.binds.iter().all(|bind| bind.spot.line > 0));
                let global = configuration.global();
                assert_eq!(group.settings.limits.connections_max, global.limits.connections_max);
                let _ = group.settings.patterns.find("mail.example");
            }
            assert!(worst::process(&configuration).session.octets > 0);
            remarks.extend(configuration.warnings);
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            remarks.extend(errors);
        }
    }
    for remark in remarks {
        assert!(remark.spot.line <= lines && remark.spot.column >= 1);
        let text = remark.to_string();
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        assert!(remark.short().lines().count() == 1 && text.len() < 20_000);
    }
}
