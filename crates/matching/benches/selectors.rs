//! How many parsed records a second pass through the selectors of many trails, 50 conditions each.
#![allow(clippy::indexing_slicing, reason = "a benchmark may fail")]
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use testkit::records::{Generator, Population};
use trailmark_matching::{Given, Selection, Selectors, Target};

const RECORDS: usize = 10_000;
const CONDITIONS: usize = 50;

fn judge(criterion: &mut Criterion) {
    let mut generator = Generator::new(7, Population::default());
    let records: Vec<_> = (0..RECORDS).map(|at| genuine(generator.value(), at)).collect();
    let records: Vec<_> = records.iter().map(|it| record::parse(it).expect("parses")).collect();
    let mut group = criterion.benchmark_group("judge");
    group.throughput(Throughput::Elements(RECORDS as u64));
    for trails in [1, 10, 100, 1_000] {
        let selectors: Vec<_> = (0..trails).map(trail).collect();
        let selection = Selection::compile(&selectors);
        let chosen: usize = records.iter().map(|it| selection.judge(it).len()).sum();
        assert!(chosen > RECORDS * trails / 4, "most records are management events: {chosen}");
        assert!(chosen < RECORDS * trails, "not everything is chosen: {chosen}");
        group.bench_function(BenchmarkId::new("trails", trails), |bencher| {
            bencher.iter(|| {
                records.iter().map(|it| selection.judge(black_box(it)).len()).sum::<usize>()
            });
        });
    }
    group.finish();
}

/// Gives objects the ARNs that they have in S3, and the bucket beside them.
fn genuine(mut record: Value, at: usize) -> Vec<u8> {
    let objects = record["resources"][0]["type"] == "AWS::S3::Object";
    if objects {
        let bucket = format!("arn:aws:s3:::bucket-{}", at % 300);
        record["resources"] = json!([
            {"type": "AWS::S3::Object", "ARN": format!("{bucket}/2026/01/01/part-{at}.parquet")},
            {"accountId": "123456789012", "type": "AWS::S3::Bucket", "ARN": bucket},
        ]);
    }
    serde_json::to_vec(&record).expect("a value is JSON")
}

/// The selectors of a trail: most management events, some buckets, tables and functions.
fn trail(number: usize) -> Selectors {
    let arns = |count: usize, arn: &dyn Fn(usize) -> String| -> Vec<String> {
        (0..count).map(|it| arn(number * 7 + it)).collect()
    };
    let function = |it: usize| format!("arn:aws:lambda:us-east-1:123456789012:function:f-{it}");
    let table = |it: usize| format!("arn:aws:dynamodb:us-east-1:123456789012:table/t-{it}");
    let fields = [
        json!([
            {"Field": "eventCategory", "Equals": ["Management"]},
            {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com", "rdsdata.amazonaws.com"]},
        ]),
        json!([
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
            {
                "Field": "resources.ARN",
                "StartsWith": arns(15, &|it| format!("arn:aws:s3:::bucket-{}/", it % 300)),
                "NotEndsWith": [".tmp", ".bak", "_$folder$"],
            },
            {"Field": "eventName", "NotEquals": ["HeadObject", "ListObjects"]},
        ]),
        json!([
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::DynamoDB::Table"]},
            {"Field": "resources.ARN", "NotEquals": arns(8, &table)},
            {"Field": "userIdentity.arn", "NotEndsWith": ["/backup", "/replicator", "/session-3"]},
            {"Field": "readOnly", "Equals": ["false"]},
        ]),
        json!([
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::Lambda::Function"]},
            {"Field": "resources.ARN", "Equals": arns(8, &function)},
            {"Field": "eventName", "StartsWith": ["Invoke"]},
        ]),
    ];
    let values: usize = fields.iter().map(|it| strings(it) - names(it)).sum();
    assert_eq!(values, CONDITIONS, "a trail has as many conditions as the goal says");
    let selectors: Vec<_> = fields.iter().map(|it| json!({"FieldSelectors": it})).collect();
    let given: Given = serde_json::from_value(json!({"AdvancedEventSelectors": selectors}))
        .expect("the request's shape");
    Selectors::parse(given, Target::Trail).expect("a trail may have these")
}

fn strings(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(strings).sum(),
        Value::Object(members) => members.values().map(strings).sum(),
        Value::String(_) => 1,
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

fn names(fields: &Value) -> usize {
    fields.as_array().map_or(0, Vec::len)
}

criterion_group!(benches, judge);
criterion_main!(benches);
