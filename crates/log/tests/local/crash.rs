//! The power fails at any call, over thousands of seeds.
//!
//! The law: every acknowledged frame is there once, at its position; none is invented; an append is
//! there wholly or not at all; what was refused for want of room never comes back.
//! `TRAILMARK_SEEDS` says how many seeds, `TRAILMARK_SEED` runs one alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::future::join_all;
use log::{
    Error, EventLog, Kind, LocalLog, Position, conformance, local::Settings, simulated::Simulated,
};

use crate::{block_on, open, text, told};

#[test]
fn after_a_power_failure_every_acknowledged_frame_is_there_once() {
    let number = |name| std::env::var(name).ok().map(|it| it.parse::<u64>().unwrap());
    let seeds = match number("TRAILMARK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("TRAILMARK_SEEDS").unwrap_or(2_000),
    };
    let next = AtomicU64::new(seeds.start);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let run = || block_on(run(seed));
                    assert!(catch_unwind(AssertUnwindSafe(run)).is_ok(), "TRAILMARK_SEED={seed}");
                }
            });
        }
    });
}

/// What happened to an append, as its caller knows.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Acknowledged,
    Refused,
    Unknown,
}

/// Whether faults are ordered, or the disk may be full.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Disk {
    IsFine,
    MayFail,
}

/// What was asked for, and what must be there.
#[derive(Default)]
struct World {
    /// Bodies of each append, with its outcome.
    appends: Vec<(Vec<String>, Outcome)>,
    /// What must stand where: acknowledged, or once seen.
    certain: BTreeMap<u64, String>,
    /// How far we have permitted to trim.
    trimmed: u64,
}

impl World {
    /// Takes note of how an append ended. Says where its intents stand.
    fn learn(
        &mut self,
        id: usize,
        kinds: &[Kind],
        result: Result<Range<Position>, Error>,
    ) -> Vec<Position> {
        let (bodies, outcome) = &mut self.appends[id];
        let Ok(range) = result else {
            *outcome = Outcome::Refused;
            return Vec::new();
        };
        *outcome = Outcome::Acknowledged;
        assert_eq!(range.end.0 - range.start.0, bodies.len() as u64);
        for (position, body) in (range.start.0..).zip(bodies) {
            assert_eq!(self.certain.insert(position, body.clone()), None, "a position twice");
        }
        let intents = (range.start.0..).zip(kinds).filter(|(_, kind)| **kind == Kind::Intent);
        intents.map(|(position, _)| Position(position)).collect()
    }
}

async fn run(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0xA076_1D64_78BD_642F) | 1);
    let machine = Simulated::new(seed);
    let world = Arc::new(Mutex::new(World::default()));
    let settings = Settings {
        segment_bytes: 600 + dice.below(4_000),
        queue_bytes: 500 + u32::try_from(dice.below(20_000)).unwrap(),
        bound_bytes: if dice.below(4) == 0 { 10_000 } else { 1 << 30 },
        ..Settings::default()
    };
    for cycle in 0..3 {
        if dice.below(8) == 0 {
            machine.set_capacity(Some(30_000 + dice.below(20_000)));
        }
        let calls = 1 + dice.below(if cycle == 0 { 60 } else { 120 });
        let restarts_only = dice.below(5) == 0;
        if restarts_only {
            machine.fail_call(calls);
        } else {
            machine.cut_power_at_call(calls);
        }
        // The power may fail while the log recovers from the last time.
        if let Ok(log) = open(&machine, &settings) {
            verify(&log, &world, Disk::MayFail).await;
            let tasks = 1 + dice.below(4) * (seed % 2);
            let tasks = (0..tasks).map(|task| {
                let dice = Dice(dice.next());
                write(&log, Arc::clone(&world), dice, format!("{cycle}.{task}"))
            });
            join_all(tasks).await;
        }
        // After a call that failed, the process ends and the page cache stays.
        if !restarts_only || dice.below(3) == 0 {
            machine.crash();
        }
        machine.clear_faults();
        machine.set_capacity(None);
    }
    let log = open(&machine, &settings).unwrap();
    verify(&log, &world, Disk::IsFine).await;
    log.trim(Position(0)).await.unwrap();
}

/// Appends until something fails.
async fn write(log: &LocalLog, world: Arc<Mutex<World>>, mut dice: Dice, name: String) {
    let mut intents = Vec::new();
    for number in 0..40 {
        let count = 1 + dice.below(5);
        let mut frames = Vec::new();
        for at in 0..count {
            let filler = "x".repeat(usize::try_from(dice.below(300)).unwrap());
            let body = format!("{name} {number}.{at} {filler}");
            let answered = (dice.below(4) == 0).then(|| intents.pop()).flatten();
            let kind = match answered {
                Some(_) => Kind::Outcome,
                None if dice.below(4) == 0 => Kind::Intent,
                None => Kind::Record,
            };
            let mut frame = conformance::frame(kind, body);
            frame.answers = answered;
            frames.push(frame);
        }
        let bodies: Vec<_> =
            frames.iter().map(|it| String::from_utf8(it.body.to_vec()).unwrap()).collect();
        let kinds: Vec<_> = frames.iter().map(|it| it.kind).collect();
        let id = {
            let mut world = world.lock().unwrap();
            world.appends.push((bodies, Outcome::Unknown));
            world.appends.len() - 1
        };
        let result = log.append(frames).await;
        if let Err(error) = &result
            && !matches!(error, Error::Full { .. })
        {
            return;
        }
        intents.extend(world.lock().unwrap().learn(id, &kinds, result));
        if dice.below(12) == 0 {
            let before = dice.below(log.durable().borrow().0 + 1);
            {
                let mut world = world.lock().unwrap();
                world.trimmed = world.trimmed.max(before);
            }
            if log.trim(Position(before)).await.is_err() {
                return;
            }
        }
    }
}

/// Compares what the log holds with what it must hold.
async fn verify(log: &LocalLog, world: &Mutex<World>, disk: Disk) {
    let first = log.first().0;
    let entries = match try_read_all(log).await {
        Ok(entries) => entries,
        Err(error) => return assert_eq!(disk, Disk::MayFail, "{error}"),
    };
    let open = log.open_intents().await;
    let mut world = world.lock().unwrap();
    assert!(first <= world.trimmed, "{first} is first, {} was permitted", world.trimmed);

    let found: BTreeMap<u64, String> = entries.iter().map(|it| (it.position.0, text(it))).collect();
    assert_eq!(found.len(), entries.len(), "a position is read twice");
    for (position, body) in world.certain.range(first..) {
        assert_eq!(found.get(position), Some(body), "position {position}");
    }
    let gaps = told(&entries);
    for gap in &gaps {
        assert_eq!(found.range(gap.clone()).next(), None, "a gap is told of that is none");
        assert_eq!(world.certain.range(gap.clone()).next(), None, "a frame was lost");
    }

    // Where there was no room for the gap frame, it follows later.
    let holes = holes(first, &entries);
    if disk == Disk::IsFine {
        for hole in holes.clone() {
            assert!(gaps.iter().any(|it| it.contains(&hole)), "{hole} is lost, nobody was told");
        }
    }

    let bodies: Vec<_> = entries.iter().filter(|it| it.frame.kind != Kind::Gap).map(text).collect();
    let unique: BTreeSet<_> = bodies.iter().cloned().collect();
    assert_eq!(unique.len(), bodies.len(), "a frame is there twice");
    let mut explained = 0;
    for (bodies, outcome) in &world.appends {
        let there = bodies.iter().filter(|it| unique.contains(*it)).count();
        explained += there;
        match outcome {
            Outcome::Acknowledged => {}
            Outcome::Refused => assert_eq!(there, 0, "a refused append came back"),
            Outcome::Unknown if holes.is_empty() && first == 0 => {
                assert!(there == 0 || there == bodies.len(), "half an append is there");
            }
            Outcome::Unknown => {}
        }
    }
    assert_eq!(explained, unique.len(), "a frame was invented");

    // Intents that lie before the first position are never open: they would have held back trimming.
    let mut expected = BTreeSet::new();
    for entry in &entries {
        if entry.frame.kind == Kind::Intent {
            expected.insert(entry.position);
        }
        if let Some(intent) = entry.frame.answers {
            expected.remove(&intent);
        }
    }
    if let Ok(open) = open {
        assert_eq!(open.iter().map(|it| it.position).collect::<BTreeSet<_>>(), expected);
    }
    // What was seen once must stay.
    world.certain.extend(found);
}

/// Positions from `first` on that no frame stands at.
fn holes(first: u64, entries: &[log::Entry]) -> Vec<u64> {
    let mut holes = Vec::new();
    let mut expected = first;
    for entry in entries {
        holes.extend(expected..entry.position.0);
        expected = entry.position.0 + 1;
    }
    holes
}

/// Like the conformance suite's, for a disk whose power may fail.
async fn try_read_all(log: &LocalLog) -> Result<Vec<log::Entry>, Error> {
    let (mut all, mut from) = (Vec::new(), log.first());
    loop {
        let entries = log.read(from, 700).await?;
        let Some(last) = entries.last() else { return Ok(all) };
        assert!(last.position >= from);
        from = last.position.next();
        all.extend(entries);
    }
}

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound.max(1)
    }
}
