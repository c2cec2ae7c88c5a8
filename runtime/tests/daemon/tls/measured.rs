//! What TLS costs: for `cargo xtask bench --tls`, in a release build and on a quiet machine. Other servers, which must speak
//! SMTPS with any certificate, are measured in turn with ours.
#![expect(clippy::disallowed_methods, reason = "real time is measured")]

use super::teardown::{Stream, ask, client_end};
use super::*;
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Names and addresses of the others: `NAME=HOST:PORT`, with blanks between them.
const PEERS: &str = "SMTPSERVER_TLS_PEERS";
/// Clients at a time, for handshakes.
const CLIENTS: u32 = 4;
/// Each is measured so often, for so long.
const ROUNDS: usize = 3;
const SECONDS: u64 = 3;
/// Octets of the bulk message.
const BULK: usize = 256 << 20;
const IDLE: u32 = 500;

/// Trusts everybody, and checks signatures all the same: what a client computes is as usual.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        said: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(said, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        said: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(said, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A client that keeps no session: each handshake is a whole one.
fn trusting() -> Arc<ClientConfig> {
    let builder = ClientConfig::builder();
    let verifier = Arc::new(Anybody(builder.crypto_provider().clone()));
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("readable");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

fn greeted(address: SocketAddr, config: &Arc<ClientConfig>) -> Stream {
    let socket = TcpStream::connect(address).expect("a connection");
    let mut stream = Stream::new(client_end(config), socket);
    assert!(ask(&mut stream, b"").starts_with("220 "));
    stream
}

/// Handshakes a second, each with a connection and a greeting.
fn handshakes(address: SocketAddr, config: &Arc<ClientConfig>) -> u64 {
    let end = Instant::now() + Duration::from_secs(SECONDS);
    let client = || {
        let mut count = 0;
        while Instant::now() < end {
            drop(greeted(address, config));
            count += 1;
        }
        count
    };
    let count: u64 = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(|client| client.join().expect("it ends")).sum()
    });
    count / SECONDS
}

/// How long NOOP takes somebody in clear text while others do nothing but handshakes: the median, and the longest but one in
/// a hundred; and how many handshakes a second those were.
fn beside_handshakes(site: &Site, config: &Arc<ClientConfig>) -> (Duration, Duration, u64) {
    let address = site.smtps;
    std::thread::scope(|scope| {
        let flood = scope.spawn(move || handshakes(address, config));
        let mut client = site.server().session();
        let mut waits = Vec::new();
        while !flood.is_finished() {
            let before = Instant::now();
            assert_eq!(client.ask("NOOP").code, 250);
            waits.push(before.elapsed());
            std::thread::sleep(Duration::from_millis(1));
        }
        waits.sort();
        let late = waits[waits.len() * 99 / 100];
        (waits[waits.len() / 2], late, flood.join().expect("it ends"))
    })
}

/// MiB a second of one long message by BDAT, until it is accepted.
fn bulk(address: SocketAddr, config: &Arc<ClientConfig>, to: &str) -> f64 {
    let mut stream = greeted(address, config);
    for command in ["EHLO client.example", "MAIL FROM:<ann@client.example>", &format!("RCPT TO:<{to}>")] {
        assert!(ask(&mut stream, format!("{command}\r\n").as_bytes()).starts_with("250"), "{command}");
    }
    let piece = [b'x'; 78].into_iter().chain(*b"\r\n").cycle().take(65_520).collect::<Vec<_>>();
    let pieces = BULK / piece.len();
    let octets = pieces * piece.len();
    let began = Instant::now();
    stream.write_all(format!("BDAT {octets} LAST\r\n").as_bytes()).expect("written");
    for _ in 0..pieces {
        stream.write_all(&piece).expect("written");
    }
    let mut reply = [0; 256];
    let length = stream.read(&mut reply).expect("a reply");
    assert!(reply[..length].starts_with(b"250"), "{}", reply[..length].escape_ascii());
    f64::from(u32::try_from(octets >> 20).expect("few")) / began.elapsed().as_secs_f64()
}

fn median<T: PartialOrd + Copy>(mut all: Vec<T>) -> T {
    all.sort_by(|one, other| one.partial_cmp(other).expect("numbers"));
    all[all.len() / 2]
}

#[test]
#[ignore = "takes seconds, and means nothing in a debug build: cargo xtask bench --tls"]
fn what_tls_costs() {
    let site = Site::new(
        "PARAM tls-handshakes-max 0\nPARAM MaxSameIpSource 2000\nPARAM MaxParallelConnections 2000",
    );
    let config = trusting();
    let mut subjects = vec![("smtpserver".to_owned(), site.smtps, "bob@local.example")];
    for peer in std::env::var(PEERS).unwrap_or_default().split_whitespace() {
        let (name, address) = peer.split_once('=').expect("NAME=HOST:PORT");
        subjects.push((name.to_owned(), address.parse().expect("an address"), "postmaster"));
    }
    let mut all: Vec<(Vec<u64>, Vec<f64>)> = subjects.iter().map(|_| Default::default()).collect();
    for _ in 0..ROUNDS {
        for ((_, address, to), (rates, flows)) in subjects.iter().zip(&mut all) {
            rates.push(handshakes(*address, &config));
            flows.push(bulk(*address, &config, to));
        }
    }
    println!("medians of {ROUNDS} rounds; both ends on this machine");
    for ((name, ..), (rates, flows)) in subjects.iter().zip(all) {
        println!(
            "{name}: {} handshakes a second, each with a connection and a greeting; a message of {} MiB at {:.0} MiB a second",
            median(rates),
            BULK >> 20,
            median(flows)
        );
    }

    let (median, late, rate) = beside_handshakes(&site, &config);
    println!(
        "smtpserver: beside {rate} handshakes a second NOOP in clear text takes {} us, one in a hundred more than {} us",
        median.as_micros(),
        late.as_micros()
    );

    let pid = site.server().child.id();
    let first: Vec<Stream> = (0..100).map(|_| greeted(site.smtps, &config)).collect();
    std::thread::sleep(Duration::from_millis(700));
    let before = resident_kib(pid);
    let idle: Vec<Stream> = (0..IDLE).map(|_| greeted(site.smtps, &config)).collect();
    std::thread::sleep(Duration::from_millis(700));
    let grown = resident_kib(pid).saturating_sub(before);
    let each = f64::from(u32::try_from(grown).expect("not that much")) / f64::from(IDLE);
    println!("smtpserver: an idle connection within TLS takes {each:.1} KiB resident");
    assert!(each < 48.0, "{each} KiB are more than 48");
    drop((first, idle));
}
