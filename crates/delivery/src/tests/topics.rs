//! What topics hear of log files.

use super::house::{House, MINUTE};

#[tokio::test]
async fn a_topic_hears_of_each_log_file_and_of_no_digest() {
    let mut house = House::new().await;
    let mut trail = house.trail("all");
    trail.sns_topic = Some("arn:aws:sns:us-east-1:123456789012:files".to_owned());
    house.publish(trail);
    house.record("us-east-1", "RunInstances").await;
    house.work().await;
    house.pass(70, MINUTE).await;
    let keys: Vec<_> = house.buckets.bucket("all-logs").files().await.into_keys().collect();
    let files: Vec<_> = keys.iter().filter(|it| it.contains("/CloudTrail/")).collect();
    assert!(files.len() == 1 && keys.len() > 1, "{keys:?}");
    let message = format!(r#"{{"s3Bucket":"all-logs","s3ObjectKey":["{}"]}}"#, files[0]);
    let expected = ("arn:aws:sns:us-east-1:123456789012:files".to_owned(), message);
    assert_eq!(*house.topics.0.lock().unwrap(), [expected]);
    let status = house.status("all");
    assert!(status.latest_notification.is_some(), "{status:?}");
    assert_eq!(status.latest_notification_attempt, status.latest_notification_attempt_succeeded);
}

#[tokio::test]
async fn a_topic_that_denies_shows_in_the_status_and_holds_up_nothing() {
    let mut house = House::new().await;
    let mut trail = house.trail("all");
    trail.sns_topic = Some("arn:aws:sns:us-east-1:123456789012:denies".to_owned());
    house.publish(trail);
    house.record("us-east-1", "RunInstances").await;
    house.work().await;
    house.pass(2, MINUTE).await;
    assert_eq!(house.buckets.bucket("all-logs").records().await.len(), 1);
    let status = house.status("all");
    assert_eq!(status.latest_notification_error.as_deref(), Some("AuthorizationError"));
    assert_eq!(status.latest_notification, None);
    assert_eq!(status.latest_delivery_error, None);
}
