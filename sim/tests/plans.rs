//! The plans that are kept: each once showed a defect, of the server or of the simulator, and breaks no law now. Those
//! named after a planted defect still show it.

use smtpserver_sim::des::Plant;
use smtpserver_sim::plan;
use smtpserver_sim::runner::judge;
use std::path::Path;

#[test]
fn no_kept_plan_breaks_a_law() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let mut plans: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder of plans")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "plan"))
        .collect();
    plans.sort();
    assert!(!plans.is_empty(), "no plans in {}", folder.display());
    for path in plans {
        let plan = plan::load(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        if let Err(failure) = judge(&plan, None, true) {
            panic!("{}: {}", path.display(), failure.violation);
        }
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        if let Ok(plant) = name.parse::<Plant>() {
            assert!(judge(&plan, Some(plant), true).is_err(), "{} does not show its defect", path.display());
        }
    }
}
