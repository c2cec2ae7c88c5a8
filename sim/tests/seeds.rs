//! Worlds under seeds: no law is broken, and each world is the same when it happens again, in this process and in
//! others.

use smtpserver_sim::plan;
use smtpserver_sim::runner::{Options, run_seeds};
use std::path::Path;
use std::process::Command;

#[test]
fn no_law_is_broken_and_every_world_repeats() {
    let mut judged = Vec::new();
    let options = Options { threads: 2, twice: true, fingerprints: false, plant: None };
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
        fingerprints(variables, &["--seeds", "20", "--threads", threads])
    };
    let one = fingerprints(&[("RUST_LOG", "trace"), ("TZ", "Asia/Tokyo")], "1");
    let other = fingerprints(&[("RUST_LOG", "off"), ("LC_ALL", "tr_TR.UTF-8"), ("HOME", "/nowhere")], "2");
    assert_eq!(one.lines().count(), 20);
    assert_eq!(one, other);
}

/// What the simulator says of these worlds, each once, in a process with these variables.
fn fingerprints(variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_smtpserver-sim"))
        .args(["--once", "--fingerprints"])
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .expect("the simulator runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn worlds_of_the_network_are_the_same_in_other_processes() {
    let worlds = ["--net", "--seeds", "6", "--from", "3"];
    let one =
        fingerprints(&[("RUST_LOG", "trace"), ("TZ", "Asia/Tokyo"), ("TOKIO_WORKER_THREADS", "1")], &worlds);
    let other =
        fingerprints(&[("RUST_LOG", "off"), ("LC_ALL", "tr_TR.UTF-8"), ("HOME", "/nowhere")], &worlds);
    assert_eq!(one.lines().count(), 6);
    assert_eq!(one, other);
}

#[test]
fn what_is_no_plan_is_refused_with_its_name_and_the_reason() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let good = include_str!("../plans/short-tarpit.plan");
    let cut = good.len() / 2;
    for (name, text, reason) in [
        ("other", good.replacen("version 1", "version 7", 1), "of version 7"),
        ("cut", good[..cut].to_owned(), "cut short"),
        ("damaged", good.replacen("heal_ms = ", "heal_ms = x", 1), "damaged"),
        ("none", "hello\n".to_owned(), "no plan"),
    ] {
        let path = folder.join(format!("{name}.plan"));
        std::fs::write(&path, text).expect("a file");
        let output = Command::new(env!("CARGO_BIN_EXE_smtpserver-sim")).arg("--plan").arg(&path).output();
        let output = output.expect("the simulator runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(reason) && said.contains(&format!("{name}.plan")), "{said}");
    }
}
