//! What S3's records have that no others have.
//!
//! Lives here: parameters under the names of headers and query parameters, `resources` of buckets
//! and objects, `additionalEventData`, the keys of a bulk deletion.
//! Lives elsewhere: telling bucket and key of a request (`wire::identify`).
//!
//! Start at [`parameters`].
//! Spec: S3 User Guide, "Amazon S3 CloudTrail events"; the rest as genuine records show it.

use std::collections::HashMap;

use http::HeaderMap;
use record::AccountId;
use serde_json::{Map, Value, json};
use wire::identify::Identified;

use super::{
    draft::{Deletion, Draft, Event},
    hide,
    resources::Resource,
    seen::{Answered, Arrived},
};

/// Whether a call is one of S3's own API. The control API (`s3control`) is spelt like others.
pub(super) fn is_s3(target: &Identified) -> bool {
    target.service.is_some_and(|it| it.name == "s3")
}

/// `requestParameters`: bucket, host and key, the query under its own names, and what `shown` has
/// from headers and body.
pub(super) fn parameters(arrived: &Arrived<'_>, shown: Value) -> Value {
    let target = arrived.target;
    let mut members = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.entry(name).or_insert(value);
        }
    };
    put("bucketName", target.bucket.as_deref().map(|it| json!(hide::text(it))));
    put("Host", target.host.as_deref().map(|it| json!(hide::text(it))));
    put("key", target.key.as_deref().map(|it| json!(hide::text(it))));
    // Subresources, such as `acl` or `list-type`, and the harmless half of a presigned URL.
    let mut query: Value = target
        .query
        .iter()
        .filter(|(name, _)| !hide::is_credential(&name.to_ascii_lowercase()))
        .take(QUERY_MAX)
        .map(|(name, value)| (hide::text(name), json!(value)))
        .collect::<Map<_, _>>()
        .into();
    hide::unknown(&mut query);
    for (name, value) in query.as_object_mut().into_iter().flatten() {
        put(name, Some(value.take()));
    }
    let is_deletion = target.operation.is_some_and(|it| it.name == "DeleteObjects");
    if let Value::Object(shown) = shown {
        for (name, value) in shown {
            let known = matches!(name.as_str(), "bucket" | "Bucket" | "Key");
            // The keys of a bulk deletion have records of their own.
            let listed = is_deletion && name.eq_ignore_ascii_case("delete") && value.is_object();
            if !known && !listed && !hide::is_credential(&name.to_ascii_lowercase()) {
                put(&name, Some(value));
            }
        }
    }
    Value::Object(members)
}

/// `resources`: the object without its owner, or what the ARNs of all listed objects begin with, and
/// the bucket with its owner. A management event is about the bucket alone.
pub(super) fn resources(target: &Identified, event: &Event, owner: AccountId) -> Vec<Resource> {
    let Some(bucket) = target.bucket.as_deref().filter(|it| !it.is_empty()) else {
        return Vec::new();
    };
    let bucket_arn = format!("arn:aws:s3:::{}", hide::text(bucket));
    let object = |arn, arn_prefix| Resource {
        account: None,
        kind: Some("AWS::S3::Object".to_owned()),
        arn,
        arn_prefix,
    };
    let mut found = Vec::new();
    match (&target.key, event.data) {
        (_, false) => {}
        (Some(key), true) => {
            found.push(object(Some(format!("{bucket_arn}/{}", hide::text(key))), None));
        }
        (None, true) => {
            let prefix = target.query.iter().find(|(name, _)| name == "prefix");
            let prefix = prefix.map_or_else(String::new, |(_, value)| hide::text(value));
            found.push(object(None, Some(format!("{bucket_arn}/{prefix}"))));
        }
    }
    found.push(Resource {
        account: Some(owner.to_string()),
        kind: Some("AWS::S3::Bucket".to_owned()),
        arn: Some(bucket_arn),
        arn_prefix: None,
    });
    found
}

/// What of `additionalEventData` is known when the call arrives.
pub(super) fn additional(arrived: &Arrived<'_>) -> Map<String, Value> {
    let mut members = Map::new();
    if let Some(version) = arrived.mechanism.version() {
        members.insert("SignatureVersion".to_owned(), json!(version));
    }
    if let Some(tls) = &arrived.tls {
        members.insert("CipherSuite".to_owned(), json!(tls.cipher_suite));
    }
    if let Some(method) = arrived.mechanism.method() {
        members.insert("AuthenticationMethod".to_owned(), json!(method));
    }
    members
}

/// `additionalEventData` of a call that has ended.
pub(super) fn additional_at_end(
    draft: &Draft,
    answer: Option<&Answered<'_>>,
    bytes_in: u64,
    bytes_out: u64,
) -> Map<String, Value> {
    let mut members = draft.additional.clone();
    members.insert("bytesTransferredIn".to_owned(), json!(bytes_in));
    members.insert("bytesTransferredOut".to_owned(), json!(bytes_out));
    let Some(answer) = answer else { return members };
    if let Some(id) = header(answer.headers, "x-amz-id-2") {
        members.insert("x-amz-id-2".to_owned(), json!(hide::text(id)));
    }
    if !draft.event.read_only
        && answer.status.is_success()
        && let Some(applied) = encryption_applied(&draft.parameters, answer.headers)
    {
        members.insert("SSEApplied".to_owned(), json!(applied));
    }
    members
}

/// `SSEApplied`: how the object was encrypted at rest, and whether the caller asked for it.
fn encryption_applied(parameters: &Value, answer: &HeaderMap) -> Option<&'static str> {
    const ASKED: &str = "x-amz-server-side-encryption";
    if header(answer, "x-amz-server-side-encryption-customer-algorithm").is_some() {
        return Some("SSE_C");
    }
    let asked = parameters.get(ASKED).is_some();
    Some(match (header(answer, ASKED)?, asked) {
        ("AES256", true) => "SSE_S3",
        ("AES256", false) => "Default_SSE_S3",
        ("aws:kms", true) => "SSE_KMS",
        ("aws:kms", false) => "Default_SSE_KMS",
        ("aws:kms:dsse", true) => "DSSE_KMS",
        ("aws:kms:dsse", false) => "Default_DSSE_KMS",
        _ => return None,
    })
}

/// The keys that a bulk deletion asks to delete.
pub(super) fn deletions(target: &Identified, model: &Value) -> Vec<Deletion> {
    if !is_s3(target) || target.operation.is_none_or(|it| it.name != "DeleteObjects") {
        return Vec::new();
    }
    let objects = model.get("Delete").and_then(|it| it.get("Objects")).and_then(Value::as_array);
    let objects = objects.into_iter().flatten().take(DELETIONS_MAX);
    objects
        .filter_map(|it| Some(Deletion { key: text(it, "Key")?, version: text(it, "VersionId") }))
        .collect()
}

/// A key that a bulk deletion deleted, or failed to.
pub(super) struct Deleted {
    pub(super) key: String,
    pub(super) version: Option<String>,
    pub(super) error_code: Option<String>,
    pub(super) error_message: Option<String>,
    /// `responseElements` of its record.
    pub(super) elements: Value,
}

/// What became of each key of a bulk deletion. A key that the answer does not name was deleted
/// without a word (`Quiet`).
pub(super) fn deleted(asked: &[Deletion], answer: Option<&Value>) -> Vec<Deleted> {
    let entries = |list| {
        let entries = answer.and_then(|it| it.get(list)).and_then(Value::as_array);
        let entries = entries.into_iter().flatten().take(DELETIONS_MAX);
        entries.map(|it| ((text(it, "Key"), text(it, "VersionId")), it)).collect::<HashMap<_, _>>()
    };
    let (done, failed) = (entries("Deleted"), entries("Errors"));
    let became = |it: &Deletion| {
        let name = (Some(it.key.clone()), it.version.clone());
        let (done, failed) = (done.get(&name), failed.get(&name));
        let mut elements = Map::new();
        if done.is_some_and(|it| it.get("DeleteMarker") == Some(&json!(true))) {
            elements.insert("x-amz-delete-marker".to_owned(), json!("true"));
        }
        if let Some(version) = done.and_then(|it| text(it, "DeleteMarkerVersionId")) {
            elements.insert("x-amz-version-id".to_owned(), json!(version));
        }
        Deleted {
            key: it.key.clone(),
            version: it.version.clone(),
            error_code: failed.and_then(|it| text(it, "Code")),
            error_message: failed.and_then(|it| text(it, "Message")),
            elements: if elements.is_empty() { Value::Null } else { Value::Object(elements) },
        }
    };
    asked.iter().map(became).collect()
}

fn text(entry: &Value, name: &str) -> Option<String> {
    entry.get(name).and_then(Value::as_str).map(hide::text)
}

pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Query parameters that are kept; no operation has as many.
const QUERY_MAX: usize = 64;

/// Keys that one call may delete. Spec: S3 API Reference, "DeleteObjects".
const DELETIONS_MAX: usize = 1000;
