//! Services that are answered here.

use std::sync::{Arc, Mutex};

use catalog::{Policy, Principal, UserName, UserPath};
use door::Mode;
use futures::{FutureExt as _, future::BoxFuture};
use http::StatusCode;
use http_body_util::BodyExt as _;
use record::AccountId;
use wire::answer::{Answer, Call, Reply, full};

use crate::{
    sign::Sign,
    stage::{ACCOUNT, Stage},
};

/// A service that says what it was asked.
#[derive(Debug, Default)]
struct Echo(Mutex<Vec<String>>);

impl Answer for Echo {
    fn answer(&self, call: Call) -> BoxFuture<'_, Reply> {
        async move {
            let Call { service, operation, caller, region, request, .. } = call;
            let body = match request.into_body().collect().await {
                Ok(body) => String::from_utf8(body.to_bytes().to_vec()).unwrap(),
                Err(error) => {
                    self.0.lock().unwrap().push(format!("failed: {error}"));
                    let mut response = http::Response::new(full("bad body"));
                    *response.status_mut() = StatusCode::BAD_REQUEST;
                    return response.into();
                }
            };
            let root = caller.is_deployment_root;
            let text = format!("{service}:{operation} {} {root} {region} {body}", caller.account);
            self.0.lock().unwrap().push(text.clone());
            http::Response::new(full(text)).into()
        }
        .boxed()
    }
}

async fn stage() -> (Stage, Arc<Echo>) {
    let mut stage = Stage::new().await;
    let echo = Arc::new(Echo::default());
    for name in ["cloudtrail", "cloudtrail-data", "sts", "s3", "trailmark"] {
        stage.answers.insert(name.to_owned(), Arc::clone(&echo) as Arc<dyn Answer>);
    }
    (stage, echo)
}

fn lookup() -> Sign<'static> {
    let target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
    Sign::json(target, "cloudtrail", b"{\"MaxResults\": 1}")
}

#[tokio::test]
async fn a_service_of_ours_gets_the_call_and_the_call_is_recorded() {
    let (stage, _) = stage().await;
    let door = stage.open().await;
    let answer = door.caller().await.ask(lookup().request()).await;
    assert_eq!(
        answer.body,
        "cloudtrail:LookupEvents 123456789012 true us-east-1 {\"MaxResults\": 1}"
    );
    let record = door.log.record();
    assert_eq!(record["eventName"], "LookupEvents");
    assert_eq!(record["eventSource"], "cloudtrail.amazonaws.com");
    assert_eq!(record["requestParameters"]["maxResults"], 1);
    assert_eq!(record["userIdentity"]["type"], "Root");
}

#[tokio::test]
async fn strangers_are_refused_in_their_own_words_and_recorded() {
    let (stage, echo) = stage().await;
    let door = stage.open().await;
    let mut caller = door.caller().await;
    let unknown = Sign { key: "AKIASOMEBODYELSE1234", ..lookup() }.request();
    let answer = caller.ask(unknown).await;
    assert!(answer.body.contains("UnrecognizedClientException"), "{answer:?}");
    let answer = caller.ask("GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("<Code>AccessDenied</Code>"), "{answer:?}");
    let form = "Action=GetCallerIdentity&Version=2011-06-15";
    let answer = caller
        .ask(format!(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        ))
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("<Code>MissingAuthenticationToken</Code>"), "{answer:?}");
    assert!(echo.0.lock().unwrap().is_empty(), "a stranger reached a service");
    assert_eq!(door.log.records().len(), 3);
}

#[tokio::test]
async fn a_policy_decides_before_the_service_and_a_denial_is_recorded_with_its_caller() {
    let (stage, echo) = stage().await;
    let account = AccountId::parse(ACCOUNT).unwrap();
    let name = UserName::parse("reader").unwrap();
    let path = UserPath::default();
    stage.catalog.add_user(account, name, path, Policy::ReadOnly).await.unwrap();
    let key = stage.catalog.create_key(Principal::User(account, "reader")).await.unwrap();
    let door = stage.open().await;
    let mut caller = door.caller().await;
    let mine = |sign: Sign<'static>| Sign { key: &key.id, secret: key.secret.expose(), ..sign };
    assert_eq!(caller.ask(mine(lookup()).request()).await.status, StatusCode::OK);
    let body = b"{\"Name\": \"t\", \"S3BucketName\": \"b\"}";
    let target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.CreateTrail";
    let answer = caller.ask(mine(Sign::json(target, "cloudtrail", body)).request()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("AccessDeniedException"), "{answer:?}");
    assert!(answer.body.contains("user/reader is not authorized to perform"), "{answer:?}");
    assert_eq!(echo.0.lock().unwrap().len(), 1);
    let record = door.log.records().pop().unwrap();
    assert_eq!(record["errorCode"], "AccessDenied");
    assert_eq!(record["userIdentity"]["userName"], "reader", "{record:#}");
    assert_eq!(record["requestParameters"]["name"], "t");
}

#[tokio::test]
async fn ending_a_retention_early_needs_a_permission_of_its_own() {
    let (stage, _) = stage().await;
    let account = AccountId::parse(ACCOUNT).unwrap();
    let name = UserName::parse("cleaner").unwrap();
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:DeleteObject","Resource":"*"},
        {"Effect":"Allow","Action":"s3:BypassGovernanceRetention","Resource":"arn:aws:s3:::box/tmp/*"}]}"#;
    let policy = Policy::Document(policy.to_owned());
    stage.catalog.add_user(account, name, UserPath::default(), policy).await.unwrap();
    let key = stage.catalog.create_key(Principal::User(account, "cleaner")).await.unwrap();
    let door = stage.open().await;
    let mut caller = door.caller().await;
    let mine = |sign: Sign<'static>| Sign { key: &key.id, secret: key.secret.expose(), ..sign };
    for (path, insists, status) in [
        ("/box/k", None, 200),
        ("/box/k", Some("false"), 200),
        ("/box/k", Some("true"), 403),
        ("/box/tmp/k", Some("true"), 200),
    ] {
        let mut sign = Sign::new("DELETE", path, "s3");
        if let Some(insists) = insists {
            sign = sign.header("x-amz-bypass-governance-retention", insists);
        }
        let answer = caller.ask(mine(sign).request()).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {insists:?} {answer:?}");
    }
}

#[tokio::test]
async fn routes_of_trailmark_are_signed_like_a_services_and_get_their_bodies() {
    let (stage, _) = stage().await;
    let door = stage.open().await;
    let mut caller = door.caller().await;
    let body = b"{\"eventVersion\": \"1.11\"}\n".repeat(100_000);
    let records = || Sign::new("POST", "/_trailmark/records", "cloudtrail-data").body(&body);
    let answer = caller.ask(records().request()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(answer.body.starts_with("trailmark:records 123456789012 true us-east-1 {\"eventV"));
    // As curl sends it, which signs no content type. The path says what the body is.
    let mut curl = records().request();
    let line = curl.windows(2).position(|it| it == b"\r\n").unwrap() + 2;
    curl.splice(line..line, *b"content-type: application/x-www-form-urlencoded\r\n");
    let answer = caller.ask(curl).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let answer = caller.ask(Sign { service: "cloudtrail", ..records() }.request()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    let unsigned = "POST /_trailmark/records HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(door.caller().await.ask(unsigned).await.status, StatusCode::FORBIDDEN);
    let tail = Sign::new("GET", "/_trailmark/tail", "cloudtrail").request();
    assert_eq!(
        door.caller().await.ask(tail).await.body,
        "trailmark:tail 123456789012 true us-east-1 "
    );
}

#[tokio::test]
async fn a_body_that_is_not_what_was_signed_fails_while_the_service_reads_it() {
    let (stage, echo) = stage().await;
    let door = stage.open().await;
    let body = vec![b'x'; 200_000];
    let mut request =
        Sign::new("POST", "/_trailmark/records", "cloudtrail-data").body(&body).request();
    *request.last_mut().unwrap() = b'y';
    let answer = door.caller().await.ask(request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(echo.0.lock().unwrap()[0].starts_with("failed: "));
}

#[tokio::test]
async fn pages_need_no_signature_and_leave_no_record() {
    let (stage, _) = stage().await;
    let door = stage.open().await;
    let mut caller = door.caller().await;
    for (path, status, text) in [
        ("/_trailmark/healthz", 200, "ok"),
        ("/_trailmark/readyz", 200, "ready"),
        ("/_trailmark/metrics", 200, "trailmark_door_connections 1"),
        ("/_trailmark/console", 404, "no console yet"),
        ("/_trailmark/nothing", 404, "no such page"),
    ] {
        let answer = caller.ask(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert!(answer.body.contains(text), "{answer:?}");
    }
    let browser = "GET / HTTP/1.1\r\nHost: h\r\nAccept: text/html,*/*\r\n\r\n";
    let answer = caller.ask(browser).await;
    assert_eq!(answer.headers["location"], "/_trailmark/console");
    assert!(door.log.frames().is_empty());
}

#[tokio::test]
async fn reads_go_on_while_the_log_is_full_and_what_finds_no_room_becomes_one_gap_record() {
    for mode in [Mode::Durable, Mode::Strict, Mode::Buffered] {
        let (mut stage, echo) = stage().await;
        stage.settings.own.insert("cloudtrail".to_owned(), mode);
        let door = stage.open().await;
        door.log.set_full(true);
        door.log.set_reserve(2);
        let mut caller = door.caller().await;
        for _ in 0..5 {
            assert_eq!(caller.ask(lookup().request()).await.status, StatusCode::OK, "{mode:?}");
        }
        let writes = b"{\"Name\": \"t\", \"S3BucketName\": \"b\"}";
        let target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.CreateTrail";
        let answer = caller.ask(Sign::json(target, "cloudtrail", writes).request()).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{mode:?}");
        assert_eq!(echo.0.lock().unwrap().len(), 5, "what changes things does not go on");
        let records = door.log.records();
        assert_eq!(records.len(), 2, "the reserve holds two");
        assert!(records.iter().all(|it| it["eventName"] == "LookupEvents"));
        assert_eq!(door.metrics.unrecorded_reads.value(), 3);
        assert_eq!(door.metrics.refused_log.value(), 1);

        door.log.set_full(false);
        let records = door.log.wait_for_records(3).await;
        let gap = &records[2];
        assert_eq!(gap["eventName"], "RecordGap");
        assert_eq!(gap["recipientAccountId"], ACCOUNT);
        let details = &gap["serviceEventDetails"];
        assert_eq!(
            (&details["reason"], &details["recordCountAtMost"]),
            (&"LogFull".into(), &3.into())
        );
        assert!(details["windowStart"].is_string() && details["windowEnd"].is_string(), "{gap}");
        assert_eq!(caller.ask(lookup().request()).await.status, StatusCode::OK);
        let log = door.log.clone();
        drop(caller);
        door.stop().await.unwrap();
        let gaps = log.records().iter().filter(|it| it["eventName"] == "RecordGap").count();
        assert_eq!((gaps, log.records().len()), (1, 4), "each is told of once");
    }
}
