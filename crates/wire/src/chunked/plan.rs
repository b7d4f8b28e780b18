//! What the headers announce of a body in frames.

use http::{HeaderMap, HeaderName};

use crate::{
    auth::{AuthError, PayloadFault},
    sigv4::{SigningKey, V4, single},
};

/// What a body in frames has to be. Made when the request's signature is verified.
#[derive(Clone)]
pub struct Plan {
    /// `x-amz-decoded-content-length`: what the data of all chunks add up to.
    pub decoded_length: u64,
    /// What `x-amz-trailer` announces, in order. A checksum that we cannot compute (MD5, XXHash) may be
    /// among them: it comes through as it is.
    pub trailers: Vec<HeaderName>,
    /// How the chunks are signed, if they are.
    pub(super) chain: Option<Chain>,
}

/// Signatures, each of which covers the one before.
#[derive(Clone)]
pub(super) struct Chain {
    pub(super) access_key_id: String,
    pub(super) key: SigningKey,
    /// Time and scope, as they stand in a string to sign.
    pub(super) context: String,
    /// That of the request, of the last chunk.
    pub(super) previous: [u8; 32],
    /// Whether the trailers are signed, too.
    pub(super) trailer: bool,
}

impl Plan {
    /// That of a request whose chunks are signed.
    pub(crate) fn signed(
        headers: &HeaderMap,
        claim: &V4,
        key: SigningKey,
        trailer: bool,
    ) -> Result<Self, AuthError> {
        let credential = &claim.credential;
        let chain = Chain {
            access_key_id: credential.access_key_id.clone(),
            key,
            context: format!(
                "{}\n{}/{}/{}/aws4_request",
                claim.date.as_str(),
                credential.date,
                credential.region,
                credential.service
            ),
            previous: *claim.signature(),
            trailer,
        };
        let trailers = trailers(headers)?;
        if !trailer && !trailers.is_empty() {
            return Err(AuthError::PayloadMode(PayloadFault::Trailer));
        }
        Ok(Self { decoded_length: decoded_length(headers)?, trailers, chain: Some(chain) })
    }

    /// That of a request whose chunks are not signed.
    pub(crate) fn unsigned(headers: &HeaderMap) -> Result<Self, AuthError> {
        let (decoded_length, trailers) = (decoded_length(headers)?, trailers(headers)?);
        Ok(Self { decoded_length, trailers, chain: None })
    }

    /// Whether every chunk is signed.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.chain.is_some()
    }
}

fn decoded_length(headers: &HeaderMap) -> Result<u64, AuthError> {
    single(headers, "x-amz-decoded-content-length")
        .ok()
        .flatten()
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or(AuthError::PayloadMode(PayloadFault::DecodedLength))
}

fn trailers(headers: &HeaderMap) -> Result<Vec<HeaderName>, AuthError> {
    let wrong = || AuthError::PayloadMode(PayloadFault::Trailer);
    let Some(text) = single(headers, "x-amz-trailer").map_err(|_| wrong())? else {
        return Ok(Vec::new());
    };
    let mut names: Vec<HeaderName> = Vec::new();
    for name in text.split(',') {
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong())?;
        if names.contains(&name) || name == TRAILER_SIGNATURE || names.len() == TRAILERS_MAX {
            return Err(wrong());
        }
        names.push(name);
    }
    Ok(names)
}

/// SDKs send one.
const TRAILERS_MAX: usize = 8;

pub(super) const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";
