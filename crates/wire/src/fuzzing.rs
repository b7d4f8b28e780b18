//! What a stranger can send, as a function of bytes: for fuzz targets and property tests.

use http::{Method, Request, StatusCode, request::Parts};
use record::redact::redact;

use crate::{
    catalogue::Side,
    identify::{Domains, identify},
    outcome, parameters,
    sensitive::Sensitive,
};

/// Takes bytes as a request: `METHOD uri`, lines of headers, an empty line, the body. Identifies and
/// reads it, redacts and spells the parameters, and takes the same body as a response. Never panics.
pub fn request(bytes: &[u8]) {
    let Some((parts, body)) = split(bytes) else { return };
    let domains = Domains { s3: vec!["s3.local".to_owned()], unsigned_is_s3: true };
    let Ok(it) = identify(&parts, &domains) else { return };
    let it = if it.needs_form { it.with_form(body) } else { Ok(it) };
    let Ok(it) = it else { return };
    if let Ok(mut value) = parameters::read(&it, &parts, body)
        && redact(&mut value, &Sensitive::of(&it, Side::Request)).is_ok()
    {
        let _ = parameters::cloudtrail_names(&it, Side::Request, value);
    }
    for status in [StatusCode::OK, StatusCode::FORBIDDEN] {
        if let Some(value) = outcome::read(&it, status, &parts.headers, Some(body)).elements {
            let _ = parameters::cloudtrail_names(&it, Side::Response, value);
        }
    }
}

fn split(bytes: &[u8]) -> Option<(Parts, &[u8])> {
    let end = bytes.windows(2).position(|it| it == b"\n\n").unwrap_or(bytes.len());
    let (head, body) = bytes.split_at_checked(end)?;
    let mut lines = head.split(|it| *it == b'\n');
    let mut first = lines.next()?.splitn(2, |it| *it == b' ');
    let method = Method::from_bytes(first.next()?).ok()?;
    let mut request = Request::builder().method(method).uri(first.next()?);
    for line in lines {
        let colon = line.iter().position(|it| *it == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        request = request.header(name, value.strip_prefix(b": ").unwrap_or_default());
    }
    Some((request.body(()).ok()?.into_parts().0, body.get(2..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_request_makes_it_panic(
            method in "(GET|PUT|POST|HEAD|DELETE)",
            uri in "/[a-z0-9%/?&=.+*:-]{0,40}",
            service in "(s3|ec2|kms|sts|lambda|route53|monitoring|sqs|dynamodb|x)",
            mark in "(x-amz-target: [A-Za-z0-9_.]{0,30}|smithy-protocol: rpc-v2-cbor|\
                content-type: application/x-www-form-urlencoded|host: [a-z.]{1,9}\\.s3\\.local)",
            body in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let head = format!(
                "{method} {uri}\n{mark}\nauthorization: AWS4-HMAC-SHA256 \
                 Credential=K/20260101/r/{service}/aws4_request\n\n"
            );
            super::request(&[head.as_bytes(), &body].concat());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            super::request(&bytes);
        }
    }
}
