//! Bytes that change, vanish or move while nobody looks.

use std::{collections::BTreeSet, fs, ops::Range};

use log::{EventLog, Kind, LocalLog, Position, conformance, simulated::Simulated};

use crate::{append, block_on, components, open, small, text, told};

/// A log of a few segments, closed in order; its frames by position.
fn build() -> (Simulated, Vec<String>) {
    let machine = Simulated::new(1);
    let mut bodies = Vec::new();
    block_on(async {
        let log = open(&machine, &small()).unwrap();
        for (number, frames) in [1, 3, 2, 1, 4, 1, 1, 2].into_iter().enumerate() {
            // Without repetition, lest bytes are taken out and the same ones move up.
            let filler =
                |from: usize| (from..from + 15).map(|it| format!("{:05}", it * it % 99_991));
            let texts = (0..frames).map(|at| {
                let filler: String = filler(number * 700 + at * 50).collect();
                format!("{number}.{at} {}", &filler.get(..40 + 10 * at).unwrap())
            });
            let texts: Vec<_> = texts.collect();
            let frames = texts.iter().map(|it| conformance::frame(Kind::Record, it.clone()));
            log.append(frames.collect()).await.unwrap();
            bodies.extend(texts);
        }
        log.close().await;
    });
    assert!(segments(&machine).len() >= 3, "{:?}", machine.files());
    (machine, bodies)
}

fn segments(machine: &Simulated) -> Vec<String> {
    machine.files().into_iter().filter(|it| it.ends_with(".segment") && !it.contains('/')).collect()
}

/// Where the frames of a segment lie, with their positions.
fn frames(machine: &Simulated, segment: &str) -> Vec<(u64, Range<usize>)> {
    let bytes = machine.contents(segment).unwrap();
    let starts = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&[0xFF, 0xF9, 0xFE, 0xF8]));
    starts
        .map(|at| {
            let number =
                |from: usize| u32::from_le_bytes(bytes[from..from + 4].try_into().unwrap());
            let length = 72 + usize::from(bytes[at + 18]) + usize::from(bytes[at + 19]);
            let position = u64::from_le_bytes(bytes[at + 20..at + 28].try_into().unwrap());
            (position, at..at + length + number(at + 8) as usize)
        })
        .collect()
}

/// Opens a damaged log and checks that exactly `lost` is lost and told of, now and ever after.
#[track_caller]
fn check(machine: &Simulated, bodies: &[String], lost: &BTreeSet<u64>, what: &str) {
    for round in 0..3 {
        let entries = block_on(async {
            let log = open(machine, &small()).unwrap_or_else(|error| panic!("{what}: {error}"));
            let mut entries = Vec::new();
            // The second pass sees the gap frames of what the first one found.
            for _ in 0..2 {
                entries = conformance::read_all(&log, 500).await;
            }
            entries
        });
        let mut expected = (0..).zip(bodies.iter().cloned()).collect::<Vec<(u64, String)>>();
        expected.retain(|(position, _)| !lost.contains(position));
        let found: Vec<_> = entries
            .iter()
            .filter(|it| it.frame.kind == Kind::Record)
            .map(|it| (it.position.0, text(it)))
            .collect();
        assert_eq!(found, expected, "{what}, round {round}");
        let told: Vec<u64> = told(&entries).into_iter().flatten().collect();
        assert_eq!(told.len(), told.iter().collect::<BTreeSet<_>>().len(), "{what}: told twice");
        assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), *lost, "{what}, round {round}");
    }
}

#[test]
fn a_flipped_byte_loses_the_frame_it_is_in_and_no_other() {
    let (machine, bodies) = build();
    for name in segments(&machine) {
        let bytes = machine.contents(&name).unwrap();
        let frames = frames(&machine, &name);
        for at in 0..bytes.len() {
            let damaged = machine.copy(at as u64);
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << (at % 8);
            damaged.put(&name, &bytes);
            let lost = frames.iter().filter(|(_, range)| range.contains(&at)).map(|(it, _)| *it);
            check(&damaged, &bodies, &lost.collect(), &format!("{name} flipped at {at}"));
        }
    }
}

#[test]
fn a_segment_cut_at_any_byte_loses_what_was_cut_off_and_nothing_else() {
    let (machine, bodies) = build();
    for name in segments(&machine) {
        let bytes = machine.contents(&name).unwrap();
        let frames = frames(&machine, &name);
        for at in 0..bytes.len() {
            let damaged = machine.copy(at as u64);
            damaged.put(&name, &bytes[..at]);
            let lost = frames.iter().filter(|(_, range)| at < range.end).map(|(it, _)| *it);
            check(&damaged, &bodies, &lost.collect(), &format!("{name} cut at {at}"));
        }
    }
}

#[test]
fn bytes_taken_out_of_a_segment_lose_the_frames_they_were_in_and_no_other() {
    let (machine, bodies) = build();
    for name in segments(&machine) {
        let bytes = machine.contents(&name).unwrap();
        let frames = frames(&machine, &name);
        for (at, length) in (0..bytes.len()).step_by(3).zip([1, 7, 60, 300].into_iter().cycle()) {
            let end = (at + length).min(bytes.len());
            let damaged = machine.copy(at as u64);
            damaged.put(&name, &[&bytes[..at], &bytes[end..]].concat());
            let lost =
                frames.iter().filter(|(_, it)| at < it.end && it.start < end).map(|(it, _)| *it);
            check(&damaged, &bodies, &lost.collect(), &format!("{name} without {at}..{end}"));
        }
    }
}

#[test]
fn without_the_state_file_only_the_end_of_the_last_commit_can_be_lost_in_silence() {
    let (machine, bodies) = build();
    machine.delete("state");
    let name = segments(&machine).pop().unwrap();
    let bytes = machine.contents(&name).unwrap();
    let frames = frames(&machine, &name);
    // The last append was one commit of two frames.
    let last_commit = bodies.len() as u64 - 2;
    for at in 0..bytes.len() {
        let damaged = machine.copy(at as u64);
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        damaged.put(&name, &flipped);
        let lost: Vec<_> =
            frames.iter().filter(|(_, range)| range.contains(&at)).map(|(it, _)| *it).collect();
        if lost.iter().all(|it| *it < last_commit) {
            check(&damaged, &bodies, &lost.into_iter().collect(), &format!("flipped at {at}"));
            continue;
        }
        block_on(async {
            let log = open(&damaged, &small()).unwrap();
            let entries = conformance::read_all(&log, 500).await;
            let found: Vec<_> = entries.iter().map(|it| it.position.0).collect();
            assert!(found.starts_with(&(0..last_commit).collect::<Vec<_>>()), "{found:?}");
        });
    }
}

#[test]
fn a_damaged_state_file_loses_nothing() {
    let (machine, bodies) = build();
    let bytes = machine.contents("state").unwrap();
    for at in (0..bytes.len()).filter(|at| at % 4_096 < 80) {
        let damaged = machine.copy(1);
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x40;
        damaged.put("state", &bytes);
        check(&damaged, &bodies, &BTreeSet::new(), &format!("state flipped at {at}"));
        damaged.put("state", &bytes[..at]);
        check(&damaged, &bodies, &BTreeSet::new(), &format!("state cut at {at}"));
    }
}

#[test]
fn a_frame_that_lies_in_the_place_of_another_is_not_read_twice() {
    let (machine, bodies) = build();
    for name in segments(&machine) {
        let bytes = machine.contents(&name).unwrap();
        let frames = frames(&machine, &name);
        for (one, from) in &frames {
            for (other, to) in
                frames.iter().filter(|(other, to)| other != one && to.len() == from.len())
            {
                let damaged = machine.copy(1);
                let mut copied = bytes.clone();
                copied.copy_within(from.clone(), to.start);
                damaged.put(&name, &copied);
                let what = format!("{one} in the place of {other}");
                check(&damaged, &bodies, &[*other].into(), &what);
            }
        }
    }
}

#[test]
fn a_segment_that_is_gone_is_told_of_wherever_it_was() {
    let (machine, bodies) = build();
    for name in segments(&machine) {
        let damaged = machine.copy(1);
        let lost = frames(&machine, &name).iter().map(|(it, _)| *it).collect();
        damaged.delete(&name);
        check(&damaged, &bodies, &lost, &format!("without {name}"));
    }
    let damaged = machine.copy(1);
    segments(&machine).iter().for_each(|it| damaged.delete(it));
    check(&damaged, &bodies, &(0..bodies.len() as u64).collect(), "without any segment");
}

#[test]
fn a_damaged_segment_goes_to_the_quarantine_as_it_was() {
    let (machine, bodies) = build();
    let name = segments(&machine)[0].clone();
    let mut bytes = machine.contents(&name).unwrap();
    let (position, range) = frames(&machine, &name)[1].clone();
    bytes[range.end - 1] ^= 1;
    machine.put(&name, &bytes);
    check(&machine, &bodies, &[position].into(), "quarantine");
    assert_eq!(machine.contents(&format!("quarantine/{name}.0")), Some(bytes));
    assert_ne!(machine.contents(&name), machine.contents(&format!("quarantine/{name}.0")));
}

#[test]
fn a_real_disk_has_a_quarantine_too() {
    let folder = tempfile::tempdir().unwrap();
    let open = || LocalLog::open(folder.path(), small(), components()).unwrap();
    block_on(async {
        let log = open();
        for number in 0..20 {
            append(&log, &format!("{number} {}", "x".repeat(150))).await.unwrap();
        }
        let segment = folder.path().join("0000000000000000.segment");
        let mut bytes = fs::read(&segment).unwrap();
        bytes[100] ^= 1;
        fs::write(&segment, &bytes).unwrap();
        assert_eq!(log.read(Position(0), 1).await.unwrap()[0].position, Position(1));
        let aside = folder.path().join("quarantine/0000000000000000.segment.0");
        assert_eq!(fs::read(aside).unwrap(), bytes);
        drop(log);
        let entries = conformance::read_all(&open(), 1_000).await;
        assert_eq!((entries.len(), told(&entries).len()), (20, 1));
    });
}

#[test]
fn a_power_failure_at_any_moment_of_a_repair_does_no_more_harm() {
    let (machine, bodies) = build();
    let names = segments(&machine);
    let mut lost = BTreeSet::new();
    // One frame of the first and of the last segment, and a whole one in the middle.
    for name in [&names[0], &names[names.len() - 1]] {
        let mut bytes = machine.contents(name).unwrap();
        let (position, range) = frames(&machine, name)[0].clone();
        bytes[range.start + 30] ^= 1;
        if *name == names[0] {
            // Also without its footer, so that opening looks at it.
            bytes.truncate(bytes.len() - 1);
        }
        machine.put(name, &bytes);
        lost.insert(position);
    }
    lost.extend(frames(&machine, &names[1]).iter().map(|(it, _)| *it));
    machine.delete(&names[1]);
    for seed in 0..10 {
        for call in 1.. {
            let damaged = machine.copy(seed * 1_000 + call);
            damaged.cut_power_at_call(call);
            let opened = open(&damaged, &small()).is_ok();
            damaged.crash();
            check(&damaged, &bodies, &lost, &format!("seed {seed}, power cut at call {call}"));
            if opened {
                assert!(call > 20, "a repair takes more than {call} calls");
                break;
            }
        }
    }
}

#[test]
fn damage_met_while_reading_is_told_of_and_skipped_at_once() {
    let (machine, bodies) = build();
    let log = open(&machine, &small()).unwrap();
    let name = segments(&machine)[1].clone();
    let mut bytes = machine.contents(&name).unwrap();
    let (position, range) = frames(&machine, &name)[0].clone();
    bytes[range.start + 80] ^= 1;
    machine.put(&name, &bytes);
    block_on(async {
        let end = *log.durable().borrow();
        let entries = log.read(Position(position), 1).await.unwrap();
        assert_eq!(entries[0].position, Position(position + 1));
        assert_eq!(text(&entries[0]), bodies[usize::try_from(position).unwrap() + 1]);
        let gap = log.read(end, 1).await.unwrap();
        assert_eq!(told(&gap).into_iter().flatten().collect::<Vec<_>>(), [position]);
        assert_eq!(log.usage().gaps, 1);
        assert_eq!(append(&log, "more").await.unwrap(), end.next());
    });
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let (machine, _) = build();
    for (name, at, end) in [("state", 8, 50), (segments(&machine)[0].as_str(), 8, 34)] {
        let newer = machine.copy(1);
        let mut bytes = machine.contents(name).unwrap();
        bytes[at] = 2;
        // All slots of the state file say it, each with its checksum.
        let slots = if name == "state" { vec![0, 4_096, 8_192] } else { vec![0] };
        for slot in slots {
            bytes[slot + at] = 2;
            let sum = crc32c::crc32c(&bytes[slot..slot + end]).to_le_bytes();
            bytes[slot + end..slot + end + 4].copy_from_slice(&sum);
        }
        newer.put(name, &bytes);
        let error = open(&newer, &small()).unwrap_err();
        assert!(matches!(error, log::Error::Version { version: 2, .. }), "{error}");
        assert_eq!(newer.contents(name), Some(bytes));
    }
}
