//! The values of options, from words.

use smtpserver_core::config::bind::BindAddress;
use smtpserver_core::config::patterns::Styles;
use std::net::IpAddr;

pub(super) fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "a port is a number from 0 to 65535; 0 is any that is free".into())
}

pub(super) fn octets(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "the largest message is a number of octets such as 10000000; 0 is no limit".into())
}

pub(super) fn styles(text: &str) -> Result<Styles, String> {
    Styles::read_option(text).map_err(|at| {
        let letter: String = text[at..].chars().take(1).collect();
        format!("there is no style {letter:?}: strict, sloppy, or letters of {}", Styles::LETTERS)
    })
}

pub(super) fn literal(text: &str) -> Result<IpAddr, String> {
    match BindAddress::read(text) {
        Some(BindAddress::Ip(ip)) if text.starts_with('[') => Ok(ip),
        Some(_) | None => {
            Err("an address stands in brackets, such as [192.0.2.1] or [IPv6:2001:db8::1]".into())
        }
    }
}

/// Reads an address, in brackets or without.
pub(super) fn plain_or_literal(text: &str) -> Result<IpAddr, String> {
    text.parse().or_else(|_| literal(text)).map_err(|_| "an address such as 192.0.2.1 or 2001:db8::1".into())
}
