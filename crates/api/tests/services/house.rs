//! The services on a real log and a real lake in a temporary folder, called as the door calls them.

use std::{
    io::Write as _,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use ambient::{Ambient, Clock as _};
use bytes::Bytes;
use catalog::{Catalog, MasterKey, TrailArn};
use flate2::{Compression, write::GzEncoder};
use futures::{FutureExt as _, future::BoxFuture};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use lake::{Lake, Store};
use log::{
    EventLog, LocalLog, Position,
    local::{self, GapRecord},
};
use record::{AccountId, Identity};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::ManualClock;
use trailmark_api::{
    CloudTrail, CloudTrailData, Organizations, Records, Stores, Sts, Tail, Trailmark, Trails,
    Window,
    channels::{AuditEvents, AuditSink, LogSink},
    trails::{Anywhere, Destination, DestinationProblem, Destinations},
};
use wire::answer::{Answer, Body, BoxError, Call, Caller, full};

use crate::plane::Plane;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const OTHER: &str = "210987654321";
pub(crate) const REGION: &str = "eu-west-1";

pub(crate) fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

pub(crate) fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

pub(crate) struct House {
    folder: TempDir,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) lake: Arc<Lake>,
    pub(crate) window: Arc<Window>,
    pub(crate) trailmark: Trailmark,
    pub(crate) catalog: Catalog,
    pub(crate) destinations: Arc<Outside>,
    pub(crate) plane: Arc<Plane>,
    pub(crate) clock: ManualClock,
    ambient: Ambient,
    cloudtrail: CloudTrail,
    /// The same without event data stores.
    bare: CloudTrail,
    data: CloudTrailData,
    organizations: Organizations,
}

/// Buckets, topics and keys of a test: all is well until it says otherwise.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    /// What is wrong with the next destination.
    pub(crate) problem: Mutex<Option<DestinationProblem>>,
    /// What was asked, most recent last.
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Destinations for Outside {
    /// An alias leads to the key of that name.
    fn key_arn<'a>(
        &'a self,
        key: &'a str,
        bucket: &'a str,
        trail: &'a TrailArn,
    ) -> BoxFuture<'a, Result<String, DestinationProblem>> {
        async move { Ok(Anywhere.key_arn(key, bucket, trail).await?.replace("alias/", "key/")) }
            .boxed()
    }

    fn check<'a>(&'a self, of: Destination<'a>) -> BoxFuture<'a, Result<(), DestinationProblem>> {
        self.asked.lock().unwrap().push(format!("{of:?}"));
        let problem = self.problem.lock().unwrap().take();
        async { problem.map_or(Ok(()), Err) }.boxed()
    }
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::open(tempfile::tempdir().unwrap(), |log| log).await
    }

    /// With a log of the test's own around the real one.
    pub(crate) async fn with_log(
        wrap: impl FnOnce(Arc<dyn EventLog>) -> Arc<dyn EventLog>,
    ) -> Self {
        Self::open(tempfile::tempdir().unwrap(), wrap).await
    }

    async fn open(
        folder: TempDir,
        wrap: impl FnOnce(Arc<dyn EventLog>) -> Arc<dyn EventLog>,
    ) -> Self {
        let (ambient, clock) = testkit::ambient(now(), 1);
        let gap_body = |_: &local::Gap| GapRecord {
            body: Bytes::new(),
            account: account(ACCOUNT),
            region: REGION.to_owned(),
        };
        let components =
            local::Components { ambient: ambient.clone(), gap_body: Arc::new(gap_body) };
        let path = folder.path();
        let log =
            LocalLog::open(&path.join("log"), local::Settings::default(), components).unwrap();
        let log = wrap(Arc::new(log));
        let url = format!("sqlite://{}/catalog.db?mode=rwc", path.display());
        let components = lake::Components {
            log: Arc::clone(&log),
            store: Store::local(path.join("lake")).unwrap(),
            catalog_url: url,
            ambient: ambient.clone(),
        };
        let lake = Arc::new(Lake::open(lake::Settings::default(), components).await.unwrap());
        let window = Arc::new(Window::open(path, log.as_ref()).await.unwrap());
        let records =
            Records::new(Arc::clone(&log), Arc::clone(&lake), Arc::clone(&window), ambient.clone());
        let trailmark = Trailmark::new(records, Tail::new(Arc::clone(&log), ambient.clone()));
        let master = MasterKey::in_folder(path).unwrap();
        let catalog = Catalog::open(path, master, ambient.clone()).await.unwrap();
        let destinations = Arc::<Outside>::default();
        let trails = Trails {
            catalog: catalog.clone(),
            log: Arc::clone(&log),
            destinations: Arc::clone(&destinations) as _,
            organizations: Arc::new(catalog.clone()),
            have_insights: true,
        };
        let plane = Arc::new(Plane::new(catalog.clone()));
        let stores = Stores {
            tables: Arc::clone(&plane) as _,
            queries: Some(Arc::clone(&plane) as _),
            importer: Some(Arc::clone(&plane) as _),
            ambient: ambient.clone(),
        };
        let bare = CloudTrail::new(Arc::clone(&lake), trails);
        let cloudtrail = bare.clone().with_stores(stores);
        let sink = Arc::new(LogSink(Arc::clone(&log)));
        let events = AuditEvents { catalog: catalog.clone(), sink, ambient: ambient.clone() };
        let data = CloudTrailData::new(events);
        let organizations = Organizations::new(catalog.clone(), Arc::clone(&log));
        Self {
            folder,
            log,
            lake,
            window,
            trailmark,
            catalog,
            destinations,
            plane,
            clock,
            ambient,
            cloudtrail,
            bare,
            data,
            organizations,
        }
    }

    /// Does what falls due without a call.
    pub(crate) async fn upkeep(&self) -> Result<(), BoxError> {
        self.cloudtrail.upkeep().await
    }

    /// From now on audit events go into a sink of the test's own.
    pub(crate) fn sink_into(&mut self, sink: Arc<dyn AuditSink>) {
        let (catalog, ambient) = (self.catalog.clone(), self.ambient.clone());
        self.data = CloudTrailData::new(AuditEvents { catalog, sink, ambient });
    }

    /// Sends audit events by an account: the URI and the body of a request.
    pub(crate) async fn put_audit_events(
        &self,
        who: &str,
        uri: &str,
        body: String,
    ) -> Result<Value, Refusal> {
        let mut call = call("cloudtrail-data", "PutAuditEvents", who, body.into());
        *call.request.uri_mut() = uri.parse().unwrap();
        call.arrival = self.clock.now();
        let response = self.data.answer(call).await.response;
        // Errors of this protocol are named in a header.
        let code = response.headers().get("x-amzn-errortype").cloned();
        let (status, answer) = read(response).await;
        let Some(code) = code else {
            assert_eq!(status, StatusCode::OK, "{answer}");
            return Ok(answer);
        };
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        Err(Refusal {
            code: code.to_str().unwrap().to_owned(),
            message: answer["message"].as_str().unwrap().to_owned(),
            reason: None,
        })
    }

    /// Stops everything, and opens it again on the same folder.
    pub(crate) async fn reopened(self) -> Self {
        let Self { folder, lake, log, window, trailmark, catalog, cloudtrail, .. } = self;
        let (bare, data, organizations) = (self.bare, self.data, self.organizations);
        lake.close().await;
        catalog.close().await;
        drop((lake, log, window, trailmark, cloudtrail, bare, data, organizations));
        Self::open(folder, |log| log).await
    }

    /// Sends records in bulk, as the account's own user or as the deployment's root.
    pub(crate) async fn send(&self, who: &str, body: impl Into<Bytes>) -> (StatusCode, Value) {
        let mut call = call("trailmark", "records", who, body.into());
        *call.request.method_mut() = Method::POST;
        read(self.trailmark.answer(call).await.response).await
    }

    pub(crate) async fn send_gzip(&self, who: &str, body: &[u8]) -> (StatusCode, Value) {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(body).unwrap();
        let mut call = call("trailmark", "records", who, gzip.finish().unwrap().into());
        call.request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        read(self.trailmark.answer(call).await.response).await
    }

    /// Waits until everything that was acknowledged can be looked up.
    pub(crate) async fn settle(&self) {
        let end = *self.log.durable().borrow();
        let mut visible = self.lake.visible();
        let seen = visible.wait_for(|it| *it >= end);
        tokio::time::timeout(Duration::from_secs(30), seen).await.unwrap().unwrap();
    }

    pub(crate) async fn lookup(&self, request: &Value) -> Result<Value, String> {
        self.lookup_as(ACCOUNT, REGION, request).await
    }

    pub(crate) async fn lookup_as(
        &self,
        who: &str,
        region: &str,
        request: &Value,
    ) -> Result<Value, String> {
        self.ask(who, region, "LookupEvents", request).await.map_err(|it| it.code)
    }

    /// Calls an operation of `cloudtrail` as a user of an account, in a region.
    pub(crate) async fn ask(
        &self,
        who: &str,
        region: &str,
        operation: &str,
        request: &Value,
    ) -> Result<Value, Refusal> {
        let mut call = call("cloudtrail", operation, who, request.to_string().into());
        region.clone_into(&mut call.region);
        call.arrival = self.clock.now();
        understood(self.cloudtrail.answer(call).await.response).await
    }

    /// Calls an operation of `organizations` as a user of an account.
    pub(crate) async fn organize(
        &self,
        who: &str,
        operation: &str,
        request: &Value,
    ) -> Result<Value, Refusal> {
        let call = call("organizations", operation, who, request.to_string().into());
        understood(self.organizations.answer(call).await.response).await
    }

    /// The event ids of every page, and how many pages there were.
    pub(crate) async fn list(&self, request: &Value) -> (Vec<String>, usize) {
        let (mut found, mut pages, mut request) = (Vec::new(), 0, request.clone());
        loop {
            let answer = self.lookup(&request).await.unwrap();
            pages += 1;
            found.extend(ids(&answer));
            match answer.get("NextToken") {
                Some(token) => request["NextToken"] = token.clone(),
                None => return (found, pages),
            }
        }
    }

    /// Calls any operation of `cloudtrail`.
    pub(crate) async fn cloudtrail(&self, operation: &str, body: &str) -> (StatusCode, Value) {
        let call = call("cloudtrail", operation, ACCOUNT, body.to_owned().into());
        read(self.cloudtrail.answer(call).await.response).await
    }

    /// Calls any operation of a `cloudtrail` that keeps no event data stores.
    pub(crate) async fn bare(&self, operation: &str, body: &str) -> (StatusCode, Value) {
        let call = call("cloudtrail", operation, ACCOUNT, body.to_owned().into());
        read(self.bare.answer(call).await.response).await
    }

    /// How many frames the log holds.
    pub(crate) fn frames(&self) -> u64 {
        self.log.durable().borrow().0
    }

    /// The frames of the log, from the first.
    pub(crate) async fn entries(&self) -> Vec<log::Entry> {
        self.log.read(Position(0), usize::MAX).await.unwrap()
    }
}

/// Why an operation refuses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) reason: Option<String>,
}

pub(crate) async fn sts(operation: &str) -> (StatusCode, String) {
    let response = Sts.answer(call("sts", operation, ACCOUNT, Bytes::new())).await.response;
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

pub(crate) async fn cloudtrail_data(uri: &str, body: &str) -> (StatusCode, Value) {
    let mut call = call("cloudtrail-data", "PutAuditEvents", ACCOUNT, body.to_owned().into());
    *call.request.uri_mut() = uri.parse().unwrap();
    read(CloudTrailData::default().answer(call).await.response).await
}

/// A call of `who`: an account, or `root` for the root of the deployment.
fn call(service: &str, operation: &str, who: &str, body: Bytes) -> Call {
    let is_deployment_root = who == "root";
    let account = account(if is_deployment_root { ACCOUNT } else { who });
    Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        caller: Caller {
            identity: Identity::user(account, "AIDAQEXAMPLEUSER00001", "/", "mira", None),
            account,
            is_deployment_root,
        },
        region: REGION.to_owned(),
        source: Ipv4Addr::LOCALHOST.into(),
        arrival: now(),
        request_id: "3d0f6a1e-52a4-4d0b-9c43-0a8f8c1f5b11".to_owned(),
        request: Request::post("/").body(full(body)).unwrap(),
    }
}

async fn read(response: http::Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let retry = response.headers().get("retry-after").is_some();
    assert_eq!(retry, status == StatusCode::SERVICE_UNAVAILABLE);
    read_body(response).await
}

async fn read_body(response: http::Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

/// What an operation answers, or why it refuses.
async fn understood(response: http::Response<Body>) -> Result<Value, Refusal> {
    let (status, answer) = read_body(response).await;
    if status == StatusCode::OK {
        return Ok(answer);
    }
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    let refusal = Refusal {
        code: text("__type").unwrap(),
        message: text("Message").unwrap(),
        reason: text("Reason"),
    };
    let expected = match refusal.code.as_str() {
        "InternalFailure" => 500,
        "ServiceUnavailable" => 503,
        _ => 400,
    };
    assert_eq!(status.as_u16(), expected, "{answer}");
    Err(refusal)
}

pub(crate) fn ids(answer: &Value) -> Vec<String> {
    let events = answer["Events"].as_array().unwrap();
    events.iter().map(|it| it["EventId"].as_str().unwrap().to_owned()).collect()
}

/// A management event of the account at a second of the day before, changed by `with`.
pub(crate) fn event(id: &str, second: i64, with: &Value) -> String {
    let time =
        now() - jiff::SignedDuration::from_hours(24) + jiff::SignedDuration::from_secs(second);
    let mut event = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser", "principalId": "AIDAQEXAMPLEUSER00001",
            "arn": format!("arn:aws:iam::{ACCOUNT}:user/mira"), "accountId": ACCOUNT,
            "accessKeyId": "AKIAQEXAMPLE00000001", "userName": "mira",
        },
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "eventSource": "kms.amazonaws.com",
        "eventName": "CreateKey",
        "awsRegion": REGION,
        "sourceIPAddress": "203.0.113.77",
        "requestParameters": null,
        "responseElements": null,
        "eventID": id,
        "readOnly": false,
        "resources": [{
            "accountId": ACCOUNT, "type": "AWS::KMS::Key",
            "ARN": format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/0f0e0d0c"),
        }],
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    });
    for (name, value) in with.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    event.to_string()
}
