//! What went wrong in other servers, and what could in ours: one test each.

use super::*;
use crate::{auth::Dialect, sigv4::signer::Sign};

const NOON: &str = "2026-03-01T12:00:00Z";

#[track_caller]
fn check(request: &Parts, service: &str, failure: Option<Failure>) {
    check_at(request, service, NOON, failure);
}

#[track_caller]
fn check_at(request: &Parts, service: &str, now: &str, failure: Option<Failure>) {
    let result = call(request, b"", service, now);
    match failure {
        Some(failure) => fails(result, failure),
        None => drop(result.unwrap_or_else(|error| panic!("{error}"))),
    }
}

#[track_caller]
fn check_presigned(target: &str, more: &[(&str, &str)], failure: Option<Failure>) {
    let headers: Vec<_> = [("host", "localhost:7171")].iter().chain(more).copied().collect();
    check(&parts("GET", target, &headers).unwrap(), "s3", failure);
}

/// A presigned `GET /` to S3.
fn presigned() -> Sign {
    let mut sign = Sign::get("s3");
    sign.headers.retain(|(name, _)| name == "host");
    sign.payload = "UNSIGNED-PAYLOAD".to_owned();
    sign
}

#[test]
fn a_signed_request_verifies() {
    check(&Sign::get("cloudtrail").parts(), "cloudtrail", None);
    check(&Sign::get("s3").parts(), "s3", None);
    check_presigned(&with_expiry(presigned(), "60"), &[], None);
}

/// Signs with the parameters in the query, which is what the signature covers.
fn with_expiry(mut sign: Sign, expires: &str) -> String {
    let with = sign.presigned(expires);
    let (query, _) = with.split_once("&X-Amz-Signature=").unwrap();
    sign.query = query.split_once('?').unwrap().1.to_owned();
    let signature = sign.signature(&sign.query);
    format!("{}?{}&X-Amz-Signature={signature}", sign.path, sign.query)
}

#[test]
fn two_mechanisms_at_once_are_refused() {
    let failure = Some(Failure::MultipleMechanisms);
    let header = ("authorization", &*Sign::get("s3").authorization());
    let headers: Vec<_> = [("host", "localhost:7171"), header].into();
    check(&parts("GET", &with_expiry(presigned(), "60"), &headers).unwrap(), "s3", failure);
    for query in [
        "X-Amz-Signature=0",
        "X-Amz-Security-Token=t",
        "X%2dAmz-Credential=c",
        "AWSAccessKeyId=a&Signature=b",
    ] {
        let mut sign = Sign::get("s3");
        sign.query = query.to_owned();
        check(&sign.parts(), "s3", failure);
    }
    let twice = Sign::get("s3").parts_with(&[header, header]);
    check(&twice, "s3", failure);
    let v2 = format!("{}&AWSAccessKeyId=a&Signature=b", with_expiry(presigned(), "60"));
    check_presigned(&v2, &[], failure);
}

#[test]
fn a_parameter_twice_or_in_another_case_is_refused() {
    let target = with_expiry(presigned(), "60");
    for name in ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"] {
        let name = format!("X-Amz-{name}");
        let failure = Some(Failure::MalformedQuery);
        let again = target.split(&name).nth(1).unwrap().split('&').next().unwrap();
        check_presigned(&format!("{target}&{name}{again}"), &[], failure);
        check_presigned(&format!("{target}&{}=", name.to_lowercase()), &[], failure);
        check_presigned(&target.replace(&name, &name.to_uppercase()), &[], failure);
        let escaped = name.replace('A', "%41");
        check_presigned(&format!("{target}&{escaped}=1"), &[], failure);
        let without: Vec<_> = target.split('&').filter(|it| !it.contains(&name)).collect();
        if without.len() == target.split('&').count() - 1 && name != "X-Amz-Algorithm" {
            check_presigned(&without.join("&"), &[], failure);
        }
    }
}

#[test]
fn a_host_that_is_not_signed_is_refused() {
    let mut sign = Sign::get("s3");
    sign.unsigned.push("host");
    check(&sign.parts(), "s3", Some(Failure::MalformedHeader));
}

#[test]
fn an_amazon_header_that_is_not_signed_is_refused() {
    let request = |more| {
        let sign = Sign::get("s3");
        sign.parts_with(&[("authorization", &sign.authorization()), more])
    };
    check(&request(("x-amz-acl", "public-read")), "s3", Some(Failure::HeadersNotSigned));
    check(&request(("x-amzn-trace-id", "Root=1")), "s3", None);
    let target = with_expiry(presigned(), "60");
    check_presigned(&target, &[("x-amz-acl", "public-read")], Some(Failure::HeadersNotSigned));
}

#[test]
fn a_content_type_that_is_not_signed_is_refused_where_it_chooses_the_protocol() {
    let request = |service| {
        let sign = Sign::get(service);
        sign.parts_with(&[("authorization", &sign.authorization()), ("content-type", "text/x")])
    };
    check(&request("cloudtrail"), "cloudtrail", Some(Failure::HeadersNotSigned));
    check(&request("s3"), "s3", None);
}

#[test]
fn the_date_that_counts_is_the_signed_one() {
    let mut sign = Sign::get("cloudtrail").header("date", "Sun, 01 Mar 2026 12:00:00 GMT");
    check(&sign.parts(), "cloudtrail", None);
    sign.unsigned.push("x-amz-date");
    check(&sign.parts(), "cloudtrail", Some(Failure::MalformedHeader));
    sign.headers.retain(|(name, _)| name != "x-amz-date");
    check(&sign.parts(), "cloudtrail", None);
    sign.unsigned = vec!["date"];
    check(&sign.parts(), "cloudtrail", Some(Failure::MalformedHeader));
    sign.headers.retain(|(name, _)| name != "date");
    check(&sign.parts(), "cloudtrail", Some(Failure::MalformedHeader));
    let twice = Sign::get("cloudtrail").header("x-amz-date", "20260301T120000Z");
    let twice = twice.parts_with(&[
        ("authorization", &Sign::get("cloudtrail").authorization()),
        ("x-amz-date", "20260301T120000Z"),
    ]);
    check(&twice, "cloudtrail", Some(Failure::MalformedHeader));
}

#[test]
fn a_scope_of_another_day_service_or_form_is_refused() {
    let scope = Some(Failure::Scope);
    let other_day = Sign { day: "20260228", ..Sign::get("s3") };
    check(&other_day.parts(), "s3", scope);
    check(&Sign::get("sts").parts(), "s3", scope);
    check(&Sign::get("s3").parts(), "cloudtrail", scope);
    for region in ["", "*", "-us", "us_east_1", "us east"] {
        check(&Sign { region, ..Sign::get("s3") }.parts(), "s3", scope);
    }
    for region in ["us-east-1", "aws-global", "garage", "US-EAST-1"] {
        check(&Sign { region, ..Sign::get("s3") }.parts(), "s3", None);
    }
    let sign = Sign::get("s3");
    let change = |from: &str, to: &str| {
        let changed = sign.authorization().replace(from, to);
        assert_ne!(changed, sign.authorization());
        sign.parts_with(&[("authorization", &changed)])
    };
    check(&change("aws4_request", "aws4_reques"), "s3", scope);
    let malformed = Some(Failure::MalformedHeader);
    check(&change("/aws4_request", "/aws4_request/"), "s3", malformed);
    check(&change("20260301/", "2026031/"), "s3", malformed);
    check(&change("AKIA", "AK/IA"), "s3", malformed);
}

#[test]
fn an_authorization_header_is_read_strictly() {
    let sign = Sign::get("s3");
    let good = sign.authorization();
    let spaced = good.replace(",", ", \t");
    check(&sign.parts_with(&[("authorization", &spaced)]), "s3", None);
    let (credential, rest) = good.split_once(",").unwrap();
    let (scheme, credential) = credential.split_once(' ').unwrap();
    let (headers, signature) = rest.split_once(",").unwrap();
    let reordered = format!("{scheme} {signature},{credential},{headers}");
    check(&sign.parts_with(&[("authorization", &reordered)]), "s3", None);
    for bad in [
        format!("{good},"),
        format!("{good},{signature}"),
        format!("{good},Extra=1"),
        format!("{scheme} {credential},{headers}"),
        format!("{scheme} {credential},{signature}"),
        format!("{scheme} {headers},{signature}"),
        scheme.to_owned(),
        good.replace("Signature=", "signature="),
        good.replace("host;", ";host;"),
        good.replace("host;", "host;host;"),
        good.replace("host;", "Host;"),
        good.replace("host;x-amz-content-sha256", "x-amz-content-sha256;host"),
        good.strip_suffix(|_: char| true).unwrap().to_owned(),
        format!("{good}0"),
        good.replace(signature, &signature.to_uppercase().replace("SIGNATURE", "Signature")),
    ] {
        check(&sign.parts_with(&[("authorization", &bad)]), "s3", Some(Failure::MalformedHeader));
    }
    let latin = sign.parts_with(&[("authorization", &good.replace("AKIA", "ÄKIA"))]);
    fails(recognise(&latin), Failure::MalformedHeader);
    for other in ["", "Basic YTpi", "aws4-hmac-sha256 x", "AWS5 x"] {
        let request = sign.parts_with(&[("authorization", other)]);
        fails(recognise(&request), Failure::UnsupportedMechanism);
    }
}

#[test]
fn other_mechanisms_are_recognised_as_claims() {
    let claim = |target: &str, headers: &[(&str, &str)]| {
        recognise(&parts("POST", target, headers).unwrap()).unwrap()
    };
    assert!(matches!(claim("/", &[]), Claim::None { post_form: false }));
    let form = [("content-type", "multipart/form-data; boundary=b")];
    assert!(matches!(claim("/b", &form), Claim::None { post_form: true }));
    assert!(matches!(claim("/", &[("authorization", "bearer t")]), Claim::Bearer));
    let v2 = claim("/", &[("authorization", "AWS AKID:c2ln")]);
    assert!(matches!(v2, Claim::V2 { access_key_id } if access_key_id == "AKID"));
    let v2 = claim("/?AWSAccessKeyId=AKID&Signature=c2ln&Expires=1", &[]);
    assert!(matches!(v2, Claim::V2 { access_key_id } if access_key_id == "AKID"));
    let v4a = "AWS4-ECDSA-P256-SHA256 Credential=AKID/20260301/s3/aws4_request, \
               SignedHeaders=host, Signature=3045";
    let v4a = claim("/", &[("authorization", v4a)]);
    assert!(
        matches!(v4a, Claim::V4a { access_key_id, service } if access_key_id == "AKID" && service == "s3")
    );
}

#[test]
fn an_unsigned_body_is_refused_by_our_own_services() {
    let unsigned = |service| Sign::get(service).payload("UNSIGNED-PAYLOAD").parts();
    check(&unsigned("cloudtrail"), "cloudtrail", Some(Failure::PayloadMode));
    check(&unsigned("s3"), "s3", None);
    for mode in [
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-EVENTS",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "unsigned-payload",
        "",
    ] {
        let request = Sign::get("cloudtrail").payload(mode).parts();
        check(&request, "cloudtrail", Some(Failure::PayloadMode));
    }
    let request = Sign::get("s3").payload("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD").parts();
    check(&request, "s3", Some(Failure::PayloadMode));
}

#[test]
fn s3_needs_to_know_how_the_body_is_signed() {
    let mut sign = Sign::get("s3");
    sign.headers.retain(|(name, _)| name != "x-amz-content-sha256");
    check(&sign.parts(), "s3", Some(Failure::PayloadModeMissing));
}

#[test]
fn a_swapped_body_is_refused_whether_its_hash_was_declared_or_not() {
    let sign = Sign::get("cloudtrail");
    fails(call(&sign.parts(), b"{}", "cloudtrail", NOON), Failure::WrongSignature);
    let declared = sign.clone().payload(&sign.payload);
    fails(call(&declared.parts(), b"{}", "cloudtrail", NOON), Failure::BodyHash);
}

#[test]
fn a_compressed_body_is_hashed_as_it_came() {
    let body = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x01\x02";
    let hash = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body));
    let request = Sign::get("s3").payload(&hash).header("content-encoding", "gzip").parts();
    assert_eq!(call(&request, body, "s3", NOON).unwrap().1, &body[..]);
}

#[test]
fn a_path_that_is_no_percent_encoding_is_refused() {
    for path in ["/%", "/%4", "/%zz", "/%00", "/a%"] {
        for service in ["s3", "cloudtrail"] {
            let sign = Sign { path: path.to_owned(), ..Sign::get(service) };
            check(&sign.parts(), service, Some(Failure::MalformedTarget));
        }
    }
    for query in ["%", "a=%0", "a=%00", "%x=1"] {
        let sign = Sign { query: query.to_owned(), ..Sign::get("s3") };
        check(&sign.parts(), "s3", Some(Failure::MalformedTarget));
    }
}

/// Verifies `target` against the signature of a canonical path and query.
#[track_caller]
fn check_canonical(service: &'static str, target: &str, path: &str, query: &str) {
    let sign = Sign { path: path.to_owned(), query: query.to_owned(), ..Sign::get(service) };
    let authorization = sign.authorization();
    let mut headers: Vec<_> =
        sign.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    headers.push(("authorization", &authorization));
    check(&parts("GET", target, &headers).unwrap(), service, None);
}

#[test]
fn a_path_is_taken_as_it_is_by_s3_and_normalised_by_others() {
    for (target, path) in [
        ("/a//b/./../c", "/a//b/./../c"),
        ("/%2e%2E/%2f%7e%c3%a9", "/../%2F~%C3%A9".replace("%2F", "/").as_str()),
        ("/%FF", "/%FF"),
        ("/a+b=c", "/a%2Bb%3Dc"),
    ] {
        check_canonical("s3", target, path, "");
    }
    for (target, path) in [
        ("/a//b/./../c", "/a/c"),
        ("/../..", "/"),
        ("/a/b/", "/a/b/"),
        ("/%2e%2e/b", "/%252e%252e/b"),
        ("/a%20b", "/a%2520b"),
    ] {
        check_canonical("lambda", target, path, "");
    }
}

#[test]
fn a_path_that_others_could_be_signed_as_is_refused_by_our_own_services() {
    for path in ["//", "/./", "/a/../", "/a//b"] {
        let request = Sign { path: path.to_owned(), ..Sign::get("cloudtrail") }.parts();
        check(&request, "cloudtrail", Some(Failure::MalformedTarget));
    }
}

#[test]
fn a_query_is_sorted_and_encoded_anew() {
    for (query, canonical) in [
        ("b=1&a=2", "a=2&b=1"),
        ("a=+", "a=%2B"),
        ("a=%7e%2f", "a=~%2F"),
        ("acl", "acl="),
        ("=v&k", "=v&k="),
        ("a=b=c", "a=b%3Dc"),
        ("a=2&a=1", "a=1&a=2"),
        ("a-=1&a=1", "a=1&a-=1"),
        ("%41=x&a=y", "A=x&a=y"),
    ] {
        check_canonical("s3", &format!("/?{query}"), "/", canonical);
    }
}

#[test]
fn a_header_is_tidied_and_repetitions_joined() {
    let sign = Sign::get("s3")
        .header("x-amz-meta-a", "  a \t b  c ")
        .header("x-amz-meta-b", "")
        .header("x-amz-meta-c", "é ü");
    check(&sign.parts(), "s3", None);
    let mut sign = Sign::get("s3").header("x-amz-meta-r", "1");
    sign.headers.push(("x-amz-meta-r".to_owned(), " 2".to_owned()));
    check(&sign.parts(), "s3", None);
    let authorization = sign.authorization();
    let last = sign.headers.len() - 1;
    sign.headers.swap(last - 1, last);
    let swapped = sign.parts_with(&[("authorization", &authorization)]);
    check(&swapped, "s3", Some(Failure::WrongSignature));
}

#[test]
fn an_expiry_is_one_second_to_seven_days() {
    for wrong in ["0", "-1", "604801", "1e3", "", "+5", " 5", "99999999999999999999", "5.0"] {
        let target = with_expiry(presigned(), &wrong.replace(' ', "%20").replace('+', "%2B"));
        check_presigned(&target, &[], Some(Failure::MalformedQuery));
    }
    for right in ["1", "604800", "0060"] {
        check_presigned(&with_expiry(presigned(), right), &[], None);
    }
}

#[test]
fn a_presigned_request_is_good_from_its_time_to_its_end() {
    let target = with_expiry(presigned(), "60");
    let request = parts("GET", &target, &[("host", "localhost:7171")]).unwrap();
    for (now, failure) in [
        ("2026-03-01T11:44:59Z", Some(Failure::PresignedNotYetValid)),
        ("2026-03-01T11:45:00Z", None),
        ("2026-03-01T12:01:00Z", None),
        ("2026-03-01T12:01:01Z", Some(Failure::PresignedExpired)),
        ("9999-12-30T00:00:00Z", Some(Failure::PresignedExpired)),
    ] {
        check_at(&request, "s3", now, failure);
    }
}

#[test]
fn a_signed_time_may_differ_by_five_minutes_and_for_s3_by_fifteen() {
    let skewed = Some(Failure::Skewed);
    for (service, minutes) in [("cloudtrail", 5), ("s3", 15)] {
        let request = Sign::get(service).parts();
        let (early, late) = (60 - minutes, minutes);
        check_at(&request, service, &format!("2026-03-01T11:{early:02}:00Z"), None);
        check_at(&request, service, &format!("2026-03-01T11:{:02}:59Z", early - 1), skewed);
        check_at(&request, service, &format!("2026-03-01T12:{late:02}:00Z"), None);
        check_at(&request, service, &format!("2026-03-01T12:{late:02}:01Z"), skewed);
    }
}

#[test]
fn leap_days_and_the_last_year_are_times_like_others() {
    for (date, day, now, failure) in [
        ("20240229T235959Z", "20240229", "2024-03-01T00:00:00Z", None),
        ("20230229T000000Z", "20230229", "2023-03-01T00:00:00Z", Some(Failure::MalformedHeader)),
        ("99991230T000000Z", "99991230", NOON, Some(Failure::Skewed)),
    ] {
        let sign = Sign { date, day, ..Sign::get("s3") }.header("x-amz-date", date);
        check_at(&sign.parts(), "s3", now, failure);
    }
}

#[test]
fn a_session_needs_its_own_token_signed() {
    let (key, token, other) = (secret(SECRET), secret("its token"), secret("another's"));
    let verifier = Verifier::new(Settings::default());
    let check = |token: Option<&Secret>, expires: &str, request: &Parts, failure| {
        let expires = expires.parse().unwrap();
        let session = token.map(|token| Session { token, expires });
        let result =
            call_with(&verifier, request, b"", "s3", NOON, |_| Some(Key { secret: &key, session }));
        match failure {
            Some(failure) => fails(result, failure),
            None => drop(result.unwrap()),
        }
    };
    let later = "2026-03-01T12:00:01Z";
    let with = Sign::get("s3").header("x-amz-security-token", "its token").parts();
    let without = Sign::get("s3").parts();
    check(Some(&token), later, &with, None);
    check(Some(&token), NOON, &with, Some(Failure::TokenExpired));
    check(Some(&token), later, &without, Some(Failure::UnknownKey));
    check(Some(&other), later, &with, Some(Failure::TokenInvalid));
    check(None, later, &with, Some(Failure::TokenInvalid));
    check(None, later, &without, None);
    let mut unsigned = Sign::get("s3").header("x-amz-security-token", "its token");
    unsigned.unsigned.push("x-amz-security-token");
    check(Some(&token), later, &unsigned.parts(), Some(Failure::HeadersNotSigned));

    let presigned = Sign { query: "X-Amz-Security-Token=its%20token".to_owned(), ..presigned() };
    let target = with_expiry(presigned, "60");
    let host = ("host", "localhost:7171");
    let request = parts("GET", &target, &[host]).unwrap();
    check(Some(&token), later, &request, None);
    check(Some(&other), later, &request, Some(Failure::TokenInvalid));
    let twice = parts("GET", &target, &[host, ("x-amz-security-token", "its token")]).unwrap();
    check(Some(&token), later, &twice, Some(Failure::MalformedQuery));
}

#[test]
fn who_holds_no_secret_learns_nothing_of_a_session() {
    let (key, token) = (secret("another secret"), secret("its token"));
    let session = Some(Session { token: &token, expires: Timestamp::MIN });
    let request = Sign::get("s3").header("x-amz-security-token", "guess").parts();
    let verifier = Verifier::new(Settings::default());
    let result =
        call_with(&verifier, &request, b"", "s3", NOON, |_| Some(Key { secret: &key, session }));
    fails(result, Failure::WrongSignature);
}

#[test]
fn an_unknown_key_costs_as_much_as_a_wrong_signature() {
    let known = secret(SECRET);
    let verifier = Verifier::new(Settings::default());
    let key = |id: &str| (id == ID).then_some(Key { secret: &known, session: None });
    let derivations = |request: &Parts| {
        let before = SigningKey::derivations();
        let verified = call_with(&verifier, request, b"", "s3", NOON, key).is_ok();
        (verified, SigningKey::derivations() - before)
    };
    let good = Sign::get("s3").parts();
    let wrong = Sign { secret: "guess", ..Sign::get("s3") }.parts();
    let unknown = Sign { id: "AKIAIOSFODNN7EXAMPLF", ..Sign::get("s3") }.parts();
    // First with an empty cache, then with one that knows the key.
    for good_costs in [1, 0] {
        assert_eq!(derivations(&wrong), (false, 1));
        assert_eq!(derivations(&unknown), (false, 1));
        assert_eq!(derivations(&good), (true, good_costs));
        assert_eq!(derivations(&wrong), (false, 1));
        assert_eq!(derivations(&unknown), (false, 1));
    }
}

#[test]
fn two_hosts_are_refused_and_one_may_stand_in_the_target() {
    let sign = Sign::get("s3");
    let authorization = ("authorization", &*sign.authorization());
    let target = Some(Failure::MalformedTarget);
    let twice = sign.parts_with(&[authorization, ("host", "localhost:7171")]);
    check(&twice, "s3", target);
    let mut request = sign.parts();
    request.uri = "http://localhost:7171/".parse().unwrap();
    check(&request, "s3", None);
    request.headers.remove("host");
    check(&request, "s3", None);
    request.uri = "http://elsewhere:7171/".parse().unwrap();
    check(&request, "s3", Some(Failure::WrongSignature));
    request = sign.parts();
    request.uri = "http://elsewhere:7171/".parse().unwrap();
    check(&request, "s3", target);
    request.headers.remove("host");
    request.uri = "/".parse().unwrap();
    check(&request, "s3", target);
}

#[test]
fn a_cached_key_does_not_outlive_its_secret() {
    let verifier = Verifier::new(Settings::default());
    let (old, new) = (secret(SECRET), secret("rotated"));
    let request = Sign::get("s3").parts();
    let run = |key: Option<&Secret>| {
        call_with(&verifier, &request, b"", "s3", NOON, |_| {
            key.map(|secret| Key { secret, session: None })
        })
        .map(|_| ())
    };
    run(Some(&old)).unwrap();
    run(Some(&old)).unwrap();
    fails(run(Some(&new)), Failure::WrongSignature);
    fails(run(None), Failure::UnknownKey);
    run(Some(&old)).unwrap();
}

#[test]
fn a_refused_call_names_only_what_looks_like_a_key() {
    let claimed = |authorization: &str| {
        claimed_access_key_id(&parts("GET", "/", &[("authorization", authorization)]).unwrap())
    };
    assert_eq!(claimed("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/x").as_deref(), Some(ID));
    assert_eq!(claimed("AWS AKIAIOSFODNN7EXAMPLE:sig").as_deref(), Some(ID));
    assert_eq!(claimed("AWS4-HMAC-SHA256 Credential=wJalrXUtnFEMIK7MDENGbPx/x"), None);
    assert_eq!(claimed("Basic QUtJQUlPU0ZPRE5ON0VYQU1QTEU="), None);
    let target = "/?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2Fx";
    assert_eq!(claimed_access_key_id(&parts("GET", target, &[]).unwrap()).as_deref(), Some(ID));
}

#[test]
fn an_error_gives_no_signature_away() {
    let wrong = Sign { secret: "guess", ..Sign::get("s3") };
    let error = call(&wrong.parts(), b"", "s3", NOON).map(|_| ()).unwrap_err();
    let right = Sign::get("s3").signature("");
    for dialect in [Dialect::Json, Dialect::Query, Dialect::Ec2, Dialect::RestJson, Dialect::S3] {
        let text = format!("{error:?} {error} {:?}", error.answer(dialect));
        assert!(!text.contains(&right) && !text.contains(SECRET) && !text.contains("aws4_request"));
    }
    let sign = Sign::get("s3").header("x-amz-security-token", "canary");
    let text = format!("{:?}", recognise(&sign.parts()).unwrap());
    assert!(text.contains("signature: Signature") && !text.contains("canary"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        text in "(AWS4-HMAC-SHA256 )?(Credential|SignedHeaders|Signature|[=,/; a-z0-9]){0,20}",
        query in "((X-Amz-[A-Z][a-z]{3,8}|AWSAccessKeyId|%[0-9a-f]{2}|[=&%a-z]){0,20})",
    ) {
        for bytes in [bytes.as_slice(), text.as_bytes(), query.as_bytes()] {
            drop(recognise_authorization(bytes));
            drop(recognise_query(bytes));
        }
    }
}
