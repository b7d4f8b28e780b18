//! The verifier against AWS's vectors, against botocore, and against those who try.

mod bodies;
mod botocore;
mod flips;
mod pitfalls;
mod timing;
mod vectors;

use super::{
    signer::{ID, SECRET, parts},
    *,
};
use crate::auth::{AuthError, Failure};
use bytes::Bytes;
use http::{HeaderMap, request::Parts};
use jiff::Timestamp;
use zeroize::Zeroizing;

fn secret(text: &str) -> Secret {
    Secret::new(Zeroizing::new(text.to_owned()))
}

/// One call to a service of ours, or to an upstream of another name, with one known key, from first to last.
fn call(
    request: &Parts,
    body: &[u8],
    service: &str,
    now: &str,
) -> Result<(Verified, Bytes, HeaderMap), AuthError> {
    let known = secret(SECRET);
    let key = |id: &str| (id == ID).then_some(Key { secret: &known, session: None });
    call_with(&Verifier::new(Settings::default()), request, body, service, now, key)
}

fn call_with<'k>(
    verifier: &Verifier,
    request: &Parts,
    body: &[u8],
    service: &str,
    now: &str,
    key: impl Fn(&str) -> Option<Key<'k>>,
) -> Result<(Verified, Bytes, HeaderMap), AuthError> {
    let Claim::V4(claim) = recognise(request)? else { panic!("not a claim by SigV4") };
    let now: Timestamp = now.parse().unwrap();
    let key = key(&claim.credential.access_key_id);
    let own = ["cloudtrail", "cloudtrail-data", "s3", "sts"].contains(&service);
    verifier
        .verify(request, &claim, key, Expected { service, own, protocol_in_path: false }, now)?
        .with_body(Bytes::copy_from_slice(body), View::Decoded)
}

#[track_caller]
fn fails<T>(result: Result<T, AuthError>, failure: Failure) {
    match result {
        Ok(_) => panic!("verified, expected {failure:?}"),
        Err(error) => assert_eq!(error.failure(), failure, "{error}"),
    }
}
