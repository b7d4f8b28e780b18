//! Too little room: a full disk, and the bound on disk use.

use std::{fs, path::Path, process::Command};

use log::{
    Error, EventLog, Kind, LocalLog, Position, conformance, local::Settings, simulated::Simulated,
};

use crate::{append, block_on, components, open, small, text};

#[test]
fn a_full_disk_refuses_appends_and_nothing_else_until_there_is_room() {
    // Wherever the disk is full: in a header, in a frame, in a footer.
    for capacity in (12_300..14_800).step_by(7) {
        block_on(async {
            let machine = Simulated::new(capacity);
            let log = open(&machine, &small()).unwrap();
            machine.set_capacity(Some(capacity));
            let mut kept = Vec::new();
            let mut number = 0;
            loop {
                number += 1;
                let body = format!("{number} {}", "x".repeat(150));
                match append(&log, &body).await {
                    Ok(_) => kept.push(body),
                    Err(Error::Full { .. }) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            assert!(log.usage().full);
            append(&log, &"refused".repeat(50)).await.unwrap_err();
            let read = conformance::read_all(&log, 1_000).await;
            assert_eq!(read.iter().map(text).collect::<Vec<_>>(), kept);
            machine.set_capacity(Some(capacity + 3_000));
            append(&log, "more").await.unwrap();
            kept.push("more".to_owned());
            assert!(!log.usage().full);
            drop(log);
            machine.crash();
            let log = open(&machine, &small()).unwrap();
            let read = conformance::read_all(&log, 1_000).await;
            assert_eq!(read.iter().map(text).collect::<Vec<_>>(), kept, "capacity {capacity}");
        });
    }
}

#[test]
fn the_bound_on_disk_use_is_kept_after_an_alarm_and_trimming_gives_room_back() {
    block_on(async {
        let machine = Simulated::new(1);
        let settings = Settings { bound_bytes: 20_000, reserve_bytes: 0, ..small() };
        let log = open(&machine, &settings).unwrap();
        let mut alarms = 0;
        let error = loop {
            let usage = log.usage();
            alarms += u32::from(usage.alarm && !usage.full);
            assert_eq!(usage.alarm, usage.bytes >= 16_000, "{usage:?}");
            match append(&log, &"x".repeat(150)).await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(alarms > 5, "an alarm comes before the bound");
        assert!(matches!(error, Error::Full { used: 19_000.., bound: 20_000 }), "{error}");
        let files = machine.files().into_iter().filter(|it| it.ends_with(".segment"));
        let used: usize = files.map(|it| machine.contents(&it).unwrap().len()).sum();
        assert!(used <= 20_200, "{used}");
        log.trim(Position(40)).await.unwrap();
        assert!(!log.usage().alarm);
        append(&log, "more").await.unwrap();
        assert!(!log.usage().full);
    });
}

#[test]
fn ordinary_appends_leave_the_reserve_to_those_that_may_use_it() {
    block_on(async {
        let machine = Simulated::new(1);
        let settings = Settings { bound_bytes: 20_000, reserve_bytes: 2_000, ..small() };
        let log = open(&machine, &settings).unwrap();
        let reserved = async || {
            let frame = conformance::frame(Kind::Record, "x".repeat(150));
            log.append_reserved(vec![frame]).await
        };
        assert_eq!(log.usage().bound, 18_000);
        while append(&log, &"x".repeat(150)).await.is_ok() {}
        assert!(log.usage().full && log.usage().bytes > 17_000, "{:?}", log.usage());

        let mut from_reserve = 0;
        let error = loop {
            match reserved().await {
                Ok(_) => from_reserve += 1,
                Err(error) => break error,
            }
            assert!(log.usage().full, "what uses the reserve does not show that there is room");
            append(&log, &"x".repeat(150)).await.unwrap_err();
        };
        assert!(from_reserve >= 5, "{from_reserve}");
        assert!(matches!(error, Error::Full { .. }), "{error}");
        // A new segment's footer and header are not counted beforehand.
        assert!((19_000..20_300).contains(&log.usage().bytes), "{:?}", log.usage());

        log.trim(Position(40)).await.unwrap();
        append(&log, "more").await.unwrap();
        reserved().await.unwrap();
        assert!(!log.usage().full);
    });
}

#[test]
fn the_reserve_is_a_small_part_of_the_bound() {
    let machine = Simulated::new(1);
    let settings = Settings { bound_bytes: 20_000, reserve_bytes: 1 << 40, ..small() };
    assert_eq!(open(&machine, &settings).unwrap().usage().bound, 17_500);
}

#[test]
fn a_loss_that_finds_no_room_is_told_of_once_there_is_some() {
    let mut postponed = 0;
    // From no room even for the note, to room for the note and not for the frame, to room for both.
    for room in 0..500 {
        block_on(async {
            let machine = Simulated::new(room);
            let log = open(&machine, &small()).unwrap();
            for number in 0..9 {
                append(&log, &format!("{number} {}", "x".repeat(150))).await.unwrap();
            }
            drop(log);
            let files = machine.files();
            machine.delete(&files[1]);
            let sizes = files.iter().filter_map(|it| Some(machine.contents(it)?.len() as u64));
            machine.set_capacity(Some(sizes.sum::<u64>() + room));
            if let Ok(log) = open(&machine, &small()) {
                assert!(conformance::read_all(&log, 500).await.len() < 9);
                postponed += u32::from(log.usage().gaps == 0);
            }
            machine.crash();
            machine.set_capacity(None);
            let log = open(&machine, &small()).unwrap();
            let lost = 9 - log.read(Position(0), 5_000).await.unwrap().len() as u64 + 1;
            let told = crate::told(&log.read(Position(9), 500).await.unwrap());
            assert_eq!(told.iter().map(|it| it.end - it.start).sum::<u64>(), lost, "room {room}");
        });
    }
    assert!(postponed > 5, "{postponed}");
}

#[test]
fn a_full_tmpfs_refuses_appends_and_recovers_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mounted) = Tmpfs::mount(folder.path()) else {
        println!("not allowed to mount a tmpfs: the simulated disk stands in for it");
        return;
    };
    block_on(async {
        let path = folder.path().join("log");
        let ballast = folder.path().join("ballast");
        fs::write(&ballast, vec![1; 300 << 10]).unwrap();
        let settings = Settings { segment_bytes: 100 << 10, ..Settings::default() };
        let open = || LocalLog::open(&path, settings.clone(), components()).unwrap();
        let log = open();
        let mut kept = 0;
        while append(&log, &format!("{kept} {}", "x".repeat(5_000))).await.is_ok() {
            kept += 1;
        }
        assert!(kept > 50, "{kept}");
        for _ in 0..3 {
            let error = append(&log, &"y".repeat(5_000)).await.unwrap_err();
            assert!(matches!(error, Error::Full { .. }), "{error}");
            assert_eq!(conformance::read_all(&log, 50_000).await.len(), kept);
        }
        fs::remove_file(ballast).unwrap();
        append(&log, "more").await.unwrap();
        drop(log);
        let entries = conformance::read_all(&open(), 50_000).await;
        assert_eq!(entries.len(), kept + 1);
        assert_eq!(entries.last().map(text).unwrap(), "more");
    });
}

/// A small file system in memory, until dropped.
struct Tmpfs<'a>(&'a Path);

impl<'a> Tmpfs<'a> {
    fn mount(path: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "trailmark"]).arg(path);
        let output = mount.output().ok()?;
        output.status.success().then_some(Self(path))
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg("-l").arg(self.0).status().unwrap().success());
    }
}
