//! Reading and indexing a record, beside `sonic-rs` and `serde_json` reading the same members.
//!
//! The records are genuine ones (`tests/fixtures`), read over and over: what is measured is the
//! work on bytes that are already in the cache.
#![allow(clippy::unwrap_used, reason = "a benchmark may fail")]

use std::{borrow::Cow, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;
use trailmark_record::{self as record, bulk};

const RECORDS: &[u8] = include_bytes!("../tests/fixtures/records.ndjson");

/// The members that `Record` indexes, for readers that fill a struct.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "filled, and never looked at")]
struct Indexed<'a> {
    #[serde(borrow, rename = "eventID")]
    event_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_time: Cow<'a, str>,
    #[serde(borrow)]
    event_source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    aws_region: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_category: Option<Cow<'a, str>>,
    #[serde(borrow)]
    recipient_account_id: Option<Cow<'a, str>>,
    management_event: Option<serde::de::IgnoredAny>,
    read_only: Option<Flag<'a>>,
    #[serde(borrow, rename = "sourceIPAddress")]
    source_ip_address: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error_code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_identity: Option<Who<'a>>,
    #[serde(borrow)]
    resources: Option<Vec<Resource<'a>>>,
}

/// Some producers write booleans as texts.
#[derive(Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "filled, and never looked at")]
enum Flag<'a> {
    Flag(bool),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "filled, and never looked at")]
struct Who<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    principal_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arn: Option<Cow<'a, str>>,
    #[serde(borrow)]
    account_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    access_key_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "filled, and never looked at")]
struct Resource<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "ARN")]
    arn: Option<Cow<'a, str>>,
    #[serde(borrow)]
    account_id: Option<Cow<'a, str>>,
}

/// Asks for everything that is indexed.
fn index(bytes: &[u8]) {
    let record = record::parse(bytes).unwrap();
    black_box((record.event_id(), record.event_time(), record.event_source()));
    black_box((record.event_name(), record.aws_region(), record.account()));
    black_box((record.category(), record.read_only(), record.source_ip_address()));
    black_box((record.error_code(), record.principal_id(), record.username()));
    black_box((record.access_key_id(), record.user_arn(), record.resources()));
}

fn parse(c: &mut Criterion) {
    let lines: Vec<&[u8]> =
        RECORDS.split(|byte| *byte == b'\n').filter(|it| !it.is_empty()).collect();
    let bytes: usize = lines.iter().map(|line| line.len()).sum();
    let mut group = c.benchmark_group("parse and index");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("record", |b| b.iter(|| lines.iter().for_each(|line| index(line))));
    group.bench_function("sonic-rs", |b| {
        b.iter(|| {
            for line in &lines {
                black_box(sonic_rs::from_slice::<Indexed<'_>>(line).unwrap());
            }
        });
    });
    group.bench_function("serde_json", |b| {
        b.iter(|| {
            for line in &lines {
                black_box(serde_json::from_slice::<Indexed<'_>>(line).unwrap());
            }
        });
    });
    group.finish();
    let mut group = c.benchmark_group("split");
    group.throughput(Throughput::Bytes(RECORDS.len() as u64));
    group.bench_function("ndjson", |b| b.iter(|| black_box(bulk::split(RECORDS).count())));
    let file = [b"{\"Records\":[".as_slice(), &lines.join(&b','), b"]}"].concat();
    group.bench_function("log file", |b| b.iter(|| black_box(bulk::split(&file).count())));
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
