//! Presigned requests: the signature stands in the query.

use std::borrow::Cow;

use http::request::Parts;
use zeroize::Zeroizing;

use super::{
    AmzDate, Claim, Credential, Place, V4,
    claim::{self, Signature, Token, header_token, is_access_key_id},
    encoding::decode,
};
use crate::auth::{AuthError, Malformed};

/// The parameters of a query that have to do with authentication, decoded.
#[derive(Default)]
pub(super) struct Parameters<'a> {
    algorithm: Option<Cow<'a, str>>,
    content_sha256: Option<Cow<'a, str>>,
    credential: Option<Cow<'a, str>>,
    date: Option<Cow<'a, str>>,
    expires: Option<Cow<'a, str>>,
    security_token: Option<Cow<'a, str>>,
    signature: Option<Cow<'a, str>>,
    signed_headers: Option<Cow<'a, str>>,
    v2_key: Option<Cow<'a, str>>,
    v2_signature: Option<Cow<'a, str>>,
}

impl<'a> Parameters<'a> {
    /// Finds the parameters. One that is there twice, or in another case than it has to be, is an
    /// error: an upstream might read it otherwise than we.
    pub(super) fn read(query: &'a str) -> Result<Self, AuthError> {
        let mut found = Self::default();
        for piece in query.split('&') {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let name =
                decode(name).ok_or(AuthError::MalformedTarget(Malformed::PercentEncoding))?;
            let place = match name.as_ref() {
                b"AWSAccessKeyId" => &mut found.v2_key,
                b"Signature" => &mut found.v2_signature,
                name => match found.place(name)? {
                    Some(place) => place,
                    None => continue,
                },
            };
            if place.replace(text(value)?).is_some() {
                return Err(WRONG(Malformed::QueryParameters));
            }
        }
        Ok(found)
    }

    fn place(&mut self, name: &[u8]) -> Result<Option<&mut Option<Cow<'a, str>>>, AuthError> {
        if !name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"X-Amz-")) {
            return Ok(None);
        }
        let places: [(&str, &mut Option<_>); 8] = [
            ("X-Amz-Algorithm", &mut self.algorithm),
            ("X-Amz-Content-Sha256", &mut self.content_sha256),
            ("X-Amz-Credential", &mut self.credential),
            ("X-Amz-Date", &mut self.date),
            ("X-Amz-Expires", &mut self.expires),
            ("X-Amz-Security-Token", &mut self.security_token),
            ("X-Amz-Signature", &mut self.signature),
            ("X-Amz-SignedHeaders", &mut self.signed_headers),
        ];
        for (exact, place) in places {
            if name.eq_ignore_ascii_case(exact.as_bytes()) {
                let right = name == exact.as_bytes();
                return if right {
                    Ok(Some(place))
                } else {
                    Err(WRONG(Malformed::QueryParameters))
                };
            }
        }
        Ok(None)
    }

    /// Whether any parameter of SigV4 is there, so that the rest must be.
    pub(super) fn is_v4(&self) -> bool {
        [
            &self.algorithm,
            &self.content_sha256,
            &self.credential,
            &self.date,
            &self.expires,
            &self.security_token,
            &self.signature,
            &self.signed_headers,
        ]
        .iter()
        .any(|it| it.is_some())
    }

    /// The access key id, if the query is signed by version 2.
    pub(super) fn v2(&self) -> Option<&str> {
        self.v2_signature.as_ref()?;
        self.v2_key.as_deref()
    }

    /// Whatever stands where an access key id belongs.
    pub(super) fn claimed_access_key_id(&self) -> Option<String> {
        let credential = self.credential.as_deref().and_then(|text| text.split('/').next());
        credential.or(self.v2_key.as_deref()).map(str::to_owned)
    }
}

/// Reads the claim of a query that [`Parameters::is_v4`].
pub(super) fn read(request: &Parts, query: &Parameters<'_>) -> Result<Claim, AuthError> {
    let needed = |it: &'_ Option<Cow<'_, str>>| -> Result<String, AuthError> {
        it.as_deref().map(str::to_owned).ok_or(WRONG(Malformed::QueryParameters))
    };
    match needed(&query.algorithm)?.as_str() {
        "AWS4-HMAC-SHA256" => {}
        "AWS4-ECDSA-P256-SHA256" => {
            return Credential::parse_v4a(&needed(&query.credential)?, WRONG);
        }
        _ => return Err(WRONG(Malformed::Algorithm)),
    }
    let credential = Credential::parse(&needed(&query.credential)?, WRONG)?;
    if !is_access_key_id(&credential.access_key_id) {
        return Err(WRONG(Malformed::AccessKeyId));
    }
    let in_query =
        query.security_token.as_deref().map(|text| Token(Zeroizing::new(text.to_owned())));
    let token = match (in_query, header_token(&request.headers, WRONG)?) {
        (Some(_), Some(_)) => return Err(WRONG(Malformed::Repeated)),
        (Some(token), None) | (None, Some(token)) => Some(token),
        (None, None) => None,
    };
    Ok(Claim::V4(Box::new(V4 {
        credential,
        place: Place::Query { expires_s: expires(&needed(&query.expires)?)? },
        date: AmzDate::parse(&needed(&query.date)?).ok_or(WRONG(Malformed::Date))?,
        signed_headers: claim::signed_headers(&needed(&query.signed_headers)?, WRONG)?,
        mode: claim::mode(&request.headers, query.content_sha256.as_deref())?,
        signature: Signature::parse(&needed(&query.signature)?)
            .ok_or(WRONG(Malformed::Signature))?,
        token,
    })))
}

/// 1 to 604,800, in digits.
fn expires(text: &str) -> Result<u32, AuthError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(WRONG(Malformed::ExpiresNotNumber));
    }
    if digits.len() != text.len() {
        return Err(WRONG(Malformed::ExpiresTooSmall));
    }
    match digits.parse() {
        Ok(0) => Err(WRONG(Malformed::ExpiresTooSmall)),
        Ok(seconds @ 1..=LONGEST_EXPIRES_S) => Ok(seconds),
        Ok(_) | Err(_) => Err(WRONG(Malformed::ExpiresTooLarge)),
    }
}

fn text(value: &str) -> Result<Cow<'_, str>, AuthError> {
    let wrong = AuthError::MalformedTarget(Malformed::PercentEncoding);
    match decode(value).ok_or_else(|| wrong.clone())? {
        Cow::Borrowed(_) => Ok(Cow::Borrowed(value)),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| wrong),
    }
}

/// Seven days: as long as a signing key lives.
const LONGEST_EXPIRES_S: u32 = 604_800;

const WRONG: fn(Malformed) -> AuthError = AuthError::MalformedQuery;
