//! The words, as a caller of each protocol reads them.

use super::*;

#[track_caller]
fn check(error: &AuthError, dialect: Dialect, status: u16, code: &str, message: &str) {
    let answer = error.answer(dialect);
    assert_eq!((answer.status.as_u16(), answer.code), (status, code));
    assert_eq!(answer.message, message);
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn an_unknown_key_reads_otherwise_in_each_protocol() {
    let error = AuthError::UnknownKey { access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned() };
    let invalid = "The security token included in the request is invalid.";
    check(&error, Dialect::Json, 400, "UnrecognizedClientException", invalid);
    check(&error, Dialect::Query, 403, "InvalidClientTokenId", invalid);
    let ec2 = "AWS was not able to validate the provided access credentials";
    check(&error, Dialect::Ec2, 401, "AuthFailure", ec2);
    check(&error, Dialect::RestJson, 403, "UnrecognizedClientException", invalid);
    let s3 = "The AWS Access Key Id you provided does not exist in our records.";
    check(&error, Dialect::S3, 403, "InvalidAccessKeyId", s3);
    let extras = error.answer(Dialect::S3).extras;
    assert_eq!(extras, [("AWSAccessKeyId", "AKIAIOSFODNN7EXAMPLE".to_owned())]);
    assert!(error.answer(Dialect::Json).extras.is_empty());
}

#[test]
fn a_skewed_clock_is_told_both_times() {
    let error = AuthError::SignatureExpired {
        signed_at: at("2026-03-01T12:00:00Z"),
        now: at("2026-03-01T12:10:00.5Z"),
        skew: Duration::from_mins(5),
    };
    let text = "Signature expired: 20260301T120000Z is now earlier than 20260301T120500Z \
                (20260301T121000Z - 5 min.)";
    check(&error, Dialect::Json, 400, "InvalidSignatureException", text);
    check(&error, Dialect::Query, 403, "SignatureDoesNotMatch", text);
    check(&error, Dialect::Ec2, 400, "RequestExpired", "Request has expired.");
    let s3 = "The difference between the request time and the current time is too large.";
    check(&error, Dialect::S3, 403, "RequestTimeTooSkewed", s3);
    let extras = error.answer(Dialect::S3).extras;
    assert_eq!(
        extras,
        [
            ("RequestTime", "20260301T120000Z".to_owned()),
            ("ServerTime", "2026-03-01T12:10:00Z".to_owned()),
            ("MaxAllowedSkewMilliseconds", "300000".to_owned()),
        ]
    );
    let early = AuthError::NotYetCurrent {
        signed_at: at("2026-03-01T12:10:00Z"),
        now: at("2026-03-01T12:00:00Z"),
        skew: Duration::from_mins(5),
        presigned: false,
    };
    let text = "Signature not yet current: 20260301T121000Z is still later than \
                20260301T120500Z (20260301T120000Z + 5 min.)";
    check(&early, Dialect::RestJson, 403, "InvalidSignatureException", text);
}

#[test]
fn an_expired_url_is_told_when_it_ended() {
    let error = AuthError::PresignedExpired {
        signed_at: at("2026-03-01T12:00:00Z"),
        expires_s: 60,
        now: at("2026-03-01T12:02:00Z"),
    };
    check(&error, Dialect::S3, 403, "AccessDenied", "Request has expired");
    assert_eq!(
        error.answer(Dialect::S3).extras,
        [
            ("X-Amz-Expires", "60".to_owned()),
            ("Expires", "2026-03-01T12:01:00Z".to_owned()),
            ("ServerTime", "2026-03-01T12:02:00Z".to_owned()),
        ]
    );
}

#[test]
fn the_table_has_the_words_of_the_specification() {
    use Dialect::{Ec2, Json, Query, RestJson, S3};
    use Failure as F;
    for (failure, dialect, status, code) in [
        (F::Missing, Json, 400, "MissingAuthenticationTokenException"),
        (F::Missing, Query, 403, "MissingAuthenticationToken"),
        (F::Missing, RestJson, 403, "MissingAuthenticationTokenException"),
        (F::Missing, S3, 403, "AccessDenied"),
        (F::MalformedHeader, Json, 400, "IncompleteSignatureException"),
        (F::MalformedHeader, Query, 400, "IncompleteSignature"),
        (F::MalformedHeader, S3, 400, "AuthorizationHeaderMalformed"),
        (F::MalformedQuery, S3, 400, "AuthorizationQueryParametersError"),
        (F::WrongSignature, Json, 400, "InvalidSignatureException"),
        (F::WrongSignature, Query, 403, "SignatureDoesNotMatch"),
        (F::WrongSignature, Ec2, 401, "AuthFailure"),
        (F::WrongSignature, S3, 403, "SignatureDoesNotMatch"),
        (F::Scope, S3, 400, "AuthorizationHeaderMalformed"),
        (F::TokenExpired, Json, 400, "ExpiredTokenException"),
        (F::TokenExpired, Query, 403, "ExpiredToken"),
        (F::TokenExpired, S3, 400, "ExpiredToken"),
        (F::TokenInvalid, S3, 400, "InvalidToken"),
        (F::BodyHash, S3, 400, "XAmzContentSHA256Mismatch"),
        (F::Denied, Json, 400, "AccessDeniedException"),
        (F::Denied, Query, 403, "AccessDenied"),
        (F::Denied, Ec2, 403, "UnauthorizedOperation"),
        (F::Denied, RestJson, 403, "AccessDeniedException"),
        (F::Denied, S3, 403, "AccessDenied"),
    ] {
        let words = words(failure, dialect);
        assert_eq!((words.status, words.code), (status, code), "{failure:?} {dialect:?}");
    }
}
