//! From the binds of a configuration to addresses: what `any`, an interface, `-4` and `--listen` mean on this machine.
//! Nothing is opened here.

use crate::args::DaemonArgs;
use crate::listen::Wanted;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use smtpserver_core::Settings;
use smtpserver_core::config::bind::{Bind, BindAddress, Service};
use smtpserver_core::config::file::{Configuration, Group};
use smtpserver_core::config::zenv::Zenv;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The port of a server without a configuration file.
const PLAIN_PORT: u16 = 2525;

/// The places where a server with this configuration listens. `file` is its file, if it has one. An error is a sentence
/// for each place that cannot be.
pub(crate) fn wanted(
    configuration: &Configuration,
    file: Option<&str>,
    args: &DaemonArgs,
) -> Result<Vec<Wanted>, Vec<String>> {
    let first = &configuration.groups[0];
    if !args.listen.is_empty() {
        let port = args.port.unwrap_or(if file.is_some() { Service::Smtp.port() } else { PLAIN_PORT });
        let settings = serving(first, Service::Smtp);
        let listen = |place: &crate::listen::Place| Wanted {
            address: SocketAddr::new(place.ip, place.port.unwrap_or(port)),
            settings: settings.clone(),
            asked_by: "--listen".into(),
            optional: false,
        };
        return Ok(args.listen.iter().map(listen).collect());
    }
    let Some(file) = file else { return Ok(loopback(first, args)) };
    let (mut places, mut faults) = (Vec::new(), Vec::new());
    for group in &configuration.groups {
        let mut by_service: Vec<(Service, Arc<Settings>)> = Vec::new();
        for bind in &group.binds {
            let asked_by = if bind.line > 0 { format!("{file}:{}", bind.line) } else { file.to_string() };
            if let Some(reason) = not_yet(bind.service, group) {
                faults.push(format!("{asked_by}: {reason}"));
                continue;
            }
            let known = by_service.iter().find(|(service, _)| *service == bind.service);
            let settings =
                known.map_or_else(|| serving(group, bind.service), |(_, settings)| settings.clone());
            by_service.push((bind.service, settings.clone()));
            match addresses(bind, args) {
                Ok(addresses) => places.extend(addresses.into_iter().map(|(address, optional)| Wanted {
                    address,
                    settings: settings.clone(),
                    asked_by: asked_by.clone(),
                    optional,
                })),
                Err(reason) => faults.push(format!("{asked_by}: {reason}")),
            }
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    if places.is_empty() {
        return Err(vec![format!("{file}: nothing is left to listen on with option -4")]);
    }
    Ok(places)
}

/// The settings of a group for one of its services. Sessions of the same service share them.
fn serving(group: &Group, service: Service) -> Arc<Settings> {
    Arc::new(Settings { service, ..group.settings.clone() })
}

/// A socket that somebody opened for us before we began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it is for.
    pub(crate) service: Service,
}

/// Adds the sockets that were opened for us and that nobody has named: clients can connect there already, so the default
/// group serves them. They stand in for places that nobody has named either.
pub(crate) fn with_passed(
    mut places: Vec<Wanted>,
    configuration: &Configuration,
    args: &DaemonArgs,
    passed: &[Passed],
) -> Result<Vec<Wanted>, Vec<String>> {
    let mut binds = configuration.groups.iter().flat_map(|group| &group.binds);
    if !passed.is_empty() && args.listen.is_empty() && binds.all(|bind| bind.line == 0) {
        places.clear();
    }
    let group = &configuration.groups[0];
    let mut faults = Vec::new();
    for Passed { address, service } in passed.iter().copied() {
        if places.iter().any(|place| place.address == address) {
            continue;
        }
        match not_yet(service, group) {
            None => places.push(Wanted {
                address,
                settings: serving(group, service),
                asked_by: "a socket that was passed".into(),
                optional: false,
            }),
            Some(_) => faults.push(format!(
                "the socket {address} was passed for {service}, which needs TLS and cannot be served yet"
            )),
        }
    }
    if faults.is_empty() { Ok(places) } else { Err(faults) }
}

/// Why a service of a group cannot be served by this version.
fn not_yet(service: Service, group: &Group) -> Option<&'static str> {
    match service {
        Service::SmtpS => Some("BindSmtpS needs TLS, which this version does not have yet"),
        Service::Submit if group.settings.tls.offered => Some(
            "BindSubmit with use-tls needs TLS, which this version does not have yet; no-use-tls in its group does without",
        ),
        Service::Submit | Service::Smtp => None,
    }
}

/// Without a configuration: the loopback addresses that this machine has.
fn loopback(group: &Group, args: &DaemonArgs) -> Vec<Wanted> {
    let port = args.port.unwrap_or(PLAIN_PORT);
    let settings = serving(group, Service::Smtp);
    let at = |ip: IpAddr, optional| Wanted {
        address: SocketAddr::new(ip, port),
        settings: settings.clone(),
        asked_by: "no configuration file".into(),
        optional,
    };
    let mut places = vec![at(Ipv4Addr::LOCALHOST.into(), false)];
    if !args.only_v4 {
        places.push(at(Ipv6Addr::LOCALHOST.into(), !args.want_v6));
    }
    places
}

/// The addresses of a bind, and whether each may be done without.
fn addresses(bind: &Bind, args: &DaemonArgs) -> Result<Vec<(SocketAddr, bool)>, String> {
    let at = |ip: IpAddr, optional| (SocketAddr::new(ip, bind.port), optional);
    let mut all = match &bind.address {
        BindAddress::Ip(ip) => vec![at(*ip, false)],
        BindAddress::Everywhere => {
            vec![at(Ipv4Addr::UNSPECIFIED.into(), false), at(Ipv6Addr::UNSPECIFIED.into(), !args.want_v6)]
        }
        BindAddress::Interface { name, v4, v6 } => {
            let found = of_interface(name, *v4, *v6 && !args.only_v4, bind.port)?;
            found.into_iter().map(|address| (address, false)).collect()
        }
    };
    if args.only_v4 {
        all.retain(|(address, _)| address.is_ipv4());
    }
    Ok(all)
}

/// Our own addresses: those of our interfaces, and those that `SELFADDRESSES` of the ZENV file names, as `[192.0.2.1]`
/// with commas between.
pub(crate) fn own_addresses(zenv: &Zenv) -> BTreeSet<IpAddr> {
    let interfaces = getifaddrs().into_iter().flatten().filter_map(|interface| {
        let address = interface.address?;
        let four = address.as_sockaddr_in().map(|four| IpAddr::from(four.ip()));
        four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::from(six.ip())))
    });
    let named = zenv.get("SELFADDRESSES").unwrap_or_default();
    let named = named.split([',', ' ', '\t']).filter_map(|word| {
        let bare = word.trim_matches(['[', ']']);
        let plain = bare.strip_prefix("IPv6:").or_else(|| bare.strip_prefix("IPv6.")).unwrap_or(bare);
        plain.parse().ok()
    });
    interfaces.chain(named).map(|address: IpAddr| address.to_canonical()).collect()
}

/// The first address of each family of an interface that is up.
fn of_interface(name: &str, v4: bool, v6: bool, port: u16) -> Result<Vec<SocketAddr>, String> {
    let all = getifaddrs().map_err(|error| format!("the interfaces cannot be listed: {error}"))?;
    let (mut four, mut six, mut seen, mut up) = (None, None, false, false);
    for interface in all.filter(|interface| interface.interface_name.eq_ignore_ascii_case(name)) {
        seen = true;
        if !interface.flags.contains(InterfaceFlags::IFF_UP) {
            continue;
        }
        up = true;
        let Some(address) = interface.address else { continue };
        if let Some(address) = address.as_sockaddr_in() {
            four.get_or_insert(SocketAddr::new(address.ip().into(), port));
        } else if let Some(address) = address.as_sockaddr_in6() {
            let mut address = std::net::SocketAddrV6::from(*address);
            address.set_port(port);
            six.get_or_insert(SocketAddr::V6(address));
        }
    }
    let found: Vec<SocketAddr> = [four.filter(|_| v4), six.filter(|_| v6)].into_iter().flatten().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    Err(match (seen, up) {
        (false, _) => format!("there is no interface {name}"),
        (true, false) => format!("the interface {name} is down"),
        (true, true) => format!("the interface {name} has no address that fits"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;
    use smtpserver_core::config::file;
    use smtpserver_core::config::zenv::Zenv;

    fn places(text: &str, words: &[&str]) -> Result<Vec<String>, Vec<String>> {
        let args = args::daemon_args(words);
        let plain = Settings::new("mx.example");
        let configuration =
            file::read("t.conf", text.as_bytes(), Zenv::default(), &plain, args.port).expect("fit");
        let wanted = wanted(&configuration, Some("t.conf"), &args)?;
        let optional = |wanted: &Wanted| if wanted.optional { "?" } else { "" };
        Ok(wanted
            .iter()
            .map(|one| format!("{} {}{}", one.settings.service, one.address, optional(one)))
            .collect())
    }

    #[test]
    fn binds_become_addresses() {
        for (text, words, wanted) in [
            ("", &[][..], &["SMTP 0.0.0.0:25", "SMTP [::]:25?"][..]),
            ("", &["-4"], &["SMTP 0.0.0.0:25"]),
            ("", &["-6"], &["SMTP 0.0.0.0:25", "SMTP [::]:25"]),
            ("", &["-p", "26"], &["SMTP 0.0.0.0:26", "SMTP [::]:26?"]),
            ("PARAM BindSmtp any6 27\nPARAM BindSubmit any", &[], &["SMTP [::]:27", "SUBMIT 0.0.0.0:587"]),
            ("PARAM BindSmtp any6 27\nPARAM BindSubmit any", &["-4"], &["SUBMIT 0.0.0.0:587"]),
            (
                "PARAM BindSmtp any",
                &["--listen", "127.0.0.1:28", "--listen", "::1"],
                &["SMTP 127.0.0.1:28", "SMTP [::1]:25"],
            ),
            ("PARAM BindSmtp iface:v4:lo 29", &[], &["SMTP 127.0.0.1:29"]),
            ("PARAM BindSmtp iface:LO 29", &["-4"], &["SMTP 127.0.0.1:29"]),
        ] {
            assert_eq!(places(text, words).expect(text), wanted, "{text} {words:?}");
        }
    }

    #[test]
    fn what_cannot_be_served_is_said_all_at_once() {
        let text = "PARAM use-tls\nPARAM BindSmtpS any\nPARAM BindSubmit any\nPARAM BindSmtp iface:no-such0";
        let faults = places(text, &[]).expect_err("much");
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].starts_with("t.conf:2: BindSmtpS needs TLS"));
        assert!(faults[1].starts_with("t.conf:3: BindSubmit with use-tls"));
        assert_eq!(faults[2], "t.conf:4: there is no interface no-such0");
        assert!(places("PARAM BindSmtp any6", &["-4"]).expect_err("nothing")[0].contains("option -4"));
    }
}
