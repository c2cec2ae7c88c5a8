//! `smtpserver policy build`, and the script with the old name.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a place to write");
}

fn build(folder: &Path) -> Output {
    let program = env!("CARGO_BIN_EXE_smtpserver");
    Command::new(program).args(["policy", "build", "-d"]).arg(folder).output().expect("the program starts")
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

const SOURCE: &str =
    ". relaytarget -\n_localnames localdomain + relaytarget +\n_full_rights relaycustnet +\n";

#[test]
fn a_good_policy_is_made_and_a_bad_one_never_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "smtp-policy.src", SOURCE);
    write(folder, "localnames", "home.example\n");
    write(folder, "smtp-policy.relay.manual", "[192.0.2.0]/24 filtering -\n");
    let output = build(folder);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("3 keys"));
    let compiled = folder.join("smtp-policy.compiled");
    let good = std::fs::read(&compiled).unwrap();
    assert!(good.starts_with(b"smtpserver policy\n"));

    write(folder, "smtp-policy.src", &SOURCE.replace("relaycustnet", "relaycustnat"));
    write(folder, "localnames", "home..example\n");
    let output = build(folder);
    assert_eq!(output.status.code(), Some(1));
    let text = error(&output);
    assert!(text.contains(
        "smtp-policy.src:3:14: there is no attribute \"relaycustnat\"; did you mean \"relaycustnet\"?\n"
    ));
    assert!(text.contains("    _full_rights relaycustnat +\n                 ^\n"), "{text}");
    assert!(text.contains("localnames:1:5: no domain"), "{text}");
    assert!(text.contains("was not replaced: 2 faults"), "{text}");
    assert_eq!(std::fs::read(&compiled).unwrap(), good);
    // Nothing half done is left behind.
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
}

#[test]
fn without_a_source_or_a_place_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let output = build(folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("smtp-policy.src"));
    write(folder.path(), "smtp-policy.src", SOURCE);
    let program = env!("CARGO_BIN_EXE_smtpserver");
    let output = Command::new(program)
        .args(["policy", "build", "-o", "nowhere/x", "-d"])
        .arg(folder.path())
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error(&output).contains("cannot write nowhere/x"));
}

#[test]
fn the_script_of_old_does_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_smtpserver")).parent().unwrap();
    let script = |words: &[&str]| {
        Command::new(root().join("dist/policy-builder.sh"))
            .args(words)
            .env("MAILVAR", folder.path())
            .env("MAILBIN", bin)
            .output()
            .unwrap()
    };
    std::fs::create_dir(folder.path().join("db")).unwrap();
    assert_eq!(script(&["-n"]).status.code(), Some(64));
    assert_eq!(script(&["-x"]).status.code(), Some(64));
    write(&folder.path().join("db"), "other.src", SOURCE);
    let output = script(&["-n", "-f", "other"]);
    assert!(output.status.success(), "{output:?}");
    assert!(folder.path().join("db/other.compiled").exists());
}
