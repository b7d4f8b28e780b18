//! The Merkle tree at work: records into leaves and tiles, and a proof checked.
//!
//! A record of CloudTrail has about 1.4 KB, so a leaf here is a salt, two hashes of the record and
//! its commitment, an entry, a leaf hash, and its share of the nodes above.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark may fail")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use trailmark_integrity::tree::{
    Algorithm, Builder, Checkpoint, Entry, Kind, RecordProof, SaltKey, SigningKey, Tile, Tiles,
    proof::prove_inclusion, verify_proof,
};

const LEAVES: u64 = 100_000;
const RECORD: [u8; 1400] = [b'x'; 1400];

fn leaf(key: &SaltKey, index: u64) -> Entry {
    let salt = key.salt(index);
    Entry::new(Kind::Event, Timestamp::UNIX_EPOCH, index, black_box(&RECORD), &salt)
}

fn grow(criterion: &mut Criterion) {
    let key = SaltKey::from_secret([1; 32]);
    let mut group = criterion.benchmark_group("tree");
    group.throughput(Throughput::Elements(LEAVES)).sample_size(10);
    group.bench_function("records into leaves and tiles", |bencher| {
        bencher.iter_batched(
            Builder::new,
            |mut builder| {
                for index in 0..LEAVES {
                    builder.append(&leaf(&key, index));
                    // A second's worth at the promised speed is many times this.
                    if index % 10_000 == 0 {
                        black_box(builder.take());
                        black_box(builder.root());
                    }
                }
                builder
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn prove(criterion: &mut Criterion) {
    let key = SaltKey::from_secret([1; 32]);
    let mut builder = Builder::new();
    (0..LEAVES).for_each(|index| builder.append(&leaf(&key, index)));
    let pieces = builder.take();
    let mut tiles = Tiles::new(LEAVES);
    for tile in Tile::of_inclusion(77_777, LEAVES) {
        tiles.insert(tile, &pieces.iter().find(|it| it.tile == tile).unwrap().bytes).unwrap();
    }
    let log = SigningKey::generate("bench.example".parse().unwrap(), Algorithm::Ed25519);
    let make = || RecordProof {
        entry: leaf(&key, 77_777),
        salt: key.salt(77_777),
        index: 77_777,
        hashes: prove_inclusion(&tiles, 77_777).unwrap(),
        checkpoint: Checkpoint::sign(builder.head(), &log, Timestamp::UNIX_EPOCH),
    };
    criterion.bench_function("make a proof from tiles at hand", |bencher| bencher.iter(make));
    let text = make().to_text().unwrap();
    criterion.bench_function("check a proof", |bencher| {
        bencher.iter(|| verify_proof(&RECORD, text.as_bytes(), log.verifier()).unwrap());
    });
}

criterion_group!(benches, grow, prove);
criterion_main!(benches);
