//! Bodies that are hashed as a whole while they stream.

use futures::executor::block_on;
use http_body_util::{BodyExt as _, StreamBody};

use super::*;
use crate::{answer::BoxError, sigv4::signer::Sign};

const NOON: &str = "2026-03-01T12:00:00Z";
const FRAMES: [&str; 3] = ["{\"a\"", ":", "1}"];

/// What a request says of its body: declared, or signed only.
fn verify(declared: bool) -> Verification {
    let hash = hex::encode(aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        FRAMES.concat().as_bytes(),
    ));
    let mut sign = Sign::get("cloudtrail");
    sign.payload = hash.clone();
    if declared {
        sign = sign.payload(&hash);
    }
    let request = sign.parts();
    let Claim::V4(claim) = recognise(&request).unwrap() else { panic!("not a claim") };
    let known = secret(SECRET);
    let key = Key { secret: &known, session: None };
    let expected = Expected { service: "cloudtrail", own: true, protocol_in_path: false };
    let now = NOON.parse().unwrap();
    let verifier = Verifier::new(Settings::default());
    verifier.verify(&request, &claim, Some(key), expected, now).unwrap()
}

/// What comes through, and how it ends.
fn stream(declared: bool, frames: &[&'static str]) -> (String, Option<Failure>) {
    let frames: Vec<Result<_, BoxError>> =
        frames.iter().map(|text| Ok(http_body::Frame::data(Bytes::from(*text)))).collect();
    let body = StreamBody::new(futures::stream::iter(frames));
    let guarded = match verify(declared) {
        Verification::Verified(verified) => verified.guard(body, View::Raw),
        Verification::AwaitsBody(awaits) => awaits.guard(body),
    };
    let mut guarded = guarded.unwrap();
    let mut passed = String::new();
    while let Some(frame) = block_on(guarded.frame()) {
        match frame {
            Ok(frame) => passed += str::from_utf8(frame.data_ref().unwrap()).unwrap(),
            Err(error) => {
                let error: Box<AuthError> = error.downcast().unwrap();
                return (passed, Some(error.failure()));
            }
        }
    }
    assert!(guarded.is_end_stream());
    (passed, None)
}

use http_body::Body as _;

#[test]
fn the_body_that_was_signed_comes_through() {
    for declared in [true, false] {
        assert_eq!(stream(declared, &FRAMES), (FRAMES.concat(), None));
        assert_eq!(stream(declared, &[&*FRAMES.concat().leak()]), (FRAMES.concat(), None));
    }
}

#[test]
fn another_body_fails_before_its_last_frame() {
    for (declared, failure) in [(true, Failure::BodyHash), (false, Failure::WrongSignature)] {
        let failure = Some(failure);
        assert_eq!(stream(declared, &["{\"a\"", ":", "2}"]), ("{\"a\":".to_owned(), failure));
        assert_eq!(stream(declared, &["{\"a\"", ":"]), ("{\"a\"".to_owned(), failure));
        assert_eq!(stream(declared, &["{}"]), (String::new(), failure));
        assert_eq!(stream(declared, &[]), (String::new(), failure));
    }
}

#[test]
fn an_empty_body_in_place_of_the_signed_one_fails_at_once() {
    let empty = crate::answer::empty;
    let failure =
        |result: Result<_, AuthError>| result.map(|_: crate::answer::Body| ()).unwrap_err();
    match verify(true) {
        Verification::Verified(it) => {
            fails(Err::<(), _>(failure(it.guard(empty(), View::Raw))), Failure::BodyHash);
        }
        Verification::AwaitsBody(_) => panic!("the hash is declared"),
    }
    match verify(false) {
        Verification::AwaitsBody(it) => {
            fails(Err::<(), _>(failure(it.guard(empty()))), Failure::WrongSignature);
        }
        Verification::Verified(_) => panic!("the hash is not declared"),
    }
}

#[test]
fn the_error_of_the_inner_body_comes_through() {
    let frames: [Result<_, BoxError>; 2] =
        [Ok(http_body::Frame::data(Bytes::from("{"))), Err("gone".into())];
    let body = StreamBody::new(futures::stream::iter(frames));
    let Verification::Verified(verified) = verify(true) else { panic!("declared") };
    let guarded = verified.guard(body, View::Raw).unwrap();
    let error = block_on(guarded.collect()).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "gone");
}
