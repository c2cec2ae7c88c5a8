//! From the binds of a configuration to addresses: what `any`, an interface, `-4` and `--listen` mean on this machine.
//! Nothing is opened here.

use crate::args::DaemonArgs;
use crate::listen::{self, Wanted};
use crate::tls::shop::Shop;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use smtpserver_core::Settings;
use smtpserver_core::config::bind::{Bind, BindAddress, Service};
use smtpserver_core::config::choices::Tls;
use smtpserver_core::config::file::remark::{Remark, Spot};
use smtpserver_core::config::file::{Configuration, Group};
use smtpserver_core::config::zenv::Zenv;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The port of a server without a configuration file.
const PLAIN_PORT: u16 = 2525;
/// Interfaces that are named to somebody who named one that is not there.
const INTERFACES_TOLD: usize = 12;

/// What is wrong with a place, and what to do.
type Fault = (String, String);

/// The places where a server with this configuration listens, and what is wrong with those that cannot be. `passed` are
/// the sockets that were opened for us.
pub(crate) fn wanted(
    configuration: &Configuration,
    has_file: bool,
    args: &DaemonArgs,
    passed: &[Passed],
    shop: &Shop,
) -> (Vec<Wanted>, Vec<Remark>) {
    let first = &configuration.groups[0];
    let (places, mut faults) = if !args.listen.is_empty() {
        (listen_options(first, has_file, args, shop), Vec::new())
    } else if has_file {
        of_file(configuration, args, shop)
    } else {
        (loopback(first, args, shop), Vec::new())
    };
    let (places, of_passed) = with_passed(places, configuration, args, passed, shop);
    faults.extend(of_passed);
    faults.extend(listen::clashes(&places));
    (places, faults)
}

/// What options `--listen` ask for, instead of the file.
fn listen_options(group: &Group, has_file: bool, args: &DaemonArgs, shop: &Shop) -> Vec<Wanted> {
    let port = args.port.unwrap_or(if has_file { Service::Smtp.port() } else { PLAIN_PORT });
    let settings = of_group(group, Service::Smtp);
    let listen = |place: &listen::Place| Wanted {
        address: SocketAddr::new(place.ip, place.port.unwrap_or(port)),
        settings: settings.clone(),
        tls: shop.terms(&group.settings.tls),
        asked_by: Spot::whole("--listen"),
        optional: false,
    };
    args.listen.iter().map(listen).collect()
}

/// What the lines of the file ask for.
fn of_file(configuration: &Configuration, args: &DaemonArgs, shop: &Shop) -> (Vec<Wanted>, Vec<Remark>) {
    let (mut places, mut faults, mut of_v6_only) = (Vec::new(), Vec::new(), Vec::new());
    for group in &configuration.groups {
        let mut by_service: Vec<(Service, Arc<Settings>)> = Vec::new();
        for bind in &group.binds {
            let asked_by = &bind.spot;
            let known = by_service.iter().find(|(service, _)| *service == bind.service);
            let settings =
                known.map_or_else(|| of_group(group, bind.service), |(_, settings)| settings.clone());
            by_service.push((bind.service, settings.clone()));
            match addresses(bind, args) {
                Ok(addresses) if addresses.is_empty() => of_v6_only.push(asked_by),
                Ok(addresses) => places.extend(addresses.into_iter().map(|(address, optional)| Wanted {
                    address,
                    settings: settings.clone(),
                    tls: shop.terms(&group.settings.tls),
                    asked_by: asked_by.clone(),
                    optional,
                })),
                Err((what, hint)) => faults.push(asked_by.clone().error(what, hint)),
            }
        }
    }
    if places.is_empty() && faults.is_empty() {
        // Some other place would have done.
        let fault = |spot: &Spot| spot.clone().error("nothing is left to listen on with option -4", "");
        faults.extend(of_v6_only.into_iter().map(fault));
    }
    (places, faults)
}

/// The settings of a group for one of its services. Sessions of the same service share them.
fn of_group(group: &Group, service: Service) -> Arc<Settings> {
    Arc::new(serving(&group.settings, service))
}

/// Settings for one service.
pub(crate) fn serving(settings: &Settings, service: Service) -> Settings {
    let tls = Tls { first: service == Service::SmtpS, ..settings.tls.clone() };
    Settings { service, tls, ..settings.clone() }
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
fn with_passed(
    mut places: Vec<Wanted>,
    configuration: &Configuration,
    args: &DaemonArgs,
    passed: &[Passed],
    shop: &Shop,
) -> (Vec<Wanted>, Vec<Remark>) {
    let mut binds = configuration.groups.iter().flat_map(|group| &group.binds);
    if !passed.is_empty() && args.listen.is_empty() && binds.all(|bind| bind.spot.line == 0) {
        places.clear();
    }
    let group = &configuration.groups[0];
    let mut faults = Vec::new();
    for Passed { address, service } in passed.iter().copied() {
        if places.iter().any(|place| place.address == address) {
            continue;
        }
        if lacks_tls(service, group) {
            faults.push(Spot::whole(format!("the passed socket {address}")).error(
                format!("it is for {service}, which needs TLS"),
                "add PARAM use-tls to the default group, or take the socket out of the .socket unit",
            ));
            continue;
        }
        places.push(Wanted {
            address,
            settings: of_group(group, service),
            tls: shop.terms(&group.settings.tls),
            asked_by: Spot::whole("a socket that was passed"),
            optional: false,
        });
    }
    (places, faults)
}

/// Why a group cannot serve what a socket was passed for.
fn lacks_tls(service: Service, group: &Group) -> bool {
    service == Service::SmtpS && !group.settings.tls.offered
}

/// Without a configuration: the loopback addresses that this machine has.
fn loopback(group: &Group, args: &DaemonArgs, shop: &Shop) -> Vec<Wanted> {
    let port = args.port.unwrap_or(PLAIN_PORT);
    let settings = of_group(group, Service::Smtp);
    let at = |ip: IpAddr, optional| Wanted {
        address: SocketAddr::new(ip, port),
        settings: settings.clone(),
        tls: shop.terms(&group.settings.tls),
        asked_by: Spot::whole("no configuration file"),
        optional,
    };
    let mut places = vec![at(Ipv4Addr::LOCALHOST.into(), false)];
    if !args.only_v4 {
        places.push(at(Ipv6Addr::LOCALHOST.into(), !args.want_v6));
    }
    places
}

/// The addresses of a bind, and whether each may be done without.
fn addresses(bind: &Bind, args: &DaemonArgs) -> Result<Vec<(SocketAddr, bool)>, Fault> {
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
fn of_interface(name: &str, v4: bool, v6: bool, port: u16) -> Result<Vec<SocketAddr>, Fault> {
    let all = getifaddrs()
        .map_err(|error| (format!("the interfaces cannot be listed: {error}"), "name an address".into()))?;
    let (mut four, mut six, mut seen, mut up) = (None, None, false, false);
    let mut names = BTreeSet::new();
    for interface in all {
        if !interface.interface_name.eq_ignore_ascii_case(name) {
            names.insert(interface.interface_name);
            continue;
        }
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
        (false, _) => {
            let names: Vec<String> = names.into_iter().take(INTERFACES_TOLD).collect();
            (format!("there is no interface {name}"), format!("this machine has {}", names.join(" ")))
        }
        (true, false) => (format!("the interface {name} is down"), "set it up, or name an address".into()),
        (true, true) => (
            format!("the interface {name} has no address that fits"),
            "`ip address` shows what it has".into(),
        ),
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
        let (wanted, faults) = wanted(&configuration, true, &args, &[], &Shop::default());
        if !faults.is_empty() {
            return Err(faults.iter().map(ToString::to_string).collect());
        }
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
        let text = "PARAM use-tls\nPARAM BindSmtp iface:no-such1\nPARAM BindSmtpS any\nPARAM BindSmtp iface:no-such0 # x";
        let faults = places(text, &[]).expect_err("much");
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("t.conf:2:16: there is no interface no-such1"));
        assert!(faults[1].starts_with(
            "t.conf:4:16: there is no interface no-such0\n    PARAM BindSmtp iface:no-such0\n                   \
             ^^^^^^^^^^^^^^\n    this machine has "
        ));
        assert!(places("PARAM BindSmtp any6", &["-4"]).expect_err("nothing")[0].contains("option -4"));
    }

    #[test]
    fn every_clash_is_said_where_it_stands() {
        let text = "PARAM BindSmtp any 25\nPARAM BindSmtp [127.0.0.1] 25\nPARAM BindSmtp [127.0.0.2] 26\n\
            PARAM BindSubmit 127.0.0.2 26\nPARAM BindSmtp iface:v4:lo 25\n";
        let plain = Settings::new("mx.example");
        let examined = file::examine("t.conf", text.as_bytes(), Zenv::default(), &plain, None);
        assert_eq!(examined.errors.len(), 1, "what needs no knowledge of this machine");
        let (_, faults) =
            wanted(&examined.configuration, true, &args::daemon_args(&[]), &[], &Shop::default());
        let said: Vec<String> = faults.iter().map(Remark::short).collect();
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(
            said[0].starts_with("t.conf:2:16: 127.0.0.1:25 cannot be had: t.conf:1 names 0.0.0.0:25"),
            "{said:?}"
        );
        assert!(
            said[1].starts_with("t.conf:4:18: 127.0.0.2:26 cannot be had: t.conf:3 names it, too"),
            "{said:?}"
        );
        assert!(said[2].starts_with("t.conf:5:16: 127.0.0.1:25 "), "{said:?}");
    }
}
