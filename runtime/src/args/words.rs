//! The values of options, from words.

use smtpserver_core::config::bind::BindAddress;
use smtpserver_core::config::patterns::Styles;
use std::net::IpAddr;

pub(super) fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "a port is a number from 0 to 65535; 0 is any that is free".into())
}

pub(super) fn load(text: &str) -> Result<u32, String> {
    let load = text.parse().ok().filter(|load| (1..=10_000).contains(load));
    load.ok_or_else(|| "a load average is a whole number from 1 to 10000".into())
}

pub(super) fn level(text: &str) -> Result<u8, String> {
    text.parse().map_err(|_| "a level is a whole number from 0 to 255; 0 shows nothing".into())
}

pub(super) fn mebibytes(text: &str) -> Result<u64, String> {
    let size = text.parse().ok().filter(|size| (1..=1_048_576).contains(size));
    size.ok_or_else(|| "recordings may take a whole number of mebibytes from 1 to 1048576".into())
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
