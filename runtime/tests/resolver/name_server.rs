//! A small name server on loopback, over UDP and TCP, from a zone written as lines. It tells the truth, or lies in one
//! of the ways that servers and attackers do. It ends when it is dropped.
//!
//! `NAME KIND VALUE` is a record; `NAME CNAME TARGET` an alias, whose target is answered along with it. `NAME LIE` is how
//! all questions for a name are answered: see [`Lie`]. `\_` in a name stands for a space.

use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, PTR, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Ways not to tell the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// `NEVER`: no answer.
    Never,
    /// `SERVFAIL`, `REFUSED`.
    Code(ResponseCode),
    /// `GARBAGE`: octets that are no answer, over TCP too.
    Garbage,
    /// `WRONGID`: a forged answer with another id, and then the true one.
    WrongId,
    /// `ONLYWRONGID`: forged answers only.
    OnlyWrongId,
    /// `WRONGNAME`: the answer to another question.
    WrongName,
    /// `STRAY`: besides its own, a record of the same kind of some other name.
    Stray,
    /// `TRUNCATED`: nothing but "ask by TCP" over UDP.
    Truncated,
    /// `ALWAYSTRUNCATED`: that over TCP too.
    AlwaysTruncated,
}

/// A name server that runs.
pub(crate) struct NameServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    records: Vec<Record>,
    lies: Vec<(Name, Lie)>,
    asked: Mutex<Vec<String>>,
    stopping: AtomicBool,
}

impl NameServer {
    /// Starts one on a free port.
    pub(crate) fn start(zone: &str) -> NameServer {
        let (udp, tcp) = sockets();
        let address = udp.local_addr().expect("address");
        let shared = Arc::new(Shared::read(zone));
        let (for_udp, for_tcp) = (shared.clone(), shared.clone());
        let threads = vec![
            std::thread::spawn(move || for_udp.serve_udp(&udp)),
            std::thread::spawn(move || for_tcp.serve_tcp(&tcp)),
        ];
        NameServer { address, shared, threads }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every question so far: `udp example.com. MX`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().expect("lock").clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes both threads; that they are gone already is no harm.
        let waker = UdpSocket::bind("127.0.0.1:0").expect("socket");
        let _ = waker.send_to(b"", self.address);
        let _ = TcpStream::connect(self.address);
        for thread in self.threads.drain(..) {
            thread.join().expect("name server");
        }
    }
}

/// UDP and TCP on the same free port.
fn sockets() -> (UdpSocket, TcpListener) {
    (0..100)
        .find_map(|_| {
            let udp = UdpSocket::bind("127.0.0.1:0").expect("socket");
            let tcp = TcpListener::bind(udp.local_addr().expect("address")).ok()?;
            Some((udp, tcp))
        })
        .expect("a port that is free for both")
}

fn name(text: &str) -> Name {
    let labels = text.split('.').filter(|label| !label.is_empty());
    let mut name = Name::from_labels(labels.map(str::as_bytes)).expect(text);
    name.set_fqdn(true);
    name
}

impl Shared {
    fn read(zone: &str) -> Shared {
        let (mut records, mut lies) = (Vec::new(), Vec::new());
        for line in zone.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, ' ');
            let owner = name(&words.next().expect(line).replace("\\_", " "));
            let (kind, value) = (words.next().expect(line), words.next().unwrap_or_default());
            match lie(kind) {
                Some(lie) => lies.push((owner, lie)),
                None => records.push(Record::from_rdata(owner, 300, data(kind, value))),
            }
        }
        Shared { records, lies, asked: Mutex::default(), stopping: AtomicBool::new(false) }
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn serve_udp(&self, socket: &UdpSocket) {
        let mut buffer = [0; 4096];
        while !self.stopping() {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
            for answer in self.answers(&buffer[..length], "udp") {
                let _ = socket.send_to(&answer, from);
            }
        }
    }

    fn serve_tcp(&self, listener: &TcpListener) {
        while !self.stopping() {
            let Ok((mut stream, _)) = listener.accept() else { continue };
            // One question a connection is enough for tests; whoever has more connects again.
            let mut length = [0; 2];
            if self.stopping() || stream.read_exact(&mut length).is_err() {
                continue;
            }
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            if stream.read_exact(&mut question).is_err() {
                continue;
            }
            for answer in self.answers(&question, "tcp") {
                let length = u16::try_from(answer.len()).expect("short").to_be_bytes();
                let _ = stream.write_all(&[&length, answer.as_slice()].concat());
            }
        }
    }

    /// The octets to send for a question.
    fn answers(&self, octets: &[u8], by: &str) -> Vec<Vec<u8>> {
        let Ok(question) = Message::from_vec(octets) else { return vec![] };
        let Some(query) = question.queries.first().cloned() else { return vec![] };
        self.asked.lock().expect("lock").push(format!("{by} {} {}", query.name(), query.query_type()));
        let lie = self.lies.iter().find(|(owner, _)| owner == query.name()).map(|(_, lie)| *lie);
        let mut truth = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
        truth.metadata.recursion_available = true;
        truth.add_query(query.clone());
        let known = self.fill(&mut truth, query.name().clone(), query.query_type()) || lie.is_some();
        if !known {
            truth.metadata.response_code = ResponseCode::NXDomain;
        }
        let wire = |message: &Message| message.to_vec().expect("a message");
        let mut forged = truth.clone();
        forged.metadata.id = truth.metadata.id.wrapping_add(1);
        forged.answers =
            vec![Record::from_rdata(query.name().clone(), 300, RData::A(A::new(203, 0, 113, 66)))];
        match lie {
            None => vec![wire(&truth)],
            Some(Lie::Never) => vec![],
            Some(Lie::Code(code)) => {
                truth.metadata.response_code = code;
                vec![wire(&truth)]
            }
            Some(Lie::Garbage) => {
                let mut garbage = octets[..2].to_vec();
                garbage.extend_from_slice(&[
                    0x81, 0x80, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0xc0, 0x0c, 0xc0, 0x0c, 7,
                ]);
                vec![garbage]
            }
            Some(Lie::WrongId) => vec![wire(&forged), wire(&truth)],
            Some(Lie::OnlyWrongId) => vec![wire(&forged)],
            Some(Lie::WrongName) => {
                let other = name("other.example");
                forged.metadata.id = truth.metadata.id;
                forged.queries[0].set_name(other.clone());
                forged.answers[0].name = other;
                vec![wire(&forged)]
            }
            Some(Lie::Stray) => {
                truth.answers.insert(
                    0,
                    Record::from_rdata(name("stray.example"), 300, RData::A(A::new(203, 0, 113, 66))),
                );
                vec![wire(&truth)]
            }
            Some(Lie::Truncated) if by == "tcp" => vec![wire(&truth)],
            Some(Lie::Truncated | Lie::AlwaysTruncated) => {
                truth.metadata.truncation = true;
                truth.answers.clear();
                vec![wire(&truth)]
            }
        }
    }

    /// Adds what is known of a name; whether it is known at all.
    fn fill(&self, message: &mut Message, mut owner: Name, kind: RecordType) -> bool {
        // As many aliases as any test has.
        for _ in 0..8 {
            let of_name: Vec<&Record> = self.records.iter().filter(|record| record.name == owner).collect();
            if of_name.is_empty() {
                return !message.answers.is_empty();
            }
            let wanted = of_name.iter().filter(|record| record.record_type() == kind);
            message.answers.extend(wanted.map(|record| (*record).clone()));
            let Some((alias, target)) = of_name.iter().find_map(|record| {
                if let RData::CNAME(target) = &record.data { Some((*record, target)) } else { None }
            }) else {
                return true;
            };
            message.answers.push(alias.clone());
            owner = target.0.clone();
        }
        true
    }
}

fn lie(word: &str) -> Option<Lie> {
    Some(match word {
        "NEVER" => Lie::Never,
        "SERVFAIL" => Lie::Code(ResponseCode::ServFail),
        "REFUSED" => Lie::Code(ResponseCode::Refused),
        "GARBAGE" => Lie::Garbage,
        "WRONGID" => Lie::WrongId,
        "ONLYWRONGID" => Lie::OnlyWrongId,
        "WRONGNAME" => Lie::WrongName,
        "STRAY" => Lie::Stray,
        "TRUNCATED" => Lie::Truncated,
        "ALWAYSTRUNCATED" => Lie::AlwaysTruncated,
        _ => return None,
    })
}

fn data(kind: &str, value: &str) -> RData {
    match kind {
        "A" => RData::A(A(value.parse().expect(value))),
        "AAAA" => RData::AAAA(AAAA(value.parse().expect(value))),
        "CNAME" => RData::CNAME(CNAME(name(value))),
        "PTR" => RData::PTR(PTR(name(value))),
        "TXT" => RData::TXT(TXT::new(value.split('|').map(str::to_owned).collect())),
        "MX" => {
            let (preference, host) = value.split_once(' ').expect(value);
            RData::MX(MX::new(preference.parse().expect(value), name(host)))
        }
        other => panic!("{other}"),
    }
}
