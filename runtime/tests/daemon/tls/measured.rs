//! What TLS costs: for `cargo xtask bench --tls`, in a release build and on a quiet machine.
#![expect(clippy::disallowed_methods, reason = "real time is measured")]

use super::teardown::{Stream, addressed, ask, client_end, config};
use super::*;
use rustls::{ClientConfig, StreamOwned};
use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Clients at a time, for handshakes.
const CLIENTS: u32 = 4;
const SECONDS: u64 = 3;
/// Octets of the bulk message.
const BULK: usize = 256 << 20;
const IDLE: u32 = 500;

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("readable");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

fn greeted(address: SocketAddr, config: &Arc<ClientConfig>) -> Stream {
    let socket = TcpStream::connect(address).expect("a connection");
    let mut stream = StreamOwned::new(client_end(config), socket);
    assert!(ask(&mut stream, b"").starts_with("220 "));
    stream
}

#[test]
#[ignore = "takes seconds, and means nothing in a debug build: cargo xtask bench --tls"]
fn what_tls_costs() {
    let site = Site::new(
        "PARAM tls-handshakes-max 0\nPARAM MaxSameIpSource 2000\nPARAM MaxParallelConnections 2000",
    );
    let (address, config) = (site.smtps, config(&site));
    let end = Instant::now() + Duration::from_secs(SECONDS);
    let count = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0_u64;
                    while Instant::now() < end {
                        drop(greeted(address, &config));
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("it ends")).sum::<u64>()
    });
    println!(
        "handshakes, each with a connection and a greeting: {} a second, both ends on this machine",
        count / SECONDS
    );

    let mut stream = addressed(&site);
    let piece = vec![b'x'; 65_536];
    let began = Instant::now();
    stream.write_all(format!("BDAT {BULK} LAST\r\n").as_bytes()).expect("written");
    for _ in 0..BULK / piece.len() {
        stream.write_all(&piece).expect("written");
    }
    let mut reply = [0; 256];
    let length = stream.read(&mut reply).expect("a reply");
    assert!(reply[..length].starts_with(b"250"), "{}", reply[..length].escape_ascii());
    let mib = u32::try_from(BULK >> 20).expect("few");
    println!(
        "a message of {mib} MiB by BDAT: {:.0} MiB a second, synced",
        f64::from(mib) / began.elapsed().as_secs_f64()
    );

    let pid = site.server().child.id();
    let first: Vec<Stream> = (0..100).map(|_| greeted(address, &config)).collect();
    std::thread::sleep(Duration::from_millis(700));
    let before = resident_kib(pid);
    let idle: Vec<Stream> = (0..IDLE).map(|_| greeted(address, &config)).collect();
    std::thread::sleep(Duration::from_millis(700));
    let grown = resident_kib(pid).saturating_sub(before);
    let each = f64::from(u32::try_from(grown).expect("not that much")) / f64::from(IDLE);
    println!("an idle connection within TLS: {each:.1} KiB resident");
    assert!(each < 48.0, "{each} KiB are more than 48");
    drop((first, idle));
}
