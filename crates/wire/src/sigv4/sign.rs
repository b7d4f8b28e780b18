//! Signing a request of our own, by header.

use http::{HeaderValue, header, request::Parts};
use jiff::Timestamp;

use super::{
    canonical::{Family, head},
    secret::{Secret, SigningKey},
    verify::sha256,
};
use crate::auth::AuthError;

/// Signs a request whose body has the given SHA-256, and adds what the signature needs to its
/// headers: `x-amz-date`, `x-amz-content-sha256`, `authorization`.
///
/// `Host`, `content-type` and every `x-amz-…` header that is there are signed; set them before.
///
/// # Errors
/// When the path or query cannot be canonicalised, or a header is no text.
pub fn sign(
    request: &mut Parts,
    access_key_id: &str,
    secret: &Secret,
    region: &str,
    service: &str,
    body_sha256: &[u8; 32],
    now: Timestamp,
) -> Result<(), AuthError> {
    let date = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = date.get(..8).unwrap_or_default();
    let hash = hex::encode(body_sha256);
    let text = |value: &str| HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""));
    request.headers.insert("x-amz-date", text(&date));
    request.headers.insert("x-amz-content-sha256", text(&hash));
    let mut names: Vec<String> = request
        .headers
        .keys()
        .filter(|name| {
            *name == header::HOST
                || *name == header::CONTENT_TYPE
                || name.as_str().starts_with("x-amz-")
        })
        .map(|name| name.as_str().to_owned())
        .collect();
    names.sort();
    let mut canonical = head(request, &names, Family::of(service))?;
    canonical.extend_from_slice(hash.as_bytes());
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let digest = hex::encode(sha256(&canonical));
    let string_to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}");
    let key = SigningKey::derive(secret, day, region, service);
    let signature = hex::encode(key.sign(string_to_sign.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={access_key_id}/{scope}, SignedHeaders={}, Signature={signature}",
        names.join(";")
    );
    request.headers.insert(header::AUTHORIZATION, text(&authorization));
    Ok(())
}
