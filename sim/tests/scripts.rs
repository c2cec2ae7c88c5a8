//! Every script of the repository in the core lane, as written, dribbled and glued.

use smtpserver_conformance::{Options, Style, Suite};
use smtpserver_sim::CoreLane;
use std::path::Path;

#[test]
fn every_script_passes_in_the_core_lane() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/rfc-scripts");
    let suite = Suite::collect(&root, None).expect("the scripts are there");
    let mut report = Vec::new();
    let tally = suite
        .run(&mut [Box::new(CoreLane)], &Options::default(), Style::Dots, &mut report)
        .expect("writing to memory");
    assert!(tally.succeeded(), "{}", String::from_utf8_lossy(&report));
    assert_eq!(tally.skipped, 0, "the core lane can do everything: {}", String::from_utf8_lossy(&report));
}
