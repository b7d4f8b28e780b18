//! The keeper on the real log, killed where it hurts, against the definitions of RFC 6962.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use integrity::tree::{Checkpoint, Entry, Hash, Policy, Salt, builder::entries_of};
use log::{
    Evidence, Frame, Kind, LocalLog, Marks, Position,
    local::{Components as LogComponents, Gap, GapRecord, Settings},
};
use record::{AccountId, Category};
use testkit::{ManualClock, SeededRandom, records::Generator};

use crate::{Components, Error, Prover, TreeKeeper, erasure};

struct House {
    folder: tempfile::TempDir,
    components: Components,
    clock: ManualClock,
    generator: Generator,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ambient, clock) = testkit::ambient("2026-03-01T23:59:00Z".parse().unwrap(), 7);
        let gap_body = |gap: &Gap| GapRecord {
            body: format!("lost {} to {}", gap.from, gap.to).into(),
            account: AccountId::parse("123456789012").unwrap(),
            region: "us-east-1".to_owned(),
        };
        let parts = LogComponents { ambient: ambient.clone(), gap_body: Arc::new(gap_body) };
        let log = LocalLog::open(&folder.path().join("log"), Settings::default(), parts).unwrap();
        let origin = "trailmark/123456789012".parse().unwrap();
        let components = Components { ambient, log: Arc::new(log), origin };
        let generator = Generator::new(3, testkit::records::Population::default());
        Self { folder, components, clock, generator }
    }

    fn frame(&mut self, kind: Kind) -> Frame {
        Frame {
            kind,
            evidence: Evidence::Server,
            marks: Marks::NONE,
            category: Category::Management,
            arrival: self.components.ambient.clock.now(),
            source: "test".to_owned(),
            source_sequence: 0,
            account: AccountId::parse("123456789012").unwrap(),
            region: "us-east-1".to_owned(),
            answers: None,
            body: self.generator.record().into(),
        }
    }

    /// Appends `count` records, and now and then a frame that is none. Gives what should be leaves.
    async fn append(&mut self, count: usize) -> Vec<(Position, Frame)> {
        let kinds = [Kind::Record, Kind::Record, Kind::Heartbeat, Kind::Gap, Kind::Record];
        let frames: Vec<Frame> = (0..count).map(|at| self.frame(kinds[at % kinds.len()])).collect();
        let positions = self.components.log.append(frames.clone()).await.unwrap();
        (positions.start.0..)
            .map(Position)
            .zip(frames)
            .filter(|(_, it)| it.kind.has_record())
            .collect()
    }

    async fn keeper(&self) -> TreeKeeper {
        TreeKeeper::open(self.tree(), self.components.clone()).await.unwrap()
    }

    fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    fn bytes_of(&self, entry: &Entry) -> Result<Option<Vec<u8>>, Error> {
        let log = self.folder.path().join("log");
        let found = log::offline::read(&log, Position(entry.sequence)).unwrap();
        Ok(found.map(|it| it.frame.body.to_vec()))
    }
}

/// `MTH` as RFC 6962 section 2.1 defines it.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty(),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
            Hash::node(&root(left), &root(right))
        }
    }
}

/// All entries of the stored tree, read as an auditor would who has the folder alone.
fn stored_entries(tree: &Path, size: u64) -> Vec<Entry> {
    let bundles = size.div_ceil(256);
    let read = |number: u64| {
        let (tile, _) = integrity::tree::Tile::of_entry(number * 256, size).unwrap();
        entries_of(&fs::read(tree.join(tile.to_string())).unwrap()).unwrap()
    };
    (0..bundles).flat_map(read).collect()
}

/// The stored tree has one leaf for each record, in order, and the checkpoint's root is theirs.
async fn check(house: &House, keeper: &TreeKeeper, expected: &[(Position, Frame)]) {
    let signed = keeper.checkpoint().borrow().clone().unwrap();
    let entries = stored_entries(&house.tree(), signed.head.size);
    let sequences: Vec<u64> = entries.iter().map(|it| it.sequence).collect();
    let wanted: Vec<u64> = expected.iter().map(|it| it.0.0).collect();
    assert_eq!(sequences, wanted);
    let leaves: Vec<Hash> = entries.iter().map(Entry::leaf_hash).collect();
    assert_eq!(signed.head.root, root(&leaves));
    assert_eq!(Checkpoint::open(&signed.note, keeper.verifier()).unwrap().head, signed.head);
    assert_eq!(
        fs::read_to_string(house.tree().join("checkpoint")).unwrap(),
        signed.note.to_string()
    );
}

fn between(random: &SeededRandom, range: Range<u64>) -> u64 {
    let mut bytes = [0; 8];
    ambient::Random::fill(random, &mut bytes);
    range.start + u64::from_le_bytes(bytes) % (range.end - range.start)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_is_killed_anywhere_has_every_record_once_and_the_root_of_the_definition() {
    let mut house = House::new();
    let random = SeededRandom::new(11);
    let mut expected = Vec::new();
    for _ in 0..25 {
        let count = between(&random, 1..700) as usize;
        expected.extend(house.append(count).await);
        let mut keeper = house.keeper().await;
        let patience = Duration::from_micros(between(&random, 0..40_000));
        // Dropped in the middle of whatever it does.
        drop(tokio::time::timeout(patience, keeper.tick()).await);
        drop(keeper);
        house.clock.advance(Duration::from_secs(7));
    }
    let mut keeper = house.keeper().await;
    keeper.tick().await.unwrap();
    check(&house, &keeper, &expected).await;
    assert_eq!(*keeper.committed().borrow(), *house.components.log.durable().borrow());
}

/// Every file below a folder, by its path there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_power_cut_leaves_of_a_commit_is_written_anew() {
    for (first, second) in [(1, 1), (300, 5), (317, 3_000), (320, 12_000)] {
        let mut house = House::new();
        let mut expected = house.append(first).await;
        let mut keeper = house.keeper().await;
        keeper.tick().await.unwrap();
        let (tree, copy) = (house.tree(), house.folder.path().join("copy"));
        let copied = |path: &Path| copy.join(path.strip_prefix(&tree).unwrap());
        for path in files(&tree) {
            fs::create_dir_all(copied(&path).parent().unwrap()).unwrap();
            fs::copy(&path, copied(&path)).unwrap();
        }
        for at in (0..second).step_by(5_000) {
            expected.extend(house.append((second - at).min(5_000)).await);
        }
        keeper.tick().await.unwrap();
        drop(keeper);
        // Of the commits since, tiles have reached the disk in part, and the state has not.
        for path in files(&tree).into_iter().filter(|it| !copied(it).exists()) {
            let bytes = fs::read(&path).unwrap();
            fs::create_dir_all(copied(&path).parent().unwrap()).unwrap();
            fs::write(copied(&path), &bytes[..bytes.len() / 2]).unwrap();
        }
        fs::remove_dir_all(&tree).unwrap();
        fs::rename(&copy, &tree).unwrap();
        house.clock.advance(Duration::from_secs(1));
        let mut keeper = house.keeper().await;
        keeper.tick().await.unwrap();
        house.clock.advance(Duration::from_secs(1));
        keeper.tick().await.unwrap();
        check(&house, &keeper, &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_proven_with_the_key_alone_and_a_changed_byte_is_refused() {
    let mut house = House::new();
    let mut expected = house.append(300).await;
    let mut keeper = house.keeper().await;
    keeper.tick().await.unwrap();
    // Midnight comes in between: another day has another salt key.
    house.clock.advance(Duration::from_secs(120));
    expected.extend(house.append(400).await);
    keeper.tick().await.unwrap();
    let prover = Prover::open(house.tree()).unwrap();
    assert_eq!(prover.verifier(), keeper.verifier());
    let policy = Policy::of_log(keeper.verifier().clone());
    for (position, frame) in expected.iter().step_by(37) {
        let id = record::parse(&frame.body).unwrap().event_id().unwrap().into_owned();
        let made = prover.prove(&id, &|it| house.bytes_of(it)).unwrap();
        assert_eq!(made.record, frame.body);
        assert_eq!(made.proof.entry.sequence, position.0);
        assert!(made.proof.to_text().unwrap().len() <= 4096);
        made.proof.check(&made.record, &policy).unwrap();
        let mut changed = made.record.clone();
        changed[40] ^= 1;
        assert!(made.proof.check(&changed, &policy).is_err());
        let lying = prover.prove(&id, &|_| Ok(Some(changed.clone())));
        assert!(matches!(lying, Err(Error::NoRecord(_))), "{lying:?}");
    }
    assert!(fs::read_dir(house.tree().join("salts")).unwrap().count() == 2);
    let missing = prover.prove("no such id", &|it| house.bytes_of(it));
    assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_looks_like_the_statement_of_an_imported_file_is_not_taken_for_one() {
    let mut house = House::new();
    let statement = br#"{"file":"s3://old/one.json.gz","sha256":"00"}"#;
    let forged = Frame { body: statement.to_vec().into(), ..house.frame(Kind::Record) };
    let genuine = Frame { kind: Kind::ImportedFile, ..forged.clone() };
    house.components.log.append(vec![forged]).await.unwrap();
    let mut keeper = house.keeper().await;
    keeper.tick().await.unwrap();
    let prover = Prover::open(house.tree()).unwrap();
    let prove = || prover.prove("s3://old/one.json.gz", &|it| house.bytes_of(it));
    assert!(matches!(prove(), Err(Error::NotFound(_))));
    let positions = house.components.log.append(vec![genuine]).await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    keeper.tick().await.unwrap();
    let made = prove().unwrap();
    assert_eq!(made.proof.entry.kind, integrity::tree::Kind::ImportedFile);
    assert_eq!(made.proof.entry.sequence, positions.start.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_erased_when_asked_the_tree_says_so_and_other_days_stay_proven() {
    let mut house = House::new();
    let before = house.append(300).await;
    let mut keeper = house.keeper().await;
    keeper.tick().await.unwrap();
    let day = "2026-03-01".parse().unwrap();
    let ask =
        |house: &House, day| erasure::ask(house.tree(), day, house.components.ambient.clock.now());
    assert!(matches!(ask(&house, day), Err(Error::DayGoesOn(_))));
    house.clock.advance(Duration::from_secs(120));
    let after = house.append(10).await;
    keeper.tick().await.unwrap();
    assert!(matches!(ask(&house, day.yesterday().unwrap()), Err(Error::SaltMissing(_))));
    ask(&house, day).unwrap();
    // Also by a process that did not run when it was asked.
    drop(keeper);
    let mut keeper = house.keeper().await;
    house.clock.advance(Duration::from_secs(1));
    keeper.tick().await.unwrap();
    assert!(matches!(ask(&house, day), Err(Error::SaltMissing(_))));

    let head = keeper.checkpoint().borrow().clone().unwrap().head;
    let entries = stored_entries(&house.tree(), head.size);
    let notice = entries.last().unwrap();
    assert_eq!(notice.kind, integrity::tree::Kind::Erasure);
    assert!(notice.commits_to(b"2026-03-01", &Salt::PUBLIC));
    assert_eq!(entries.len(), before.len() + after.len() + 1);
    let leaves: Vec<Hash> = entries.iter().map(Entry::leaf_hash).collect();
    assert_eq!(head.root, root(&leaves));

    let prover = Prover::open(house.tree()).unwrap();
    let prove = |frame: &Frame| {
        let id = record::parse(&frame.body).unwrap().event_id().unwrap().into_owned();
        prover.prove(&id, &|it| house.bytes_of(it))
    };
    let erased = prove(&before[0].1);
    assert!(matches!(erased, Err(Error::SaltMissing(it)) if it == day), "{erased:?}");
    let kept = prove(&after[0].1).unwrap();
    kept.proof.check(&kept.record, &Policy::of_log(keeper.verifier().clone())).unwrap();
    // Nothing more happens by itself.
    house.clock.advance(Duration::from_secs(2));
    keeper.tick().await.unwrap();
    assert_eq!(keeper.checkpoint().borrow().clone().unwrap().head, head);
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_come_at_most_once_a_second_also_when_the_clock_is_put_back() {
    let mut house = House::new();
    let mut keeper = house.keeper().await;
    let size = |keeper: &TreeKeeper| keeper.checkpoint().borrow().as_ref().map(|it| it.head.size);
    keeper.tick().await.unwrap();
    assert_eq!(size(&keeper), None);
    house.append(1).await;
    keeper.tick().await.unwrap();
    assert_eq!(size(&keeper), Some(1));
    house.append(1).await;
    keeper.tick().await.unwrap();
    assert_eq!(size(&keeper), Some(1));
    house.clock.advance(Duration::from_secs(1));
    keeper.tick().await.unwrap();
    assert_eq!(size(&keeper), Some(2));
    house.clock.set("2026-03-01T22:00:00Z".parse().unwrap());
    house.append(1).await;
    keeper.tick().await.unwrap();
    assert_eq!(size(&keeper), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_a_changed_tile_and_a_lost_key_are_noticed_before_anything_is_signed() {
    let mut house = House::new();
    house.append(500).await;
    let mut keeper = house.keeper().await;
    keeper.tick().await.unwrap();
    let older = fs::read(house.tree().join("state")).unwrap();
    house.append(500).await;
    house.clock.advance(Duration::from_secs(1));
    keeper.tick().await.unwrap();
    drop(keeper);
    let open = || TreeKeeper::open(house.tree(), house.components.clone());

    let newer = fs::read(house.tree().join("state")).unwrap();
    fs::write(house.tree().join("state"), older).unwrap();
    // The partial tiles of the older size have made way for full ones, which serve as well.
    assert!(matches!(open().await, Err(Error::Behind { .. })));
    fs::write(house.tree().join("state"), newer).unwrap();
    drop(open().await.unwrap());

    let tile = house.tree().join("tile/1/000.p/3");
    let good = fs::read(&tile).unwrap();
    let mut bad = good.clone();
    bad[5] ^= 1;
    fs::write(&tile, bad).unwrap();
    assert!(matches!(open().await, Err(Error::Tree(_))));
    fs::write(&tile, good).unwrap();

    fs::remove_file(house.tree().join("log.key")).unwrap();
    assert!(matches!(open().await, Err(Error::KeyMissing)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_gets_checkpoints_and_hashes_of_what_is_signed_and_no_entries() {
    let mut house = House::new();
    let mut keeper = house.keeper().await;
    let public = keeper.public();
    assert_eq!(public.page("checkpoint").await.status, 404);
    house.append(1_000).await;
    keeper.tick().await.unwrap();
    let checkpoint = public.page("checkpoint").await;
    assert_eq!(checkpoint.body, fs::read(house.tree().join("checkpoint")).unwrap());
    assert_eq!((checkpoint.status, checkpoint.cache_control), (200, "no-cache"));
    let full = public.page("tile/0/002").await;
    assert_eq!((full.status, full.body.len()), (200, 256 * 32));
    assert!(full.cache_control.contains("immutable"));
    assert_eq!(full.content_type, "application/octet-stream");
    // 800 of the frames are records.
    let partial = public.page("tile/0/003.p/32").await;
    assert_eq!((partial.status, partial.body.len()), (200, 32 * 32));
    for (path, status) in [
        ("tile/0/003", 404),
        ("tile/0/003.p/33", 404),
        ("tile/entries/000", 403),
        ("tile/entries/003.p/32", 403),
        ("tile/0/../../log.key", 404),
        ("log.key", 404),
        ("salts/2026-03-01", 404),
        ("state", 404),
        ("", 404),
    ] {
        assert_eq!(public.page(path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn while_it_may_not_sign_the_tree_grows_and_is_signed_once_it_may() {
    let mut house = House::new();
    let may_sign = tokio::sync::watch::Sender::new(false);
    let mut keeper = house.keeper().await.signing_while(may_sign.subscribe());
    let (checkpoint, committed) = (keeper.checkpoint(), keeper.committed());
    let leaves = house.append(10).await;
    keeper.tick().await.unwrap();
    assert_eq!(*checkpoint.borrow(), None);
    assert_eq!(committed.borrow().0, 10, "the log may be trimmed");
    may_sign.send_replace(true);
    keeper.tick().await.unwrap();
    let size = checkpoint.borrow().as_ref().map(|it| it.head.size);
    assert_eq!(size, Some(leaves.len() as u64));
}
