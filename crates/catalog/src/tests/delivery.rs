//! Deliveries as they are kept.

use super::House;
use crate::{
    DeliveryStatus,
    delivery::{DeliveryCommit, DeliveryFile, DeliveryStream, FileKind},
};

fn file(sequence: u64, kind: FileKind) -> DeliveryFile {
    DeliveryFile {
        sequence,
        trail: "arn:aws:cloudtrail:us-east-1:123456789012:trail/all".to_owned(),
        version: 3,
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        family: "CloudTrail".to_owned(),
        kind,
        bucket: "logs".to_owned(),
        key: format!("AWSLogs/{sequence}"),
        kms_key: (sequence > 1).then(|| "alias/logs".to_owned()),
        metadata: "{}".to_owned(),
        from: 10,
        to: 20,
        records: 7,
        sha256: "00".to_owned(),
        bytes: 99,
        oldest_event_ms: None,
        newest_event_ms: Some(-1),
        planned_ms: 1_000,
        validated: sequence == 1,
        delivered_ms: None,
    }
}

fn stream(until: u64, chain: Option<&str>) -> DeliveryStream {
    DeliveryStream {
        trail: "a".to_owned(),
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        family: "CloudTrail".to_owned(),
        until,
        chain: chain.map(str::to_owned),
    }
}

fn denied() -> DeliveryStatus {
    let latest_delivery_error = Some("AccessDenied".to_owned());
    DeliveryStatus { latest_delivery_error, ..DeliveryStatus::default() }
}

#[tokio::test]
async fn a_commit_of_deliveries_is_seen_by_the_next_start() {
    let house = House::new();
    let catalog = house.open().await;
    assert_eq!(catalog.delivery_state().await.unwrap().cursor, None);
    let commit = DeliveryCommit {
        cursor: Some(20),
        planned: vec![file(1, FileKind::Log), file(2, FileKind::Digest), file(3, FileKind::Log)],
        streams: vec![stream(20, None)],
        statuses: vec![("a".to_owned(), DeliveryStatus::default())],
        ..DeliveryCommit::default()
    };
    catalog.commit_delivery(&commit).await.unwrap();
    let commit = DeliveryCommit {
        streams: vec![stream(25, Some("[]"))],
        delivered: vec![(1, 2_000)],
        settled: vec![3],
        statuses: vec![("a".to_owned(), denied())],
        ..DeliveryCommit::default()
    };
    catalog.commit_delivery(&commit).await.unwrap();
    let state = house.open().await.delivery_state().await.unwrap();
    assert_eq!(state.cursor, Some(20));
    let delivered = DeliveryFile { delivered_ms: Some(2_000), ..file(1, FileKind::Log) };
    let catalog = house.open().await;
    let marks = catalog.delivery_marks(None).await.unwrap();
    assert_eq!(marks, [delivered.mark(), file(2, FileKind::Digest).mark()]);
    assert_eq!(catalog.delivery_marks(Some(1)).await.unwrap(), marks[1..]);
    assert_eq!(catalog.delivery_file(1).await.unwrap(), Some(delivered));
    assert_eq!(catalog.delivery_file(3).await.unwrap(), None);
    assert_eq!(state.streams, [stream(25, Some("[]"))]);
    assert_eq!(state.statuses, [("a".to_owned(), denied())]);
}

#[tokio::test]
async fn a_commit_of_deliveries_is_kept_whole_or_not_at_all() {
    let house = House::new();
    let catalog = house.open().await;
    let twice = DeliveryCommit {
        cursor: Some(5),
        planned: vec![file(1, FileKind::Log), file(1, FileKind::Log)],
        ..DeliveryCommit::default()
    };
    assert!(catalog.commit_delivery(&twice).await.is_err());
    let state = catalog.delivery_state().await.unwrap();
    assert_eq!(state.cursor, None);
    assert_eq!(catalog.delivery_marks(None).await.unwrap(), []);
}
