//! Whether a caller may do what it asks of a service of ours.
//!
//! Start at [`House::authorise`]. An upstream decides for itself.

use std::{
    num::NonZeroUsize,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use lru::LruCache;
use wire::{
    auth::AuthError,
    iam::{self, Context, Policy},
};

use super::{
    House,
    refuse::Refusal,
    visit::{Kept, Visit},
};

/// Policies that were read of late, by their text.
pub(super) struct Policies(Mutex<LruCache<String, Option<Arc<Policy>>>>);

impl House {
    /// Checks a call that is answered here against its caller's policy.
    pub(super) fn authorise(&self, visit: &Visit, kept: &Kept) -> Result<(), Refusal> {
        let Some(credential) = visit.credential.as_ref().filter(|_| visit.is_own()) else {
            return Ok(());
        };
        let policy = match &credential.policy {
            catalog::Policy::Full => return Ok(()),
            catalog::Policy::None => None,
            catalog::Policy::ReadOnly => Some(Arc::clone(&READ_ONLY)),
            catalog::Policy::Document(text) => self.policies.read(text),
        };
        let arn = credential.identity.arn.as_deref().unwrap_or_default();
        let context = context(visit);
        for (action, resource) in asked(visit, kept) {
            let request = iam::Request { action: &action, resource: &resource, context: &context };
            let decision = iam::evaluate(policy.as_deref(), &request);
            if let Some(sentence) = decision.denial(arn, &request) {
                return Err(Refusal::Denied(AuthError::Denied(sentence)));
            }
        }
        Ok(())
    }
}

/// What a call needs to be allowed: actions and the resources that they are about.
fn asked(visit: &Visit, kept: &Kept) -> Vec<(String, String)> {
    if let Some(route) = visit.route {
        return vec![(route.action.to_owned(), "*".to_owned())];
    }
    let target = &visit.target;
    let service = target.service.map(|it| it.name).unwrap_or_default();
    let Some(operation) = target.operation.map(|it| it.name) else {
        // What cannot be named can be allowed only to those who may do everything.
        return vec![(format!("{service}:*"), "*".to_owned())];
    };
    let versioned = target.query.iter().any(|(name, _)| name == "versionId");
    let action = if versioned {
        iam::action_on_version(service, operation)
    } else {
        iam::action(service, operation)
    };
    if !target.is_s3() {
        return vec![(action, "*".to_owned())];
    }
    let bucket = target.bucket.as_deref();
    let mut asked: Vec<_> = match (bucket, target.key.as_deref()) {
        (None, _) => vec![(action, "*".to_owned())],
        (Some(bucket), Some(key)) => vec![(action, iam::object_arn(bucket, key))],
        (Some(bucket), None) if operation == "DeleteObjects" => keys_to_delete(visit, kept)
            .into_iter()
            .map(|(key, version)| {
                let action = if version { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" };
                (action.to_owned(), iam::object_arn(bucket, &key))
            })
            .collect(),
        (Some(bucket), None) => vec![(action, iam::bucket_arn(bucket))],
    };
    if let Some(action) = iam::source_action(service, operation) {
        let source = copy_source(visit).unwrap_or_else(|| "*".to_owned());
        asked.push((action.to_owned(), source));
    }
    if insists(visit) && BYPASSING.contains(&operation) {
        let bypass = asked.iter().map(|(_, resource)| (BYPASS.to_owned(), resource.clone()));
        asked.extend(bypass.collect::<Vec<_>>());
    }
    asked
}

/// Whether the caller wants a retention in governance mode not to count.
fn insists(visit: &Visit) -> bool {
    let header = visit.parts.headers.get("x-amz-bypass-governance-retention");
    header.is_some_and(|it| !it.as_bytes().eq_ignore_ascii_case(b"false"))
}

/// The keys that DeleteObjects names, and whether with a version. When they cannot be read, the
/// permission must be one for all keys.
fn keys_to_delete(visit: &Visit, kept: &Kept) -> Vec<(String, bool)> {
    let read = || {
        let body = kept.held().whole()?;
        let parameters = wire::parameters::read(&visit.target, &visit.parts, body).ok()?;
        let objects = parameters.get("Delete")?.get("Objects")?.as_array()?;
        let keys = objects.iter().map(|it| {
            let key = it.get("Key")?.as_str()?.to_owned();
            Some((key, it.get("VersionId").is_some()))
        });
        keys.collect::<Option<Vec<_>>>().filter(|it| !it.is_empty())
    };
    read().unwrap_or_else(|| vec![("*".to_owned(), true), ("*".to_owned(), false)])
}

/// The ARN of the object that is copied.
fn copy_source(visit: &Visit) -> Option<String> {
    let source = visit.parts.headers.get("x-amz-copy-source")?.to_str().ok()?;
    let (path, _version) = source.split_once("?versionId=").unwrap_or((source, ""));
    let path = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
    let (bucket, key) = path.trim_start_matches('/').split_once('/')?;
    Some(iam::object_arn(bucket, key))
}

/// What conditions may ask for.
fn context(visit: &Visit) -> Context {
    let header = |name: &str| visit.parts.headers.get(name).and_then(|it| it.to_str().ok());
    let mut context = Context::default()
        .with("aws:SourceIp", visit.source.to_canonical().to_string())
        .with("aws:SecureTransport", visit.peer.tls.is_some().to_string())
        .with("aws:CurrentTime", visit.arrival.to_string())
        .with("aws:EpochTime", visit.arrival.as_second().to_string());
    if let Some(agent) = header("user-agent") {
        context = context.with("aws:UserAgent", agent);
    }
    if let Some(referer) = header("referer") {
        context = context.with("aws:Referer", referer);
    }
    if let Some(region) = &visit.target.scope_region {
        context = context.with("aws:RequestedRegion", region);
    }
    if let Some(credential) = &visit.credential {
        let identity = &credential.identity;
        context = context.with("aws:PrincipalAccount", credential.account.as_str());
        for (key, value) in [
            ("aws:PrincipalArn", &identity.arn),
            ("aws:userid", &identity.principal_id),
            ("aws:username", &identity.user_name),
        ] {
            if let Some(value) = value {
                context = context.with(key, value);
            }
        }
    }
    if visit.target.is_s3() {
        for (name, value) in &visit.target.query {
            match name.as_str() {
                "prefix" => context = context.with("s3:prefix", value),
                "delimiter" => context = context.with("s3:delimiter", value),
                "max-keys" => context = context.with("s3:max-keys", value),
                "versionId" => context = context.with("s3:VersionId", value),
                _ => {}
            }
        }
    }
    context
}

impl Policies {
    /// Reads a document; nothing when it cannot be read, which allows nothing.
    fn read(&self, text: &str) -> Option<Arc<Policy>> {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(policy) = read.get(text) {
            return policy.clone();
        }
        let policy = Policy::parse(text).ok().map(Arc::new);
        read.put(text.to_owned(), policy.clone());
        policy
    }
}

impl Default for Policies {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(POLICIES_MAX)))
    }
}

static READ_ONLY: LazyLock<Arc<Policy>> = LazyLock::new(|| {
    Arc::new(Policy::parse(iam::READ_ONLY_ACCESS).expect("the canned policy is a policy"))
});

/// What a caller needs beside, to end a retention in governance mode early.
const BYPASS: &str = "s3:BypassGovernanceRetention";

/// The operations that can.
const BYPASSING: &[&str] = &["DeleteObject", "DeleteObjects", "PutObjectRetention"];

const POLICIES_MAX: NonZeroUsize = NonZeroUsize::new(1024).expect("it is not zero");
