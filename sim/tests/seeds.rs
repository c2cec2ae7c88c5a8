//! Worlds under seeds: no law is broken, and each world is the same when it happens again, in this process and in
//! others.

use smtpserver_sim::plan;
use smtpserver_sim::runner::{Options, run_seeds};
use std::process::Command;

#[test]
fn no_law_is_broken_and_every_world_repeats() {
    let mut judged = Vec::new();
    let options = Options { threads: 2, twice: true, plant: None };
    run_seeds((0, 60), options, plan::generate, |one| {
        judged.push(one.seed);
        if let Err(failure) = one.outcome {
            panic!("seed {}: {}", one.seed, failure.violation);
        }
        true
    });
    assert_eq!(judged, (0..60).collect::<Vec<_>>(), "outcomes come in the order of their seeds");
}

#[test]
fn worlds_are_the_same_in_other_processes() {
    let fingerprints = |variables: &[(&str, &str)], threads: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_smtpserver-sim"))
            .args(["--seeds", "20", "--once", "--fingerprints", "--threads", threads])
            .envs(variables.iter().copied())
            .output()
            .expect("the simulator runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let one = fingerprints(&[("RUST_LOG", "trace"), ("TZ", "Asia/Tokyo")], "1");
    let other = fingerprints(&[("RUST_LOG", "off"), ("LC_ALL", "tr_TR.UTF-8"), ("HOME", "/nowhere")], "2");
    assert_eq!(one.lines().count(), 20);
    assert_eq!(one, other);
}
