//! The `Authorization` header.

use http::request::Parts;

use super::{
    AmzDate, Claim, Credential, Place, V4,
    claim::{self, BLANK, Signature, header_token, is_access_key_id, single},
};
use crate::auth::{AuthError, Malformed, Mechanism};

/// Reads `value`, the request's only `Authorization` header.
pub(super) fn read(request: &Parts, value: &str) -> Result<Claim, AuthError> {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    match scheme {
        "AWS4-HMAC-SHA256" => v4(request, rest).map(|claim| Claim::V4(Box::new(claim))),
        "AWS4-ECDSA-P256-SHA256" => {
            let fields = Fields::read(rest)?;
            Credential::parse_v4a(fields.credential, WRONG)
        }
        "AWS" => match rest.split_once(':') {
            Some((id, _)) if is_access_key_id(id) => Ok(Claim::V2 { access_key_id: id.to_owned() }),
            _ => Err(WRONG(Malformed::AccessKeyId)),
        },
        scheme if scheme.eq_ignore_ascii_case("bearer") => Ok(Claim::Bearer),
        _ => Err(AuthError::UnsupportedMechanism(Mechanism::Other)),
    }
}

fn v4(request: &Parts, text: &str) -> Result<V4, AuthError> {
    let fields = Fields::read(text)?;
    let credential = Credential::parse(fields.credential, WRONG)?;
    let signed_headers = claim::signed_headers(fields.signed_headers, WRONG)?;
    let signature = Signature::parse(fields.signature).ok_or(WRONG(Malformed::Signature))?;
    Ok(V4 {
        credential,
        place: Place::Header,
        date: date(request, &signed_headers)?,
        signed_headers,
        mode: claim::mode(&request.headers, None)?,
        signature,
        token: header_token(&request.headers, WRONG)?,
    })
}

/// `X-Amz-Date`, else `Date`; the one that counts has to be signed.
fn date(request: &Parts, signed_headers: &[String]) -> Result<AmzDate, AuthError> {
    let header =
        |name| single(&request.headers, name).map_err(|_| WRONG(Malformed::RepeatedHeader));
    let (name, date) = match (header("x-amz-date")?, header("date")?) {
        (Some(text), _) => ("x-amz-date", AmzDate::parse(text)),
        (None, Some(text)) => ("date", AmzDate::parse_http(text)),
        (None, None) => return Err(WRONG(Malformed::NoDate)),
    };
    if !signed_headers.iter().any(|signed| signed == name) {
        return Err(WRONG(Malformed::DateNotSigned));
    }
    date.ok_or(WRONG(Malformed::Date))
}

/// The three parameters, each once, in any order.
struct Fields<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Fields<'a> {
    fn read(text: &'a str) -> Result<Self, AuthError> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for field in text.split(',') {
            let (name, value) =
                field.trim_matches(BLANK).split_once('=').ok_or(WRONG(Malformed::Syntax))?;
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(WRONG(Malformed::UnknownParameter)),
            };
            if place.replace(value).is_some() {
                return Err(WRONG(Malformed::Repeated));
            }
        }
        Ok(Self {
            credential: credential.ok_or(WRONG(Malformed::NoCredential))?,
            signed_headers: signed_headers.ok_or(WRONG(Malformed::NoSignedHeaders))?,
            signature: signature.ok_or(WRONG(Malformed::NoSignature))?,
        })
    }
}

const WRONG: fn(Malformed) -> AuthError = AuthError::MalformedHeader;
