//! Tells rustc that `cfg(fuzzing)` is meant: `cargo xtask fuzz` sets it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(fuzzing)");
}
