//! Who calls, for what, and whether a bucket lets it in.
//!
//! A bucket is its account's, unless its policy says otherwise: a denial there holds for everybody,
//! and a permission opens the bucket to another account. What callers may do by their own policies
//! was checked before (`door`).
//! Spec: IAM User Guide, "Cross-account policy evaluation logic".

use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use record::{AccountId, IdentityType};
use wire::{
    answer::Call,
    iam::{self, Context, Decision, Principal},
};

use crate::{index::Bucket, policy::decide};

/// Who calls.
#[derive(Debug)]
pub(crate) struct Visitor {
    account: AccountId,
    /// Empty when nobody knows.
    arn: String,
    is_root: bool,
    /// What conditions may ask for.
    context: Context,
}

/// For what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Errand {
    /// As the catalogue spells it, such as `GetObject`.
    pub(crate) operation: String,
    pub(crate) key: Option<String>,
}

impl Visitor {
    /// Reads a call's caller, before anything is taken off its headers.
    pub(crate) fn of(call: &Call) -> Self {
        let identity = &call.caller.identity;
        let mut context = Context::default()
            .with("aws:SourceIp", call.source.to_canonical().to_string())
            .with("aws:CurrentTime", call.arrival.to_string())
            .with("aws:EpochTime", call.arrival.as_second().to_string())
            .with("aws:RequestedRegion", &call.region)
            .with("aws:PrincipalAccount", call.caller.account.as_str());
        for (key, value) in [
            ("aws:PrincipalArn", &identity.arn),
            ("aws:userid", &identity.principal_id),
            ("aws:username", &identity.user_name),
        ] {
            if let Some(value) = value {
                context = context.with(key, value);
            }
        }
        context = with_headers(context, call.request.headers());
        context = with_query(context, call.request.uri());
        Self {
            account: call.caller.account,
            arn: identity.arn.clone().unwrap_or_default(),
            is_root: identity.kind == Some(IdentityType::Root),
            context,
        }
    }

    /// Whether a bucket lets the caller do it.
    pub(crate) fn may(&self, bucket: &Bucket, operation: &str, key: Option<&str>) -> bool {
        let is_own = bucket.account == self.account;
        if POLICY_OPERATIONS.contains(&operation) {
            if !is_own {
                return false;
            }
            if self.is_root {
                // Else a denial of everything could not be taken back.
                return true;
            }
        }
        let resource = match key {
            Some(key) => iam::object_arn(&bucket.name, key),
            None => iam::bucket_arn(&bucket.name),
        };
        let action = iam::action("s3", operation);
        let request = iam::Request { action: &action, resource: &resource, context: &self.context };
        let principal = Principal::Aws { account: self.account.as_str(), arn: &self.arn };
        match decide(bucket.policy.as_ref(), principal, &request) {
            Decision::Allowed => true,
            Decision::ExplicitlyDenied => false,
            Decision::ImplicitlyDenied => is_own,
        }
    }
}

impl Errand {
    /// What an operation asks for, by the name that `s3s` has for it, with a target in path style.
    pub(crate) fn of(operation: &str, target: &Uri) -> Self {
        let key = target.path().trim_start_matches('/').split_once('/').map(|it| it.1);
        let key = key.filter(|it| !it.is_empty());
        let key = key.map(|it| percent_decode_str(it).decode_utf8_lossy().into_owned());
        Self { operation: Self::name(operation), key }
    }

    /// What the catalogue calls an operation of `s3s`.
    pub(crate) fn name(operation: &str) -> String {
        let words = operation.split('_').flat_map(|word| {
            let mut chars = word.chars();
            chars.next().map(|it| it.to_ascii_uppercase()).into_iter().chain(chars)
        });
        words.collect()
    }
}

fn with_headers(mut context: Context, headers: &HeaderMap) -> Context {
    for (name, key) in HEADERS {
        if let Some(value) = headers.get(*name).and_then(|it| it.to_str().ok()) {
            context = context.with(key, value);
        }
    }
    context
}

fn with_query(mut context: Context, uri: &Uri) -> Context {
    for pair in uri.query().unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let "prefix" | "delimiter" | "max-keys" = name {
            let value = value.replace('+', " ");
            let value = percent_decode_str(&value).decode_utf8_lossy().into_owned();
            context = context.with(&format!("s3:{name}"), value);
        }
    }
    context
}

/// Only the bucket's own account may use them, and its root user always.
const POLICY_OPERATIONS: &[&str] =
    &["DeleteBucketPolicy", "GetBucketPolicy", "GetBucketPolicyStatus", "PutBucketPolicy"];

/// The headers that conditions may ask for, and their condition keys.
const HEADERS: &[(&str, &str)] = &[
    ("referer", "aws:Referer"),
    ("user-agent", "aws:UserAgent"),
    ("x-amz-acl", "s3:x-amz-acl"),
    ("x-amz-content-sha256", "s3:x-amz-content-sha256"),
    ("x-amz-copy-source", "s3:x-amz-copy-source"),
    ("x-amz-metadata-directive", "s3:x-amz-metadata-directive"),
    ("x-amz-object-lock-legal-hold", "s3:object-lock-legal-hold"),
    ("x-amz-object-lock-mode", "s3:object-lock-mode"),
    ("x-amz-object-lock-retain-until-date", "s3:object-lock-retain-until-date"),
    ("x-amz-server-side-encryption", "s3:x-amz-server-side-encryption"),
    ("x-amz-storage-class", "s3:x-amz-storage-class"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(operation: &str, target: &'static str, expected: (&str, Option<&str>)) {
        let errand = Errand::of(operation, &Uri::from_static(target));
        assert_eq!((errand.operation.as_str(), errand.key.as_deref()), expected);
    }

    #[test]
    fn operations_and_keys_are_read_as_policies_spell_them() {
        check("list_objects_v2", "/box?list-type=2", ("ListObjectsV2", None));
        check("get_bucket_acl", "/box/?acl", ("GetBucketAcl", None));
        check("put_object", "/box/a//b%20%C3%A4+c/", ("PutObject", Some("a//b ä+c/")));
        check("get_object", "/box//a", ("GetObject", Some("/a")));
    }
}
