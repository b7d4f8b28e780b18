//! Whoever changes one byte of a signed request is found out, and told the right thing.

use super::{
    botocore::{Case, Fixtures},
    *,
};

/// Verifies a case that was changed; `None` when HTTP itself refuses it.
fn outcome(fixtures: &Fixtures, verifier: &Verifier, case: &Case, body: &[u8]) -> Option<Failure> {
    let request = case.parts()?;
    let recognised = recognise(&request);
    if !matches!(recognised, Ok(Claim::V4(_)) | Err(_)) {
        panic!("{}: no longer a claim: {recognised:?}", case.target);
    }
    match fixtures.call(verifier, &request, body, &case.service) {
        Err(error) => Some(error.failure()),
        Ok(_) => {
            panic!("{}: verified {} {} {:?}", case.name, case.method, case.target, case.headers)
        }
    }
}

/// Every text that differs from `text` in the lowest bit of one byte.
fn flipped(text: &str) -> impl Iterator<Item = (usize, String)> {
    (0..text.len()).filter_map(move |at| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1;
        Some((at, String::from_utf8(bytes).ok()?))
    })
}

/// For each case, runs `change` on it and expects one of `failures`.
fn check(failures: &[Failure], changes: impl Fn(&Case) -> Vec<(Case, Vec<u8>)>) {
    let fixtures = Fixtures::read();
    let verifier = Verifier::new(Settings::default());
    let mut changed = 0;
    for case in &fixtures.cases {
        for (case, body) in changes(case) {
            if let Some(failure) = outcome(&fixtures, &verifier, &case, &body) {
                assert!(
                    failures.contains(&failure),
                    "{}: {failure:?} at {} {} {:?}",
                    case.name,
                    case.method,
                    case.target,
                    case.headers
                );
                changed += 1;
            }
        }
    }
    assert!(changed > 50, "nothing was tried");
}

#[test]
fn another_method_is_found_out() {
    check(&[Failure::WrongSignature], |case| {
        let change = |(_, method)| (Case { method, ..case.clone() }, case.body());
        flipped(&case.method).map(change).collect()
    });
}

#[test]
fn another_path_or_query_is_found_out() {
    let failures = [
        Failure::WrongSignature,
        Failure::MalformedTarget,
        // In the parameters of a presigned request.
        Failure::MalformedQuery,
        Failure::PresignedExpired,
        Failure::PresignedNotYetValid,
        Failure::Scope,
        Failure::TokenInvalid,
        Failure::UnknownKey,
    ];
    check(&failures, |case| {
        let path = case.target.split('?').next().unwrap();
        // These services ignore what stands between two slashes when it is nothing or a dot.
        if case.service != "s3" && (path.contains("//") || path.contains("/.")) {
            return Vec::new();
        }
        let change = |(_, target)| (Case { target, ..case.clone() }, case.body());
        flipped(&case.target).map(change).collect()
    });
}

#[test]
fn another_signed_header_is_found_out() {
    let failures = [
        Failure::WrongSignature,
        Failure::HeadersNotSigned,
        Failure::MalformedHeader,
        // In x-amz-content-sha256, x-amz-decoded-content-length, x-amz-trailer and x-amz-date.
        Failure::BodyHash,
        Failure::PayloadMode,
        Failure::PayloadModeMissing,
        Failure::DecodedLength,
        Failure::TrailerName,
        Failure::Skewed,
        Failure::Scope,
        // The session's token without its name.
        Failure::UnknownKey,
        // Two hosts, or none.
        Failure::MalformedTarget,
    ];
    check(&failures, |case| {
        let Some(authorization) = authorization(case) else { return Vec::new() };
        let signed = authorization.split("SignedHeaders=").nth(1).unwrap();
        let signed: Vec<_> = signed.split(',').next().unwrap().split(';').collect();
        let mut changes = Vec::new();
        for (at, (name, value)) in case.headers.iter().enumerate() {
            if !signed.contains(&name.to_ascii_lowercase().as_str()) {
                continue;
            }
            for (_, value) in flipped(value) {
                let mut case = case.clone();
                case.headers[at].1 = value;
                changes.push(case);
            }
            for (_, name) in flipped(name) {
                let mut case = case.clone();
                case.headers[at].0 = name;
                changes.push(case);
            }
        }
        changes.into_iter().map(|changed| (changed, case.body())).collect()
    });
}

#[test]
fn another_authorization_is_found_out() {
    let failures = [
        Failure::WrongSignature,
        Failure::MalformedHeader,
        Failure::Scope,
        Failure::UnknownKey,
        Failure::HeadersNotSigned,
        Failure::UnsupportedMechanism,
    ];
    check(&failures, |case| {
        let place = case.headers.iter().position(|(name, _)| name == "Authorization");
        let Some(place) = place else { return Vec::new() };
        flipped(&case.headers[place].1)
            .map(|(_, value)| {
                let mut changed = case.clone();
                changed.headers[place].1 = value;
                (changed, case.body())
            })
            .collect()
    });
}

#[test]
fn another_body_is_found_out() {
    let failures = [
        Failure::BodyHash,
        Failure::WrongSignature,
        Failure::Checksum,
        Failure::ChunkSize,
        Failure::IncompleteBody,
        Failure::Trailer,
    ];
    check(&failures, |case| {
        let body = case.body();
        // Every byte of a long body would say nothing new of its data.
        let step = 1 + body.len() / 400;
        let places = (0..body.len()).filter(|at| at % step == 0 || *at + 300 > body.len());
        places
            .map(|at| {
                let mut body = body.clone();
                body[at] ^= 1;
                (case.clone(), body)
            })
            .collect()
    });
}

#[test]
fn a_body_cut_anywhere_is_found_out() {
    let failures = [Failure::BodyHash, Failure::WrongSignature, Failure::IncompleteBody];
    check(&failures, |case| {
        let body = case.body();
        let step = 1 + body.len() / 100;
        let cuts = (0..body.len()).filter(|at| at % step == 0 || *at + 200 > body.len());
        cuts.map(|cut| (case.clone(), body[..cut].to_vec())).collect()
    });
}

fn authorization(case: &Case) -> Option<&str> {
    let found = case.headers.iter().find(|(name, _)| name == "Authorization");
    found.map(|(_, value)| value.as_str())
}
