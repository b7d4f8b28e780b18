//! Redaction of events of ordinary size, where nothing is known but names and values.
#![allow(clippy::unwrap_used, reason = "a benchmark may fail")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;
use trailmark_record::redact::{NoRules, redact, redact_text};

const RECORDS: &str = include_str!("../tests/fixtures/records.ndjson");

fn redaction(c: &mut Criterion) {
    let records: Vec<Value> =
        RECORDS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut group = c.benchmark_group("redact");
    group.throughput(Throughput::Bytes(RECORDS.len() as u64));
    group.bench_function("records", |b| {
        b.iter_batched_ref(
            || records.clone(),
            |records| records.iter_mut().for_each(|it| redact(it, &NoRules).unwrap()),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("text", |b| {
        b.iter(|| RECORDS.lines().for_each(|line| drop(black_box(redact_text(line)))));
    });
    group.finish();
    let mut group = c.benchmark_group("redact large");
    for (name, unit) in
        [("plain", "all is well. "), ("equals", "=a"), ("keys", "AKIA"), ("tokens", "eyJ.eyJ-")]
    {
        let text = unit.repeat((1 << 20) / unit.len());
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| drop(black_box(redact_text(&text)))));
    }
    group.finish();
}

criterion_group!(benches, redaction);
criterion_main!(benches);
