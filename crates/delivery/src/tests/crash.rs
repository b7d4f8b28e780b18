//! Kills between decision, write and commit.

use std::collections::BTreeSet;

use super::house::{House, MINUTE, Mood, SECOND};

/// Kills the process after `kill` of its steps, takes it up again, and expects each record once.
async fn check(kill: usize) {
    let mut house = House::new().await;
    house.publish(house.trail("all"));
    let mut expected = Vec::new();
    for region in ["us-east-1", "eu-west-1", "us-east-1"] {
        expected.push(house.record(region, "RunInstances").await);
    }
    let bucket = house.buckets.bucket("all-logs");
    if kill >= 1 {
        // Gathered in memory, not decided on.
        house.tick().await;
    }
    if kill >= 2 {
        // Decided on; the bucket does not hear of it.
        house.set_mood("all-logs", Mood::Hangs);
        house.clock.advance(MINUTE);
        house.tick().await;
    }
    if kill >= 3 {
        // Written, and nobody knows.
        house.set_mood("all-logs", Mood::TakesAndHangs);
        house.start().await;
        house.tick().await;
        while bucket.records().await.len() < expected.len() {
            tokio::task::yield_now().await;
        }
    }
    house.set_mood("all-logs", Mood::Well);
    house.start().await;
    expected.push(house.record("us-east-1", "RunInstances").await);
    house.pass(3, MINUTE).await;
    expected.sort();
    assert_eq!(bucket.records().await, expected, "killed after step {kill}");
    let waiting = std::fs::read_dir(house.folder.path().join("waiting")).unwrap();
    assert_eq!(waiting.count(), 0);
    if kill == 3 {
        let puts = bucket.puts.lock().unwrap().clone();
        let keys: BTreeSet<_> = puts.iter().collect();
        assert!(puts.len() > keys.len(), "nothing was written twice");
    }
}

#[tokio::test]
async fn a_kill_before_a_decision_loses_and_doubles_nothing() {
    check(0).await;
    check(1).await;
}

#[tokio::test]
async fn a_kill_between_decision_and_write_loses_and_doubles_nothing() {
    check(2).await;
}

#[tokio::test]
async fn a_kill_between_write_and_commit_writes_the_same_object_again() {
    check(3).await;
}

#[tokio::test]
async fn a_stray_file_of_a_decision_that_was_not_kept_is_dropped() {
    let mut house = House::new().await;
    let waiting = house.folder.path().join("waiting");
    std::fs::write(waiting.join("00000000000000000007.json.gz"), b"half").unwrap();
    house.start().await;
    house.pass(1, SECOND).await;
    assert_eq!(std::fs::read_dir(waiting).unwrap().count(), 0);
}

#[tokio::test]
async fn what_was_decided_on_is_not_read_from_the_log_again() {
    let mut house = House::new().await;
    house.publish(house.trail("all"));
    house.record("us-east-1", "RunInstances").await;
    house.set_mood("all-logs", Mood::Missing);
    house.work().await;
    let committed = house.deliverer.as_ref().unwrap().committed();
    assert_eq!(committed.borrow().0, 0);
    house.pass(1, MINUTE).await;
    assert_eq!(*committed.borrow(), house.end());
}
