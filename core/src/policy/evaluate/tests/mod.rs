//! Judgements: the worked sample and single rules. Random policies are held against a second evaluator, written apart, in
//! `sim/tests/policies.rs`.

mod rules;
mod sample;

pub(crate) use sample::POLICY as SAMPLE;
mod size;

use super::*;
use crate::policy::rules::Rules;
use crate::policy::source::{Role, SourceFile, compile};
use crate::wire::path::{Address, ForwardPath, ReversePath};
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

/// What the world answers.
type World<'a> = &'a dyn Fn(&Wish) -> Told;

fn compiled(text: &str) -> Arc<Rules> {
    let file = SourceFile { role: Role::Source, name: "test.src", text: text.as_bytes() };
    match compile(&[file]) {
        Ok(compiled) => Arc::new(compiled.rules),
        Err(faults) => panic!("{faults:?}\n{text}"),
    }
}

/// Judges until there is no wish left.
fn done<T>(world: World<'_>, mut judge: impl FnMut(&[Told]) -> Step<T>) -> T {
    let mut told = Vec::new();
    loop {
        match judge(&told) {
            Step::Done(done) => return done,
            Step::Wish(wish) => told.push(world(&wish)),
        }
        assert!(told.len() < 100, "a judgement without an end");
    }
}

fn connected(rules: &Arc<Rules>, world: World<'_>, address: &str) -> Ruling<Client> {
    let own = Arc::new(BTreeSet::from(["192.0.2.1".parse().expect("an address")]));
    let address = address.parse().expect("an address");
    done(world, |told| connect(rules, &own, address, told))
}

fn reverse(text: &str) -> ReversePath {
    if text.is_empty() {
        return ReversePath::Null;
    }
    ReversePath::Address(Address::parse(text).expect("an address"))
}

fn forward(text: &str) -> ForwardPath {
    if text == "postmaster" {
        return ForwardPath::Postmaster;
    }
    ForwardPath::Address(Address::parse(text).expect("an address"))
}
