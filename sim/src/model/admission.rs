//! Admission's twin: a list of all connections, counted anew for each question.

use smtpserver_core::limits::Limits;
use std::net::IpAddr;

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A session.
    Welcome,
    /// 450, and closed.
    TurnAway,
    /// Closed without a word.
    Drop,
}

/// All connections that are there.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    there: Vec<(u64, IpAddr, Door)>,
}

impl Connections {
    /// Connection `id` comes from `client`. It is there until [`Self::leave`], unless it is dropped.
    pub fn come(&mut self, limits: &Limits, id: u64, client: IpAddr) -> Door {
        let source = source(client);
        let count = |wanted: &dyn Fn(&(u64, IpAddr, Door)) -> bool| {
            u64::try_from(self.there.iter().filter(|one| wanted(one)).count()).expect("a count")
        };
        let sessions = count(&|one| one.2 == Door::Welcome);
        let sessions_here = count(&|one| one.2 == Door::Welcome && one.1 == source);
        let all = count(&|_| true);
        let all_here = count(&|one| one.1 == source);
        let same_max = u64::from(limits.same_source_max);
        let total_max = u64::from(limits.connections_max);
        let door = if sessions < total_max && sessions_here < same_max {
            Door::Welcome
        } else if all_here + 1 > 4 * same_max || all + 1 > total_max + 100 {
            Door::Drop
        } else {
            Door::TurnAway
        };
        if door != Door::Drop {
            self.there.push((id, source, door));
        }
        door
    }

    /// Connection `id` is gone.
    pub fn leave(&mut self, id: u64) {
        self.there.retain(|one| one.0 != id);
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.there.iter().filter(|one| one.2 == Door::Welcome).count()
    }
}

/// What counts as one source: an IPv4 address however it is written, or an IPv6 /64.
pub(super) fn source(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(inside) => IpAddr::V4(inside),
            None => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        },
    }
}
