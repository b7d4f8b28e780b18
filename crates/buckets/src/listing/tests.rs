//! Pages of lists, compared with a list that is made the slow way.

use std::collections::BTreeSet;

use proptest::prelude::*;
use record::AccountId;
use tempfile::TempDir;

use super::*;
use crate::{
    index::{Bucket, Meta, Object, WhenEtag},
    lock::Key,
};

struct House {
    _folder: TempDir,
    index: Index,
}

async fn house(keys: impl IntoIterator<Item = String>) -> House {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(&folder.path().join("index.sqlite")).await.unwrap();
    let unlock = Key { now: jiff::Timestamp::UNIX_EPOCH, bypasses_governance: false };
    let bucket = Bucket {
        name: "b".to_owned(),
        account: AccountId::parse("111122223333").unwrap(),
        region: "us-east-1".to_owned(),
        created: 0,
        tags: None,
        policy: None,
        lock: None,
    };
    index.create_bucket(&bucket).await.unwrap();
    let object = Object { size: 0, etag: String::new(), modified: 0, meta: Meta::default() };
    for key in keys {
        index.put_object("b", &key, &object, &WhenEtag::Whatever, unlock).await.unwrap();
    }
    House { _folder: folder, index }
}

/// Every line, by pages of `limit`, the way the caller says it.
async fn pages(
    house: &House,
    prefix: &str,
    delimiter: Option<&str>,
    limit: usize,
    by_name: bool,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut from = None;
    loop {
        let marker = lines.last().cloned().unwrap_or_default();
        let from_now = match from.take() {
            Some(at) if !by_name => From::At(at),
            _ => From::After(&marker),
        };
        let query = Query { bucket: "b", prefix, delimiter, from: from_now, limit };
        let page = page(&house.index, query).await.unwrap();
        assert!(page.lines.len() <= limit);
        assert!(page.next.is_none() || page.lines.len() == limit, "a page is full or the last");
        lines.extend(page.lines.iter().map(|it| it.name().to_owned()));
        match page.next {
            Some(next) => from = Some(next),
            None => return lines,
        }
    }
}

/// The same, as the specification reads.
fn slowly(keys: &BTreeSet<String>, prefix: &str, delimiter: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    for key in keys.iter().filter(|it| it.starts_with(prefix)) {
        let rest = key.strip_prefix(prefix).unwrap();
        let line = match delimiter.and_then(|d| rest.find(d).map(|at| at + d.len())) {
            Some(end) => key.split_at(prefix.len() + end).0.to_owned(),
            None => key.clone(),
        };
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_key_and_common_prefix_is_shown_once_and_in_order(
        keys in proptest::collection::btree_set("[ab/\u{e9}\u{10ffff}]{1,6}", 0..60),
        prefix in "[ab/]{0,2}",
        delimiter in proptest::option::of(prop_oneof![Just("/"), Just("a"), Just("b/")]),
        limit in 1_usize..8,
        by_name in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = house(keys.iter().cloned()).await;
            let got = pages(&house, &prefix, delimiter, limit, by_name).await;
            prop_assert_eq!(got, slowly(&keys, &prefix, delimiter));
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_common_prefix_with_more_keys_than_a_batch_is_shown_once() {
    let keys = (0..3).flat_map(|n| (0..400).map(move |m| format!("{n}/{m:04}")));
    let house = house(keys).await;
    let query =
        Query { bucket: "b", prefix: "", delimiter: Some("/"), from: From::After(""), limit: 1000 };
    let page = page(&house.index, query).await.unwrap();
    let names: Vec<_> = page.lines.iter().map(Line::name).collect();
    assert_eq!(names, ["0/", "1/", "2/"]);
}
