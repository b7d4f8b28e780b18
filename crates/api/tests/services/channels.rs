//! Channels, and the audit events that come by them.

use std::{pin::pin, sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use futures::{FutureExt as _, future::BoxFuture};
use log::{Evidence, Kind};
use record::Category;
use serde_json::{Value, json};
use tokio::sync::Notify;
use trailmark_api::channels::{AuditBatch, AuditSink, LogSink, SinkProblem};

use crate::{
    house::{ACCOUNT, House, OTHER, REGION, Refusal, now},
    stores::id,
};

const UNKNOWN: &str =
    "arn:aws:cloudtrail:eu-west-1:123456789012:channel/0f0e0d0c-1111-4222-8333-444455556666";

impl House {
    /// Creates a channel of a name and a source to a store; its ARN.
    pub(crate) async fn channel(&self, name: &str, store: &str) -> String {
        let created = self.ok("CreateChannel", new(name, name, store)).await;
        created["ChannelArn"].as_str().unwrap().to_owned()
    }

    /// Sends events by a channel.
    async fn put(
        &self,
        who: &str,
        channel: &str,
        more: &str,
        events: Value,
    ) -> Result<Value, Refusal> {
        let body = json!({"auditEvents": events}).to_string();
        let channel = channel.replace(':', "%3A").replace('/', "%2F");
        self.put_audit_events(who, &format!("/PutAuditEvents?channelArn={channel}{more}"), body)
            .await
    }

    /// The code with which all of a request is refused.
    async fn refused(&self, who: &str, channel: &str, more: &str) -> String {
        let put = self.put(who, channel, more, json!([event("1", &data())])).await;
        put.map_or_else(|refusal| refusal.code, |_| String::new())
    }
}

fn new(name: &str, source: &str, store: &str) -> Value {
    json!({"Name": name, "Source": source,
        "Destinations": [{"Type": "EVENT_DATA_STORE", "Location": store}]})
}

/// A good event's data.
fn data() -> Value {
    json!({
        "version": "1.0",
        "userIdentity": {"type": "Person", "principalId": "mira", "details": {"team": "blue"}},
        "userAgent": "own/1.0",
        "eventSource": "crm.example.com",
        "eventName": "DeleteCustomer",
        "eventTime": "2026-11-20T11:59:58Z",
        "UID": "b6d5e8f2",
        "requestParameters": {"customer": "4711", "password": "hunter2-hunter2"},
        "responseElements": {"ok": true},
        "sourceIPAddress": "203.0.113.7",
        "recipientAccountId": ACCOUNT,
        "ownMember": [1, 2],
    })
}

fn event(id: &str, data: &Value) -> Value {
    json!({"id": id, "eventData": data.to_string()})
}

#[tokio::test]
async fn a_channel_is_created_shown_changed_and_deleted() {
    let house = House::new().await;
    let store = house.store_of("activity", "ActivityAuditLog").await;
    let second = house.store_of("second", "ActivityAuditLog").await;
    let mut request = new("crm", "Custom", id(&store));
    request["Tags"] = json!([{"Key": "team", "Value": "blue"}]);
    let created = house.ok("CreateChannel", request).await;
    let arn = created["ChannelArn"].as_str().unwrap();
    let prefix = format!("arn:aws:cloudtrail:{REGION}:{ACCOUNT}:channel/");
    assert!(arn.starts_with(&prefix), "{arn}");
    let destination = |it: &str| json!({"Type": "EVENT_DATA_STORE", "Location": it});
    assert_eq!(created["Destinations"], json!([destination(&store)]));
    assert_eq!(created["Tags"], json!([{"Key": "team", "Value": "blue"}]));
    for name in [arn, id(arn)] {
        let shown = house.ok("GetChannel", json!({"Channel": name})).await;
        let expected = json!({
            "ChannelArn": arn, "Name": "crm", "Source": "Custom",
            "SourceConfig": {"ApplyToAllRegions": false},
            "Destinations": [destination(&store)], "IngestionStatus": {},
        });
        assert_eq!(shown, expected);
    }
    let listed = house.ok("ListChannels", json!({})).await;
    assert_eq!(listed, json!({"Channels": [{"ChannelArn": arn, "Name": "crm"}]}));
    let both = json!([destination(&store), destination(&second)]);
    let update = json!({"Channel": arn, "Name": "sales", "Destinations": both});
    let updated = house.ok("UpdateChannel", update).await;
    assert_eq!((&updated["Name"], &updated["Destinations"]), (&json!("sales"), &both));
    assert_eq!(house.ok("DeleteChannel", json!({"Channel": arn})).await, json!({}));
    assert_eq!(house.ok("ListChannels", json!({})).await, json!({"Channels": []}));
    house.ok("DeleteEventDataStore", json!({"EventDataStore": store})).await;
}

#[tokio::test]
async fn what_a_channel_cannot_be_is_refused() {
    let house = House::new().await;
    let store = house.store_of("activity", "ActivityAuditLog").await;
    let calls = house.store("calls", json!({})).await;
    let arn = house.channel("crm", &store).await;
    let many: Vec<_> = (0..51).map(|it| json!({"Key": format!("k{it}")})).collect();
    let service = json!({"Destinations": [{"Type": "AWS_SERVICE", "Location": "config"}]});
    let twice = json!({"Destinations": [
        {"Type": "EVENT_DATA_STORE", "Location": store},
        {"Type": "EVENT_DATA_STORE", "Location": id(&store)},
    ]});
    let gone = "arn:aws:cloudtrail:eu-west-1:123456789012:eventdatastore/0f0e0d0c-1111-4222-8333-444455556666";
    let to = |it: &str| json!({"Destinations": [{"Type": "EVENT_DATA_STORE", "Location": it}]});
    for (with, code) in [
        (json!({"Name": "crm"}), "ChannelAlreadyExistsException"),
        (json!({"Source": "crm"}), "ChannelAlreadyExistsException"),
        (json!({"Name": "a b"}), "ValidationException"),
        (json!({"Name": "aws-service-channel/x/y"}), "ValidationException"),
        (json!({"Source": "CloudTrail"}), "InvalidSourceException"),
        (json!({"Source": " "}), "InvalidSourceException"),
        (json!({"Destinations": []}), "ValidationException"),
        (service, "InvalidParameterException"),
        (twice, "InvalidParameterException"),
        (to(&calls), "InvalidEventDataStoreCategoryException"),
        (to(gone), "EventDataStoreNotFoundException"),
        (to("no-id"), "EventDataStoreARNInvalidException"),
        (json!({"Tags": many}), "TagsLimitExceededException"),
        (json!({"Tags": [{"Key": "aws:own"}]}), "InvalidTagParameterException"),
    ] {
        let mut request = new("other", "other", &store);
        request.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        let code_of = house.code(ACCOUNT, "CreateChannel", &request).await;
        assert_eq!(code_of, code, "{with}");
    }
    for (with, code) in [
        (json!({}), "InvalidParameterException"),
        (to(&calls), "InvalidEventDataStoreCategoryException"),
    ] {
        let mut request = with.clone();
        request["Channel"] = json!(arn);
        assert_eq!(house.code(ACCOUNT, "UpdateChannel", &request).await, code, "{with}");
    }
    for operation in ["GetChannel", "UpdateChannel", "DeleteChannel"] {
        for (name, code) in [
            (UNKNOWN, "ChannelNotFoundException"),
            (id(UNKNOWN), "ChannelNotFoundException"),
            ("no-id", "ChannelARNInvalidException"),
            (store.as_str(), "ChannelARNInvalidException"),
        ] {
            let request = json!({"Channel": name, "Name": "new-name"});
            assert_eq!(house.code(ACCOUNT, operation, &request).await, code, "{operation} {name}");
        }
        let request = json!({"Channel": arn, "Name": "new-name"});
        assert_eq!(house.code(OTHER, operation, &request).await, "ChannelNotFoundException");
    }
}

#[tokio::test]
async fn an_account_has_25_channels() {
    let house = House::new().await;
    let store = house.store_of("activity", "ActivityAuditLog").await;
    for number in 0..25 {
        house.channel(&format!("channel-{number}"), &store).await;
    }
    let code = house.code(ACCOUNT, "CreateChannel", &new("another", "another", &store)).await;
    assert_eq!(code, "ChannelMaxLimitExceededException");
    let first = house.ok("ListChannels", json!({"MaxResults": 20})).await;
    let rest = house.ok("ListChannels", json!({"NextToken": first["NextToken"]})).await;
    assert_eq!(rest["Channels"].as_array().unwrap().len(), 5);
    assert_eq!(rest.get("NextToken"), None);
}

#[tokio::test]
async fn an_audit_event_is_durable_redacted_and_as_aws_keeps_it() {
    let house = House::new().await;
    let store = house.store_of("activity", "ActivityAuditLog").await;
    let channel = house.channel("crm", &store).await;
    let text = data().to_string();
    let checksum = BASE64.encode(digest(&SHA256, text.as_bytes()));
    let events = json!([
        {"id": "first", "eventData": text, "eventDataChecksum": checksum},
        event("second", &data()),
    ]);
    let answer = house.put(ACCOUNT, &channel, "", events).await.unwrap();
    assert_eq!(answer["failed"], json!([]));
    let successful = answer["successful"].as_array().unwrap();
    assert_eq!((&successful[0]["id"], &successful[1]["id"]), (&json!("first"), &json!("second")));
    let entries = house.entries().await;
    assert_eq!(entries.len(), 2);
    let frame = &entries[0].frame;
    assert_eq!((frame.kind, frame.evidence), (Kind::Record, Evidence::Client));
    assert_eq!((frame.category, frame.account.as_str()), (Category::ActivityAuditLog, ACCOUNT));
    assert_eq!(frame.source, format!("channel/{}", id(&channel)));
    let record: Value = serde_json::from_slice(&frame.body).unwrap();
    let mut expected = data();
    expected["requestParameters"]["password"] = json!("HIDDEN_DUE_TO_SECURITY_REASONS");
    assert_eq!(
        record,
        json!({
            "eventVersion": "1.0", "eventCategory": "ActivityAuditLog", "eventType": "ActivityLog",
            "eventID": successful[0]["eventID"], "eventTime": "2026-11-20T11:59:58Z",
            "awsRegion": REGION, "recipientAccountId": ACCOUNT,
            "metadata": {"ingestionTime": "2026-11-20T12:00:00Z", "channelARN": channel},
            "eventData": expected,
        })
    );
    let status = house.ok("GetChannel", json!({"Channel": channel})).await;
    let last = &successful[1]["eventID"];
    assert_eq!(
        status["IngestionStatus"],
        json!({
            "LatestIngestionSuccessTime": now().as_second(), "LatestIngestionSuccessEventID": last,
            "LatestIngestionAttemptTime": now().as_second(), "LatestIngestionAttemptEventID": last,
        })
    );
}

/// What becomes of one event whose data was changed.
async fn check(house: &House, channel: &str, pointer: &str, value: Value, code: &str) {
    let mut data = data();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = data.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    let shown = value.to_string().chars().take(40).collect::<String>();
    parent.insert(name.to_owned(), value);
    let answer = house.put(ACCOUNT, channel, "", json!([event("1", &data)])).await.unwrap();
    if code.is_empty() {
        assert_eq!(answer["failed"], json!([]), "{pointer} {shown}");
        return;
    }
    assert_eq!(answer["successful"], json!([]), "{pointer} {shown}");
    assert_eq!(answer["failed"][0]["id"], "1");
    assert_eq!(answer["failed"][0]["errorCode"], code, "{pointer} {shown} {answer}");
}

#[tokio::test]
async fn an_event_that_breaks_the_schema_fails_by_itself() {
    let house = House::new().await;
    let store = house.store_of("activity", "ActivityAuditLog").await;
    let channel = house.channel("crm", &store).await;
    let long = |length: usize| json!("x".repeat(length));
    let big = |length: usize| json!({"x": "y".repeat(length)});
    for (pointer, value, code) in [
        ("/version", Value::Null, "FieldNotFound"),
        ("/version", json!(1), "InvalidData"),
        ("/version", long(256), ""),
        ("/version", long(257), "FieldTooLong"),
        ("/userIdentity", Value::Null, "FieldNotFound"),
        ("/userIdentity", json!("mira"), "InvalidData"),
        ("/userIdentity/type", json!(""), "FieldNotFound"),
        ("/userIdentity/type", long(129), "FieldTooLong"),
        ("/userIdentity/principalId", long(1025), "FieldTooLong"),
        ("/userIdentity/details", json!("x"), "InvalidData"),
        ("/userAgent", Value::Null, ""),
        ("/userAgent", long(1025), "FieldTooLong"),
        ("/eventSource", Value::Null, "FieldNotFound"),
        ("/eventSource", json!("s3.amazonaws.com"), "InvalidEventSource"),
        ("/eventName", long(1025), "FieldTooLong"),
        ("/eventTime", json!("2026-11-20T11:59:58"), ""),
        ("/eventTime", json!("2026-11-20"), "InvalidData"),
        ("/eventTime", json!("soon"), "InvalidData"),
        ("/UID", Value::Null, "FieldNotFound"),
        ("/requestParameters", big(100 * 1024), "FieldTooLong"),
        ("/requestParameters", big(100 * 1024 - 8), ""),
        ("/responseElements", json!([1]), "InvalidData"),
        ("/errorCode", long(257), "FieldTooLong"),
        ("/errorMessage", json!("Denied."), ""),
        ("/additionalEventData", big(28 * 1024), "FieldTooLong"),
        ("/recipientAccountId", json!(OTHER), "InvalidRecipient"),
    ] {
        check(&house, &channel, pointer, value, code).await;
    }
    let deep = (0..70).fold(json!(1), |it, _| json!({"a": it}));
    check(&house, &channel, "/requestParameters", deep, "InvalidData").await;

    let before = house.frames();
    let events = json!([
        event("good", &data()),
        {"id": "text", "eventData": "no JSON"},
        {"id": "list", "eventData": "[]"},
        {"id": "sum", "eventData": data().to_string(), "eventDataChecksum": "AAAA"},
    ]);
    let answer = house.put(ACCOUNT, &channel, "", events).await.unwrap();
    assert_eq!(answer["successful"].as_array().unwrap().len(), 1);
    let codes: Vec<_> =
        answer["failed"].as_array().unwrap().iter().map(|it| &it["errorCode"]).collect();
    assert_eq!(codes, ["InvalidData", "InvalidData", "InvalidChecksum"]);
    assert_eq!(house.frames(), before + 1);
    let status = house.ok("GetChannel", json!({"Channel": channel})).await;
    assert_eq!(status["IngestionStatus"]["LatestIngestionErrorCode"], "InvalidChecksum");
}

#[tokio::test]
async fn a_request_that_is_wrong_as_a_whole_keeps_nothing() {
    let house = House::new().await;
    let store = house.store_of("activity", "ActivityAuditLog").await;
    let channel = house.channel("crm", &store).await;
    assert_eq!(house.refused(ACCOUNT, UNKNOWN, "").await, "ChannelNotFound");
    assert_eq!(house.refused(ACCOUNT, "arn:aws:s3:::ledger", "").await, "InvalidChannelARN");
    assert_eq!(house.refused(ACCOUNT, "no-id", "").await, "InvalidChannelARN");
    assert_eq!(house.refused(OTHER, &channel, "").await, "ChannelInsufficientPermission");
    let elsewhere = channel.replace("eu-west-1", "us-east-1");
    assert_eq!(house.refused(ACCOUNT, &elsewhere, "").await, "ChannelNotFound");
    for (events, code) in [
        (json!([]), "ValidationException"),
        (json!([{"id": "a b", "eventData": "{}"}]), "ValidationException"),
        (json!([event("1", &data()), event("1", &data())]), "DuplicatedAuditEventId"),
        (
            json!((0..101).map(|it| event(&it.to_string(), &data())).collect::<Vec<_>>()),
            "ValidationException",
        ),
        (json!([{"id": "1", "eventData": "x".repeat(1 << 20)}]), "ValidationException"),
    ] {
        let refusal = house.put(ACCOUNT, &channel, "", events).await.unwrap_err();
        assert_eq!(refusal.code, code, "{}", refusal.message);
    }
    assert_eq!(house.frames(), 0);
    let hundred: Vec<_> = (0..100).map(|it| event(&it.to_string(), &data())).collect();
    let answer = house.put(ACCOUNT, id(&channel), "", json!(hundred)).await.unwrap();
    assert_eq!(answer["successful"].as_array().unwrap().len(), 100, "{answer}");
    assert_eq!(house.frames(), 100);
}

#[tokio::test]
async fn what_no_store_takes_is_not_acknowledged() {
    let house = House::new().await;
    let store = house.store_of("activity", "ActivityAuditLog").await;
    let channel = house.channel("crm", &store).await;
    // No operation stops such a store; a future one may.
    let kept = house.catalog.store(catalog::lake_id(id(&store)).unwrap()).await.unwrap().unwrap();
    let stopped = catalog::StoreStatus::StoppedIngestion;
    house.catalog.set_store_status(kept.arn.id, kept.version, stopped, 0).await.unwrap();
    let answer = house.put(ACCOUNT, &channel, "", json!([event("1", &data())])).await.unwrap();
    assert_eq!(answer["failed"][0]["errorCode"], "AccountNotSubscribed");
    assert_eq!(house.frames(), 0);
}

/// A sink that holds every batch until it is let go.
#[derive(Debug)]
struct Slow {
    sink: LogSink,
    arrived: Notify,
    go: Notify,
}

impl AuditSink for Slow {
    fn append(&self, batch: AuditBatch) -> BoxFuture<'_, Result<(), SinkProblem>> {
        async move {
            self.arrived.notify_one();
            self.go.notified().await;
            self.sink.append(batch).await
        }
        .boxed()
    }
}

#[tokio::test]
async fn what_is_accepted_while_a_channel_is_deleted_still_goes_where_it_led() {
    let mut house = House::new().await;
    let sink = LogSink(Arc::clone(&house.log));
    let slow = Arc::new(Slow { sink, arrived: Notify::new(), go: Notify::new() });
    house.sink_into(Arc::clone(&slow) as _);
    let store = house.store_of("activity", "ActivityAuditLog").await;
    let channel = house.channel("crm", &store).await;
    let name = json!({"Channel": channel});
    let put = house.put(ACCOUNT, &channel, "", json!([event("1", &data())]));
    let delete = async {
        slow.arrived.notified().await;
        let mut delete = pin!(house.ok("DeleteChannel", name));
        // It waits for the event, and would be done by now if it did not.
        tokio::time::timeout(Duration::from_millis(300), &mut delete).await.unwrap_err();
        slow.go.notify_one();
        delete.await
    };
    let (put, _) = futures::join!(put, delete);
    assert_eq!(put.unwrap()["failed"], json!([]));
    assert_eq!(house.frames(), 1);
    let history = house.catalog.store_history(0).await.unwrap();
    let seen: Vec<_> = history.channels.iter().map(|it| (it.from, it.destinations.len())).collect();
    assert_eq!(seen, [(0, 1), (1, 0)]);
}

#[tokio::test]
async fn the_policy_of_a_channel_says_who_else_may_send() {
    let house = House::new().await;
    let store = house.store_of("activity", "ActivityAuditLog").await;
    let channel = house.channel("crm", &store).await;
    let policy = |effect: &str, principal: &str, condition: Value| {
        let mut statement = json!({
            "Effect": effect, "Principal": {"AWS": principal},
            "Action": "cloudtrail-data:PutAuditEvents", "Resource": channel,
        });
        if !condition.is_null() {
            statement["Condition"] = condition;
        }
        json!({"ResourceArn": channel, "ResourcePolicy":
            json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()})
    };
    let denied = "ChannelInsufficientPermission";
    house.ok("PutResourcePolicy", policy("Allow", OTHER, Value::Null)).await;
    for (who, code) in [(ACCOUNT, ""), (OTHER, ""), ("444444444444", denied)] {
        assert_eq!(house.refused(who, &channel, "").await, code, "{who}");
    }
    house.ok("PutResourcePolicy", policy("Deny", ACCOUNT, Value::Null)).await;
    assert_eq!(house.refused(ACCOUNT, &channel, "").await, denied);
    let id = json!({"StringEquals": {"cloudtrail:ExternalId": "s3cret-word"}});
    house.ok("PutResourcePolicy", policy("Allow", OTHER, id)).await;
    for (who, more, code) in [
        (OTHER, "&externalId=s3cret-word", ""),
        (OTHER, "&externalId=wrong", denied),
        (OTHER, "", denied),
        (ACCOUNT, "", denied),
    ] {
        assert_eq!(house.refused(who, &channel, more).await, code, "{who} {more}");
    }
    house.ok("DeleteResourcePolicy", json!({"ResourceArn": channel})).await;
    // One that nobody asks for is no harm.
    assert_eq!(house.refused(ACCOUNT, &channel, "&externalId=any").await, "");
    house.clock.advance(Duration::from_secs(1));
}
