//! A call as the door would see it: request, caller, answer; and the records that it becomes.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ambient::Random;
use door::recorder::{
    Answered, Arrived, Caller, Draft, Ending, Failure, Finished, Held, Learned, Mechanism, Owners,
    Recorder, Settings, Tls, Upstream,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, request::Parts};
use jiff::Timestamp;
use record::{AccountId, Identity};
use serde_json::Value;
use wire::identify::{Domains, Identified, identify};

/// The account of the caller.
pub(crate) const CALLERS: &str = "111122223333";
/// The deployment's own account.
pub(crate) const OWN: &str = "123456789012";
/// An account of the deployment that owns buckets and roles.
pub(crate) const OTHERS: &str = "222233334444";
pub(crate) const KEY: &str = "AKIAQEXAMPLE00000001";

/// A call, from the request to its end.
#[derive(Clone)]
pub(crate) struct Call {
    method: Method,
    uri: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    too_large: bool,
    caller: Caller,
    mechanism: Mechanism,
    upstream: Upstream,
    owner: Option<AccountId>,
    tls: bool,
    answer: Option<(StatusCode, HeaderMap, Option<Vec<u8>>)>,
    failure: Option<Failure>,
    bytes_in: u64,
    bytes_out: u64,
}

/// Ids that count up, so that records can be compared byte for byte.
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        bytes.fill(0);
        for (byte, of) in bytes.iter_mut().rev().zip(count.to_le_bytes()) {
            *byte = of;
        }
    }
}

/// Who owns what: one bucket owner, and two accounts of the deployment.
struct Known(Option<AccountId>);

impl Owners for Known {
    fn of_bucket(&self, _: &str) -> Option<AccountId> {
        self.0
    }

    fn keeps_records_of(&self, account: AccountId) -> bool {
        [CALLERS, OWN, OTHERS].contains(&account.as_str())
    }
}

pub(crate) fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

pub(crate) fn recorder() -> Recorder {
    let settings = Settings { account: account(OWN), region: "eu-west-1".to_owned() };
    Recorder::new(settings, Arc::new(Counting::default()))
}

/// The user of most calls.
pub(crate) fn mira() -> Identity {
    Identity::user(account(CALLERS), "AIDAQEXAMPLEUSER00001", "/", "mira", Some(KEY.to_owned()))
}

pub(crate) fn arrival() -> Timestamp {
    "2026-02-03T09:05:11.250Z".parse().unwrap()
}

pub(crate) fn completed() -> Timestamp {
    "2026-02-03T09:05:12.750Z".parse().unwrap()
}

impl Call {
    /// A call by a user whom the deployment knows, signed for `service` and `region`.
    pub(crate) fn new(method: &str, uri: &str, service: &str, region: &str) -> Self {
        let mut call = Self {
            method: method.parse().unwrap(),
            uri: uri.to_owned(),
            headers: HeaderMap::new(),
            body: None,
            too_large: false,
            caller: Caller::Proven { identity: Box::new(mira()), account: account(CALLERS) },
            mechanism: Mechanism::V4Header,
            upstream: Upstream::Elsewhere { account: None },
            owner: None,
            tls: true,
            answer: None,
            failure: None,
            bytes_in: 0,
            bytes_out: 0,
        };
        if let Some(host) = uri.split('/').nth(2) {
            call = call.header("host", host);
        }
        let scope = format!("{KEY}/20260203/{region}/{service}/aws4_request");
        let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        call.header(
            "authorization",
            &format!(
                "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, \
                 Signature={signature}"
            ),
        )
        .header("x-amz-date", "20260203T090511Z")
        .header("user-agent", "aws-cli/2.22.1 md/awscrt#0.23.4")
    }

    /// A call that nobody signed.
    pub(crate) fn unsigned(method: &str, uri: &str) -> Self {
        let mut call = Self::new(method, uri, "", "");
        call.headers.remove("authorization");
        call.caller = Caller::Anonymous;
        call.mechanism = Mechanism::None;
        call
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.bytes_in = body.len() as u64;
        self.body = Some(body);
        self
    }

    /// An operation of AWS JSON.
    pub(crate) fn target(self, target: &str, version: &str, body: &str) -> Self {
        self.header("x-amz-target", target)
            .header("content-type", &format!("application/x-amz-json-{version}"))
            .body(body)
    }

    /// An operation of a query service.
    pub(crate) fn form(self, body: &str) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded; charset=utf-8").body(body)
    }

    /// A body above the cap, of which nothing was held.
    pub(crate) fn too_large(mut self) -> Self {
        self.too_large = true;
        self.bytes_in = 3 << 20;
        self
    }

    /// Bytes of an object, which are never held.
    pub(crate) fn object(mut self, bytes: u64) -> Self {
        self.bytes_in = bytes;
        self
    }

    pub(crate) fn by(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// A key that the deployment does not know.
    pub(crate) fn claiming(self, access_key_id: &str) -> Self {
        self.by(Caller::Claimed { access_key_id: access_key_id.to_owned() })
    }

    pub(crate) fn presigned(mut self) -> Self {
        self.headers.remove("authorization");
        self.mechanism = Mechanism::V4Query;
        self
    }

    pub(crate) fn upstream(mut self, account: AccountId) -> Self {
        self.upstream = Upstream::Elsewhere { account: Some(account) };
        self
    }

    pub(crate) fn own(mut self) -> Self {
        self.upstream = Upstream::Own;
        self
    }

    pub(crate) fn bucket_owner(mut self, owner: &str) -> Self {
        self.owner = Some(account(owner));
        self
    }

    pub(crate) fn clear_text(mut self) -> Self {
        self.tls = false;
        self
    }

    pub(crate) fn failed(mut self, failure: Failure) -> Self {
        self.failure = Some(failure);
        self
    }

    /// The answer, with its body held whole.
    pub(crate) fn answered(
        mut self,
        status: u16,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let headers = headers.iter().map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        });
        let body = body.into();
        self.bytes_out = body.len() as u64;
        self.answer = Some((status.try_into().unwrap(), headers.collect(), Some(body)));
        self
    }

    /// An answer whose body is an object's: it was sent, not held.
    pub(crate) fn streamed(mut self, status: u16, headers: &[(&str, &str)], bytes: u64) -> Self {
        self = self.answered(status, headers, "");
        self.bytes_out = bytes;
        if let Some((_, _, body)) = &mut self.answer {
            *body = None;
        }
        self
    }

    fn parts(&self) -> Parts {
        let (mut parts, ()) = Request::builder()
            .method(self.method.clone())
            .uri(self.uri.as_str())
            .body(())
            .unwrap()
            .into_parts();
        parts.headers = self.headers.clone();
        parts
    }

    /// Whether the request can be read in one way only.
    pub(crate) fn is_clear(&self) -> bool {
        let body = self.body.as_deref().unwrap_or_default();
        let found = identify(&self.parts(), &Domains::default());
        found.is_ok_and(|it| !it.needs_form || it.with_form(body).is_ok())
    }

    /// What the request is for.
    pub(crate) fn identified(&self) -> Identified {
        let found = identify(&self.parts(), &Domains::default()).unwrap();
        if found.needs_form {
            found.with_form(self.body.as_deref().unwrap_or_default()).unwrap()
        } else {
            found
        }
    }

    /// Lets `look` see the call as it arrives.
    pub(crate) fn arrives<T>(&self, look: impl FnOnce(&Arrived<'_>) -> T) -> T {
        let parts = self.parts();
        let target = self.identified();
        let body = match &self.body {
            _ if self.too_large => Held::TooLarge,
            Some(body) => Held::Whole(body),
            None => Held::None,
        };
        look(&Arrived {
            parts: &parts,
            body,
            target: &target,
            caller: &self.caller,
            mechanism: self.mechanism,
            upstream: self.upstream,
            owners: &Known(self.owner),
            source: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9)),
            tls: self.tls.then_some(Tls {
                version: "TLSv1.3",
                cipher_suite: "TLS_AES_128_GCM_SHA256",
                key_exchange: None,
            }),
            arrival: arrival(),
            request_id: "3d0f6a1e-52a4-4d0b-9c43-0a8f8c1f5b11",
        })
    }

    fn ends<T>(&self, look: impl FnOnce(&Ending<'_>) -> T) -> T {
        let answer = self.answer.as_ref().map(|(status, headers, body)| Answered {
            status: *status,
            headers,
            body: body.as_deref().map_or(Held::None, Held::Whole),
        });
        look(&Ending {
            answer,
            failure: self.failure,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            completed: completed(),
        })
    }

    pub(crate) fn draft(&self) -> Draft {
        self.arrives(|arrived| recorder().begin(arrived))
    }

    pub(crate) fn finished(&self) -> Vec<Finished> {
        let recorder = recorder();
        let draft = self.arrives(|arrived| recorder.begin(arrived));
        self.ends(|ending| recorder.finish(draft, &self.identified(), ending))
    }

    pub(crate) fn learned(&self) -> Option<Learned> {
        let recorder = recorder();
        let draft = self.arrives(|arrived| recorder.begin(arrived));
        self.ends(|ending| recorder.learn(&draft, ending))
    }

    pub(crate) fn rejected(&self, code: &str, message: &str) -> Finished {
        self.arrives(|arrived| recorder().rejected(arrived, code, message, completed()))
    }

    /// The records, as those who read them see them.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.finished().iter().map(json).collect()
    }

    /// The only record.
    pub(crate) fn record(&self) -> Value {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "{records:#?}");
        records.remove(0)
    }
}

pub(crate) fn json(finished: &Finished) -> Value {
    let record: Value = serde_json::from_slice(&finished.body).unwrap();
    // What stands beside a record says what stands in it.
    assert_eq!(record["recipientAccountId"], finished.account.as_str());
    assert_eq!(record["awsRegion"], finished.region.as_str());
    assert_eq!(record["eventCategory"], finished.category.as_str());
    record
}

/// A record as a snapshot shows it.
pub(crate) fn pretty(record: &Value) -> String {
    serde_json::to_string_pretty(record).unwrap()
}
