//! The words between us and systemd, or whatever speaks like it: sockets that were opened for us, and how we are. Where
//! nobody listens (no `NOTIFY_SOCKET`), all of it is silent.

use crate::places;
use listenfd::ListenFd;
use rustix::net::sockopt;
use sd_notify::NotifyState;
use smtpserver_core::config::bind::Service;
use std::net::TcpListener;
use std::time::Duration;

/// A socket that was opened for us.
#[derive(Debug)]
pub(crate) struct Passed {
    /// What it is for.
    pub(crate) service: Service,
    /// The socket; it listens.
    pub(crate) socket: TcpListener,
}

impl Passed {
    /// Where it listens, and what for.
    pub(crate) fn place(&self) -> Result<places::Passed, String> {
        let address = self.socket.local_addr().map_err(|error| format!("a passed socket: {error}"))?;
        Ok(places::Passed { address, service: self.service })
    }
}

/// The sockets that were opened for us. To be called once, before this process opens anything: they are known by the
/// numbers of their descriptors only.
pub(crate) fn passed() -> Result<Vec<Passed>, String> {
    // An environment that was meant for another process may have come down to us.
    let ours = std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
    if !ours {
        return Ok(Vec::new());
    }
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut descriptors = ListenFd::from_env();
    (0..descriptors.len())
        .map(|index| {
            let name = names.next().unwrap_or_default();
            let fault =
                |why: &str| format!("the socket {index} ({name:?}) of LISTEN_FDS cannot be used: {why}");
            let socket = descriptors
                .take_tcp_listener(index)
                .map_err(|error| fault(&error.to_string()))?
                .ok_or_else(|| fault("it is not there"))?;
            if sockopt::socket_acceptconn(&socket) != Ok(true) {
                return Err(fault("it does not listen (Accept= must be no)"));
            }
            socket.set_nonblocking(true).map_err(|error| fault(&error.to_string()))?;
            let port = socket.local_addr().map_err(|error| fault(&error.to_string()))?.port();
            let service = service(name, port)
                .ok_or_else(|| fault("its name (FileDescriptorName=) is none of smtp, smtps, submission"))?;
            Ok(Passed { service, socket })
        })
        .collect()
}

/// What a socket of this name is for. One that was given no name has that of its unit; then the port says it.
fn service(name: &str, port: u16) -> Option<Service> {
    match name {
        "smtp" => Some(Service::Smtp),
        "smtps" => Some(Service::SmtpS),
        "submission" => Some(Service::Submit),
        "" | "unknown" => Some(by_port(port)),
        unit if unit.ends_with(".socket") => Some(by_port(port)),
        _ => None,
    }
}

fn by_port(port: u16) -> Service {
    [Service::SmtpS, Service::Submit].into_iter().find(|service| service.port() == port).unwrap_or_default()
}

/// We serve.
pub(crate) fn ready() {
    say(&[
        NotifyState::Ready,
        NotifyState::MainPid(std::process::id()),
        NotifyState::Status("receives mail"),
    ]);
}

/// We stop; so many sessions, in words, may still end.
pub(crate) fn stopping(sessions: &str) {
    let status = format!("stops, {sessions} may end");
    say(&[NotifyState::Stopping, NotifyState::Status(&status)]);
}

/// Another process of this service has taken over.
pub(crate) fn succeeded_by(pid: i32) {
    if let Ok(pid) = u32::try_from(pid) {
        say(&[NotifyState::MainPid(pid)]);
    }
}

/// Does what a reload is, and tells of its beginning and its end.
pub(crate) async fn reloading<T>(reload: impl Future<Output = T>) -> T {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => say(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!("the service manager is not told of the reload: {error}"),
    }
    let outcome = reload.await;
    say(&[NotifyState::Ready]);
    outcome
}

/// How often we must say that we live, when somebody asks for that: twice in the time that is given.
pub(crate) fn heartbeat() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2).filter(|wait| !wait.is_zero())
}

/// We live.
pub(crate) fn alive() {
    say(&[NotifyState::Watchdog]);
}

fn say(words: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(words) {
        tracing::warn!("the service manager cannot be told how we are: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_known_by_its_name_or_else_by_its_port() {
        let table = [
            ("smtp", 2525, Some(Service::Smtp)),
            ("smtps", 25, Some(Service::SmtpS)),
            ("submission", 25, Some(Service::Submit)),
            ("smtpserver.socket", 25, Some(Service::Smtp)),
            ("smtpserver.socket", 465, Some(Service::SmtpS)),
            ("smtpserver.socket", 587, Some(Service::Submit)),
            ("unknown", 2525, Some(Service::Smtp)),
            ("", 587, Some(Service::Submit)),
            ("http", 25, None),
        ];
        for (name, port, wanted) in table {
            assert_eq!(service(name, port), wanted, "{name} {port}");
        }
    }
}
