//! The canonical request: the one text that signer and verifier make of a request.

use http::{HeaderMap, header::HOST, request::Parts};

use super::encoding::{decode, encode};
use crate::auth::{AuthError, Malformed};

/// Whose rules of canonicalisation hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Family {
    /// The path is taken as it is and encoded once.
    S3,
    /// The path is normalised, and encoded as it came, so twice.
    Other,
}

impl Family {
    /// That of a signing name.
    pub(super) fn of(service: &str) -> Self {
        match service {
            "s3" | "s3express" | "s3-outposts" | "s3-object-lambda" => Self::S3,
            _ => Self::Other,
        }
    }
}

/// Everything of the canonical request but the payload's line, which is its end.
pub(super) fn head(
    request: &Parts,
    signed_headers: &[String],
    family: Family,
) -> Result<Vec<u8>, AuthError> {
    let mut text = Vec::with_capacity(1024);
    text.extend_from_slice(request.method.as_str().as_bytes());
    text.push(b'\n');
    path(request.uri.path(), family, &mut text)?;
    text.push(b'\n');
    query(request.uri.query().unwrap_or_default(), &mut text)?;
    text.push(b'\n');
    for name in signed_headers {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        header(request, name, &mut text)?;
        text.push(b'\n');
    }
    text.push(b'\n');
    for (at, name) in signed_headers.iter().enumerate() {
        if at > 0 {
            text.push(b';');
        }
        text.extend_from_slice(name.as_bytes());
    }
    text.push(b'\n');
    Ok(text)
}

/// The host that the request names: `Host`, or the authority of an HTTP/2 request or of an absolute
/// target. `None` when it names none.
///
/// # Errors
/// When it names two.
pub(super) fn host(request: &Parts) -> Result<Option<&[u8]>, AuthError> {
    let mut hosts = request.headers.get_all(HOST).iter();
    let authority = request.uri.authority().map(|it| it.as_str().as_bytes());
    match (hosts.next().map(http::HeaderValue::as_bytes), hosts.next(), authority) {
        (_, Some(_), _) => Err(AuthError::MalformedTarget(Malformed::Host)),
        (Some(host), None, Some(authority)) if !host.eq_ignore_ascii_case(authority) => {
            Err(AuthError::MalformedTarget(Malformed::Host))
        }
        (Some(host), None, _) => Ok(Some(host)),
        (None, None, authority) => Ok(authority),
    }
}

fn path(path: &str, family: Family, into: &mut Vec<u8>) -> Result<(), AuthError> {
    let wrong = AuthError::MalformedTarget(Malformed::PercentEncoding);
    // Checked for every service: what cannot be decoded would be somebody's guess later.
    let decoded = decode(path).ok_or(wrong)?;
    match family {
        Family::S3 if path.is_empty() => into.push(b'/'),
        Family::S3 => encode(&decoded, true, into),
        Family::Other => encode(normalise(path).as_bytes(), true, into),
    }
    Ok(())
}

/// Whether a path holds no dot segments and no empty segments, so that one signature is for it alone.
pub(super) fn is_normal(path: &str) -> bool {
    normalise(path) == path
}

/// Removes dot segments and empty segments, as the SDKs' signers do.
fn normalise(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let end = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

fn query(query: &str, into: &mut Vec<u8>) -> Result<(), AuthError> {
    if query.is_empty() {
        return Ok(());
    }
    let mut parameters = Vec::new();
    for piece in query.split('&') {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let wrong = || AuthError::MalformedTarget(Malformed::PercentEncoding);
        let (name, value) = (decode(name).ok_or_else(wrong)?, decode(value).ok_or_else(wrong)?);
        if name.as_ref() == b"X-Amz-Signature" {
            continue;
        }
        let (mut encoded_name, mut encoded_value) = (Vec::new(), Vec::new());
        encode(&name, false, &mut encoded_name);
        encode(&value, false, &mut encoded_value);
        parameters.push((encoded_name, encoded_value));
    }
    parameters.sort_unstable();
    for (at, (name, value)) in parameters.iter().enumerate() {
        if at > 0 {
            into.push(b'&');
        }
        into.extend_from_slice(name);
        into.push(b'=');
        into.extend_from_slice(value);
    }
    Ok(())
}

/// The values of a signed header, in order, joined by commas.
fn header(request: &Parts, name: &str, into: &mut Vec<u8>) -> Result<(), AuthError> {
    if name == HOST.as_str() || name == AUTHORITY {
        let host = host(request)?.ok_or(AuthError::MalformedTarget(Malformed::Host))?;
        tidy(host, into);
        return Ok(());
    }
    let headers: &HeaderMap = &request.headers;
    let mut values = headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        return Err(AuthError::MalformedHeader(Malformed::SignedHeaderMissing));
    }
    for (at, value) in values.enumerate() {
        if at > 0 {
            into.push(b',');
        }
        tidy(value.as_bytes(), into);
    }
    Ok(())
}

/// Trims, and makes one space of every run of blanks within.
fn tidy(value: &[u8], into: &mut Vec<u8>) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        if at > 0 {
            into.push(b' ');
        }
        into.extend_from_slice(word);
    }
}

/// What HTTP/2 calls the host.
pub(super) const AUTHORITY: &str = ":authority";
