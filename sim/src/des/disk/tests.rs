//! The disk against its own word: what was promised survives, what was not is lost under some seed.

use super::*;

const NEVER: (i64, u32) = (0, 0);

/// Room for everything.
const ROOMY: Room = Room { capacity: u64::MAX, quota: u64::MAX };

fn order(seed: u64) -> Order {
    if seed.is_multiple_of(2) { Order::Names } else { Order::None }
}

fn with_file(disk: &mut Disk, octets: &[u8]) -> u64 {
    let inode = disk.fresh_inode();
    disk.carry_out(Operation::Create(inode), &[], NEVER).expect("made");
    let length = u64::try_from(octets.len()).expect("fits");
    disk.carry_out(Operation::Write(inode, length), octets, NEVER).expect("written");
    inode
}

fn do_all(disk: &mut Disk, operations: &[Operation]) {
    for operation in operations {
        disk.carry_out(*operation, &[], NEVER).expect("done");
    }
}

#[test]
fn what_was_synced_with_its_name_survives_every_cut() {
    for seed in 0..200 {
        let mut disk = Disk::new(seed, ROOMY, order(seed), &[]);
        let inode = with_file(&mut disk, &[7; 2000]);
        do_all(&mut disk, &[Operation::Sync(inode), Operation::Rename(inode), Operation::SyncRouter]);
        disk.power_cut();
        assert_eq!(disk.published().collect::<Vec<_>>(), [(inode, &[7; 2000][..])]);
    }
}

#[test]
fn each_missing_sync_shows_under_some_seed() {
    let torn = |skipped: usize| {
        (0..200).any(|seed| {
            let mut disk = Disk::new(seed, ROOMY, order(seed), &[]);
            let inode = with_file(&mut disk, &[7; 2000]);
            let steps = [Operation::Sync(inode), Operation::Rename(inode), Operation::SyncRouter];
            for (index, step) in steps.into_iter().enumerate() {
                if index != skipped {
                    disk.carry_out(step, &[], NEVER).expect("done");
                }
            }
            disk.power_cut();
            disk.published().collect::<Vec<_>>() != [(inode, &[7; 2000][..])]
        })
    };
    assert!(torn(0), "a file without its sync was never torn");
    assert!(torn(2), "a name without its sync was never lost");
    assert!(!torn(3), "with all syncs something was lost");
}

#[test]
fn where_order_is_kept_a_name_proves_what_was_written_out_before() {
    let cut_after = |steps: &dyn Fn(u64) -> Vec<Operation>| {
        let mut found = [false; 3];
        for seed in 0..200 {
            let mut disk = Disk::new(seed, ROOMY, Order::All, &[]);
            let inode = with_file(&mut disk, &[7; 2000]);
            do_all(&mut disk, &steps(inode));
            disk.power_cut();
            match disk.published().next() {
                None => found[0] = true,
                Some((_, octets)) if octets == [7; 2000] => found[1] = true,
                Some(_) => found[2] = true,
            }
        }
        found
    };
    // Not there, whole, or torn.
    let pushed = cut_after(&|inode| vec![Operation::Push(inode), Operation::Rename(inode)]);
    assert_eq!(pushed, [true, true, false]);
    let early = cut_after(&|inode| vec![Operation::Rename(inode), Operation::Push(inode)]);
    assert_eq!(early, [true, true, true]);
    let synced = |last| {
        cut_after(&move |inode| {
            vec![Operation::Push(inode), Operation::Rename(inode), Operation::Sync(inode), last]
        })
    };
    assert_eq!(synced(Operation::Measure), [true, true, false], "the sync of a file is not one of its name");
    assert_eq!(synced(Operation::SyncRouter), [false, true, false]);
}

#[test]
fn after_a_sync_that_failed_the_next_one_lies() {
    let mut disk = Disk::new(1, ROOMY, Order::Names, &[(1, Failing::Sync)]);
    let inode = with_file(&mut disk, &[7; 100]);
    assert_eq!(disk.carry_out(Operation::Sync(inode), &[], NEVER), Err(Errno::Broken));
    do_all(&mut disk, &[Operation::Sync(inode), Operation::Rename(inode), Operation::SyncRouter]);
    assert_eq!(disk.published().collect::<Vec<_>>(), [(inode, &[7; 100][..])]);
    disk.power_cut();
    assert_eq!(disk.published().collect::<Vec<_>>(), [(inode, &[0; 100][..])]);
}

#[test]
fn a_full_disk_takes_what_fits() {
    let mut disk = Disk::new(1, Room { capacity: 150, quota: u64::MAX }, Order::Names, &[]);
    with_file(&mut disk, &[7; 100]);
    let inode = disk.fresh_inode();
    disk.carry_out(Operation::Create(inode), &[], NEVER).expect("made");
    assert_eq!(disk.carry_out(Operation::Write(inode, 100), &[7; 100], NEVER), Err(Errno::Full));
    assert_eq!(disk.free_kib(), 0);
    do_all(&mut disk, &[Operation::Remove(inode)]);
    assert_eq!(disk.unfinished(), 1);
}

#[test]
fn a_torn_write_is_torn_between_sectors() {
    let found_torn = (0..200).any(|seed| {
        let mut disk = Disk::new(seed, ROOMY, order(seed), &[]);
        let inode = with_file(&mut disk, &[7; 5 * SECTOR]);
        do_all(&mut disk, &[Operation::Rename(inode), Operation::SyncRouter]);
        disk.power_cut();
        disk.published().all(|(_, octets)| {
            let sectors: Vec<bool> = octets.chunks(SECTOR).map(|sector| sector[0] == 7).collect();
            assert!(octets.chunks(SECTOR).all(|sector| sector.iter().all(|octet| *octet == sector[0])));
            sectors.contains(&true) && sectors.contains(&false)
        })
    });
    assert!(found_torn);
}

#[test]
fn a_quota_lets_so_many_octets_through_and_is_not_seen_before() {
    let mut disk = Disk::new(1, Room { capacity: 1 << 20, quota: 7 }, Order::Names, &[]);
    let inode = disk.fresh_inode();
    assert_eq!(disk.carry_out(Operation::Create(inode), &[], (0, 0)), Ok(()));
    assert_eq!(disk.free_kib(), 1024);
    assert_eq!(disk.carry_out(Operation::Write(inode, 10), b"0123456789", (0, 0)), Err(Errno::Full));
    assert_eq!(disk.carry_out(Operation::Rename(inode), &[], (0, 0)), Ok(()));
    assert_eq!(disk.published().next(), Some((inode, &b"0123456"[..])));
    disk.heal();
    assert_eq!(disk.carry_out(Operation::Write(inode, 3), b"789", (0, 0)), Ok(()));
}
