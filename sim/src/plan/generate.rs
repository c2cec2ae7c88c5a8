//! A seed makes a plan. Which kinds of trouble there are, and how much of each, is drawn first: a world with a little
//! of everything at all times would hide what only shows in a world with much of one thing.

use super::{
    AnswersPlan, Cutting, DiskPlan, Ending, Fault, HelpersPlan, LinkPlan, NamesPlan, Plan, PlannedClient,
    Side, When, policy,
};
use crate::clients::{Kind, Wishes};
use crate::des::disk::Failing;
use crate::dice::{Dice, Purpose};
use crate::trace::Fingerprint;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Seeds within a plan stay below this: TOML has no larger whole numbers.
const SEED_END: u64 = 1 << 53;
/// Five days after the healing, in milliseconds: when those come whose mail must be taken. By then even the most stubborn
/// has had all its sessions of four hours, one after the other through a door for one.
const PROBES_AFTER_MS: u64 = 5 * 24 * 3_600_000;
/// Between those, in milliseconds, so that the smallest limit has room for each.
const PROBES_APART_MS: u64 = 2 * 3_600_000;

/// Clients of a small plan, besides those that come after the healing.
const SMALL_CLIENTS: u32 = 3;
/// Messages of each, and the longest of them, in octets.
const SMALL_MESSAGES: u32 = 2;
const SMALL_OCTETS: u32 = 3_000;

/// The plan of a seed.
pub fn generate(seed: u64) -> Plan {
    draw(&mut Dice::new(seed, Purpose::Plan, 0), seed)
}

/// The small plan that octets spell: the same choices as for a seed, made by the octets in their order. All octets
/// spell one, and near octets spell near ones: that is what a fuzzer needs.
pub fn from_octets(octets: &[u8]) -> Plan {
    let mut plan = draw(&mut Dice::told(octets), Fingerprint::of(octets));
    let heal_ms = plan.heal_ms;
    plan.clients.retain(|client| client.id < SMALL_CLIENTS || client.start_ms > heal_ms);
    for client in plan.clients.iter_mut().filter(|client| client.start_ms <= heal_ms) {
        client.wishes.messages = client.wishes.messages.min(SMALL_MESSAGES);
        client.wishes.body_octets_max = client.wishes.body_octets_max.min(SMALL_OCTETS);
    }
    plan
}

fn draw(dice: &mut Dice, seed: u64) -> Plan {
    let heal_ms = *dice.pick(&[2_000, 20_000, 120_000, 900_000]);
    let count = u32::try_from(*dice.pick(&[1, 2, 3, 5, 8, 13])).expect("few");
    let few_sources = dice.chance(300);
    let kinds = kinds(dice);
    let slow_links = dice.chance(300);
    let mut clients: Vec<PlannedClient> = (0..count)
        .map(|id| {
            let kind = *dice.pick(&kinds);
            let source = source(dice, id, few_sources);
            let wishes = wishes(dice, kind, source);
            let start_ms = dice.below(heal_ms / 2);
            PlannedClient { id, start_ms, link: link(dice, slow_links), wishes }
        })
        .collect();
    let faults = faults(dice, heal_ms, &clients);
    for probe in 0..2 {
        let id = count + probe;
        let source = IpAddr::V4(Ipv4Addr::new(198, 51, 100, u8::try_from(probe).expect("few")));
        let mut wishes = wishes(dice, Kind::Honest, source);
        wishes.messages = 4;
        wishes.body_octets_max = 800;
        wishes.pause_max = Duration::ZERO;
        clients.push(PlannedClient {
            id,
            start_ms: heal_ms + PROBES_AFTER_MS + PROBES_APART_MS * u64::from(probe),
            link: link(dice, false),
            wishes,
        });
    }
    let plan = Plan {
        seed: seed % SEED_END,
        heal_ms,
        shuffle_ties: dice.chance(500),
        settings: settings(dice),
        policy: Vec::new(),
        zone: Vec::new(),
        names: NamesPlan::default(),
        parallel_syncs: *dice.pick(&[1, 2, 64]),
        disk: DiskPlan {
            capacity_kib: if dice.chance(100) { dice.between(1, 200) + 5_000 } else { 1 << 40 },
            journal: dice.chance(600),
            ordered: dice.chance(500),
            threads: *dice.pick(&[1, 2, 4, 32]),
            operation_us: *dice.pick(&[10, 100, 5_000]),
            sync_us: *dice.pick(&[100, 5_000, 50_000, 2_000_000]),
        },
        answers: answers(dice),
        helpers: HelpersPlan::default(),
        clients,
        faults,
        // Drawn last, so that seeds make the plans that they made before.
        sealed: dice.chance(100),
    };
    let plan = with_helpers(dice, plan);
    let plan = with_cuts(dice, plan);
    let plan = with_policy_service(dice, plan);
    let plan = policy::with_policy(dice, plan);
    with_milter(dice, plan)
}

/// Many honest clients and no trouble: what the speed of the simulator is measured with.
pub fn crowd(seed: u64, clients: u32, messages: u32) -> Plan {
    let link = LinkPlan { least_us: 100, most_us: 20_000, cut: Cutting::Whole, window: 65_536 };
    let clients = (0..clients)
        .map(|id| PlannedClient {
            id,
            start_ms: u64::from(id) * 3,
            link,
            wishes: Wishes {
                kind: Kind::Honest,
                messages,
                body_octets_max: 2_000,
                pause_max: Duration::ZERO,
                source: source_of_its_own(id),
                seed: (seed % SEED_END) + u64::from(id),
            },
        })
        .collect();
    Plan {
        seed: seed % SEED_END,
        heal_ms: 1_000_000,
        shuffle_ties: false,
        sealed: false,
        settings: Vec::new(),
        policy: Vec::new(),
        zone: Vec::new(),
        names: NamesPlan::default(),
        parallel_syncs: 64,
        disk: DiskPlan {
            capacity_kib: 1 << 40,
            journal: true,
            ordered: false,
            threads: 32,
            operation_us: 50,
            sync_us: 5_000,
        },
        answers: AnswersPlan::default(),
        helpers: HelpersPlan::default(),
        clients,
        faults: Vec::new(),
    }
}

/// A few kinds, so that each world has much of something; honest ones are in most.
fn kinds(dice: &mut Dice) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = (0..dice.between(1, 4)).map(|_| *dice.pick(&Kind::ALL)).collect();
    if dice.chance(800) {
        kinds.extend([Kind::Honest, Kind::Hasty]);
    }
    kinds
}

fn wishes(dice: &mut Dice, kind: Kind, source: IpAddr) -> Wishes {
    let pause_ms = *dice.pick(&[0, 0, 50, 2_000, 60_000]);
    // One that looks up all the time for hours makes a world long without making it hard.
    let pause_ms = if kind == Kind::SlowReader { pause_ms.max(5_000) } else { pause_ms };
    Wishes {
        kind,
        messages: u32::try_from(dice.between(1, 5)).expect("few"),
        body_octets_max: *dice.pick(&[100, 3_000, 3_000, 20_000, 200_000]),
        pause_max: Duration::from_millis(pause_ms),
        source,
        seed: dice.below(SEED_END),
    }
}

fn source(dice: &mut Dice, id: u32, few: bool) -> IpAddr {
    match (few, dice.chance(200)) {
        (true, _) => IpAddr::V4(Ipv4Addr::new(192, 0, 2, u8::try_from(dice.below(2)).expect("few"))),
        (false, true) => {
            let low = u16::try_from(id).unwrap_or_default();
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, low, 0, 0, 0, 1))
        }
        (false, false) => source_of_its_own(id),
    }
}

fn source_of_its_own(id: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(u32::from_be_bytes([10, 0, 0, 1]).wrapping_add(id)))
}

fn link(dice: &mut Dice, slow: bool) -> LinkPlan {
    let least_us = dice.between(10, 1_000);
    let most_us = least_us + *dice.pick(if slow { &[100_000, 3_000_000] } else { &[0, 1_000, 50_000] });
    let cut = *dice.pick(&[
        Cutting::Whole,
        Cutting::Whole,
        Cutting::Joined,
        Cutting::Pieces,
        Cutting::Pieces,
        Cutting::Octets,
    ]);
    LinkPlan { least_us, most_us, cut, window: *dice.pick(&[100, 1_000, 65_536, 65_536]) }
}

fn settings(dice: &mut Dice) -> Vec<String> {
    let choices: [(u32, &[&str]); 9] = [
        (400, &["tarpit 1 0.5 10", "tarpit 5 0.1 60", "tarpit 20 0.1 300"]),
        (200, &["MaxSameIpSource 1", "MaxSameIpSource 2"]),
        (150, &["MaxParallelConnections 1", "MaxParallelConnections 3"]),
        (200, &["maxsize 5000", "maxsize 50000"]),
        (100, &["max-unknown-commands 2"]),
        (100, &["NoPIPELINING"]),
        (100, &["NoCHUNKING"]),
        (100, &["NoENHANCEDSTATUSCODES"]),
        (150, &["bare-newline normalize"]),
    ];
    let mut lines = Vec::new();
    for (permille, values) in choices {
        if dice.chance(permille) {
            lines.push((*dice.pick(values)).to_owned());
        }
    }
    lines
}

fn answers(dice: &mut Dice) -> AnswersPlan {
    if dice.chance(600) {
        return AnswersPlan::default();
    }
    AnswersPlan {
        late: *dice.pick(&[0, 100, 500]),
        late_ms: *dice.pick(&[5, 1_000, 90_000]),
        twice: *dice.pick(&[0, 100, 500]),
        never: *dice.pick(&[0, 0, 20, 200]),
    }
}

/// A third of all worlds has a router, a content filter, or both.
fn with_helpers(dice: &mut Dice, mut plan: Plan) -> Plan {
    let (filter, router) = (dice.chance(200), dice.chance(200));
    if filter {
        plan.settings.push("contentfilter /filter".into());
        plan.settings.push(format!("contentfilter-maxpar {}", dice.pick(&[1, 2, 20])));
        if dice.chance(300) {
            plan.settings.push("contentfilter-failure defer".into());
        }
    }
    if router {
        plan.settings.push("enable-router".into());
    }
    if filter || router {
        plan.helpers = helpers(dice);
    }
    plan
}

fn helpers(dice: &mut Dice) -> HelpersPlan {
    HelpersPlan {
        work_us: *dice.pick(&[100, 10_000, 1_000_000]),
        freezes: *dice.pick(&[0, 100]),
        silent: *dice.pick(&[0, 0, 50]),
        dies: *dice.pick(&[0, 50, 500]),
        cut: *dice.pick(&[0, 0, 50]),
        twice: *dice.pick(&[0, 0, 50]),
        nonsense: *dice.pick(&[0, 0, 50]),
        late: *dice.pick(&[0, 0, 50]),
        late_ms: *dice.pick(&[1_000, 60_000, 150_000]),
    }
}

/// A tenth of all worlds has a policy service.
fn with_policy_service(dice: &mut Dice, mut plan: Plan) -> Plan {
    if dice.chance(100) {
        plan.settings.push("policy-service unix:/policy".into());
        if plan.helpers == HelpersPlan::default() {
            plan.helpers = helpers(dice);
        }
    }
    plan
}

/// One in twenty worlds has a milter.
fn with_milter(dice: &mut Dice, mut plan: Plan) -> Plan {
    if dice.chance(50) {
        plan.settings.push("milter unix:/milter".into());
        if dice.chance(300) {
            plan.settings.push("milter-failure accept".into());
        }
        if plan.helpers == HelpersPlan::default() {
            plan.helpers = helpers(dice);
        }
    }
    plan
}

/// On a disk that keeps order a name may be durable as soon as it is given. It is given once the octets are, and whether
/// that is so shows only when the power fails between the two: there it fails more often.
fn with_cuts(dice: &mut Dice, mut plan: Plan) -> Plan {
    if plan.disk.journal && plan.disk.ordered {
        let operations = operations(plan.clients.iter().filter(|client| client.start_ms < plan.heal_ms));
        for _ in 0..dice.between(2, 8) {
            let when = When::DiskOperation(dice.below(operations));
            plan.faults.push(Fault::PowerCut { when, down_ms: dice.below(5_000) });
        }
    }
    plan
}

/// About how many operations of the disk the messages of all these take, six each.
fn operations<'a>(clients: impl IntoIterator<Item = &'a PlannedClient>) -> u64 {
    let messages: u32 = clients.into_iter().map(|client| client.wishes.messages).sum();
    u64::from(messages) * 6 + 1
}

fn faults(dice: &mut Dice, heal_ms: u64, clients: &[PlannedClient]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let operations = operations(clients);
    let when = |dice: &mut Dice| {
        if dice.chance(750) {
            When::DiskOperation(dice.below(operations))
        } else {
            When::AtMs(dice.below(heal_ms))
        }
    };
    let some = |dice: &mut Dice, permille: u32, most: u64| {
        if dice.chance(permille) { dice.between(1, most) } else { 0 }
    };
    for _ in 0..some(dice, 500, 3) {
        faults.push(Fault::PowerCut { when: when(dice), down_ms: dice.below(5_000) });
    }
    for _ in 0..some(dice, 200, 3) {
        faults.push(Fault::Kill { when: when(dice), down_ms: dice.below(5_000) });
    }
    for _ in 0..some(dice, 200, 2) {
        faults.push(Fault::Stop { at_ms: dice.below(heal_ms), down_ms: dice.below(5_000) });
    }
    for _ in 0..some(dice, 150, 2) {
        let at_ms = dice.below(heal_ms);
        faults.push(Fault::Reconfigure { at_ms, settings: settings(dice), policy: Vec::new() });
    }
    for _ in 0..some(dice, 150, 2) {
        let seconds = *dice.pick(&[-86_400, -3_600, -1, 1, 3_600, 86_400]);
        faults.push(Fault::WallJump { at_ms: dice.below(heal_ms), seconds });
    }
    for _ in 0..some(dice, 100, 2) {
        faults.push(Fault::Pause { at_ms: dice.below(heal_ms), for_ms: *dice.pick(&[100, 10_000, 400_000]) });
    }
    for _ in 0..some(dice, 100, 2) {
        faults.push(Fault::ReadOnly { at_ms: dice.below(heal_ms), for_ms: dice.below(heal_ms) });
    }
    for _ in 0..some(dice, 100, 2) {
        faults.push(Fault::Full { at_ms: dice.below(heal_ms), for_ms: dice.below(heal_ms) });
    }
    for _ in 0..some(dice, 100, 2) {
        let by_ms = *dice.pick(&[50, 5_000, 700_000]);
        faults.push(Fault::SlowDisk { at_ms: dice.below(heal_ms), for_ms: dice.below(heal_ms), by_ms });
    }
    let kinds = [Failing::Write, Failing::Sync, Failing::SyncRouter, Failing::Create, Failing::Rename];
    for _ in 0..some(dice, 250, 5) {
        faults.push(Fault::DiskError { operation: dice.below(operations), kind: *dice.pick(&kinds) });
    }
    for _ in 0..some(dice, 350, 8) {
        let most = *dice.pick(&[10, 100, 1_000, 20_000]);
        faults.push(Fault::Cut {
            client: dice.pick(clients).id,
            connection: u32::try_from(dice.below(3)).expect("few"),
            side: *dice.pick(&[Side::Up, Side::Down]),
            after: dice.below(most),
            ending: *dice.pick(&[Ending::Reset, Ending::End, Ending::Silence, Ending::OneWay]),
        });
    }
    for _ in 0..some(dice, 80, 1) {
        let most = *dice.pick(&[600, 5_000, 50_000]);
        faults.push(Fault::FullAfter { octets: dice.below(most) });
    }
    for _ in 0..some(dice, 200, 4) {
        faults.push(Fault::Stall {
            client: dice.pick(clients).id,
            side: *dice.pick(&[Side::Up, Side::Down, Side::Both]),
            at_ms: dice.below(heal_ms),
            for_ms: *dice.pick(&[100, 10_000, 400_000]),
        });
    }
    faults
}
