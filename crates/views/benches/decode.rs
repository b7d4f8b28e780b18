//! Decoding a log file of realistic records, in bytes of JSON: what a query costs on one core once a
//! file is inflated.
#![allow(clippy::unwrap_used, reason = "a benchmark may fail")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use testkit::records::{Generator, Population};
use trailmark_views::{Decoder, Filter, Test, Text, View};

fn decode(criterion: &mut Criterion) {
    let mut generator = Generator::new(1, Population::default());
    let records: Vec<_> =
        (0..20_000).map(|_| String::from_utf8(generator.record()).unwrap()).collect();
    let file = format!("{{\"Records\":[{}]}}", records.join(","));
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Bytes(file.len() as u64));
    let column = |name: &str| View::Lake.columns().iter().position(|it| it.name == name).unwrap();
    let columns = |names: &[&str]| names.iter().map(|it| column(it)).collect::<Vec<_>>();
    let filter = |path: &[&'static str], text: &str| Filter {
        path: path.to_vec(),
        test: Test::OneOf(vec![text.to_owned()]),
    };
    let all: Vec<_> = (0..View::Lake.columns().len()).collect();
    let cases = [
        ("nothing", Vec::new(), Vec::new()),
        ("eventname", columns(&["eventname"]), Vec::new()),
        (
            "narrow",
            columns(&["eventtime", "eventname", "awsregion", "sourceipaddress"]),
            Vec::new(),
        ),
        (
            "one user",
            columns(&["eventtime", "eventname", "useridentity", "requestparameters"]),
            vec![filter(&["userIdentity", "arn"], "arn:aws:iam::123456789012:user/user-5")],
        ),
        ("one name", all.clone(), vec![filter(&["eventName"], "NoSuchCall")]),
        ("everything", all, Vec::new()),
    ];
    for (name, columns, filters) in cases {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut decoder = Decoder::new(View::Lake, &columns, filters.clone());
                let mut text = Text::new(black_box(&file));
                while decoder.fill(&mut text, 8_192) {
                    black_box(decoder.take().unwrap());
                }
                black_box(decoder.take().unwrap());
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = all;
    config = Criterion::default().sample_size(10);
    targets = decode
}
criterion_main!(all);
