//! What a request says about its sender: a claim, which anyone may write.
//!
//! Lives here: telling the mechanisms apart, and the types of a claim. The two places where SigV4
//! stands are read in `header` and `presigned`.

use std::fmt;

use http::{
    HeaderMap, HeaderValue, Method, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
    request::Parts,
};
use zeroize::Zeroizing;

use super::{AmzDate, Mode, canonical, encoding::hex32, header, presigned};
use crate::auth::{AuthError, Malformed, Mechanism, PayloadFault, ScopeFault};

/// What a request says about its sender.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Nothing.
    None {
        /// Whether the request may be a browser's form upload to S3, whose credential and policy are
        /// fields of the form.
        post_form: bool,
    },
    /// Signature version 4.
    V4(Box<V4>),
    /// Signature version 4 with a key pair, for several regions. We do not verify it.
    V4a {
        /// As claimed.
        access_key_id: String,
        /// The service of the scope.
        service: String,
    },
    /// Signature version 2. We do not verify it.
    V2 {
        /// As claimed.
        access_key_id: String,
    },
    /// A bearer token.
    Bearer,
}

impl Claim {
    /// The access key id that the request names. A claim until a signature proves it.
    #[must_use]
    pub fn access_key_id(&self) -> Option<&str> {
        match self {
            Self::V4(claim) => Some(&claim.credential.access_key_id),
            Self::V4a { access_key_id, .. } | Self::V2 { access_key_id } => Some(access_key_id),
            Self::None { .. } | Self::Bearer => None,
        }
    }
}

/// A claim by signature version 4: every field is well-formed, nothing is proven.
#[derive(Clone, Debug)]
pub struct V4 {
    /// Who signs, and for what.
    pub credential: Credential,
    /// Where the signature stands.
    pub place: Place,
    /// The time that was signed.
    pub date: AmzDate,
    /// Lower case, sorted, no name twice.
    pub signed_headers: Vec<String>,
    /// What the request says of its body, if it says anything.
    pub mode: Option<Mode>,
    pub(super) signature: Signature,
    pub(super) token: Option<Token>,
}

impl V4 {
    /// Whether a session token came along.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The first of the signatures that a body in chunks continues.
    pub(crate) fn signature(&self) -> &[u8; 32] {
        &self.signature.0
    }

    /// Whether the signature stands in the query.
    #[must_use]
    pub fn is_presigned(&self) -> bool {
        matches!(self.place, Place::Query { .. })
    }
}

/// Who signs, and for what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credential {
    /// One to 128 visible ASCII characters, without `/` and `,`.
    pub access_key_id: String,
    /// Eight digits.
    pub date: String,
    /// Such as `us-east-1`; may be any text without `/` until the claim is verified.
    pub region: String,
    /// The signing name of the service.
    pub service: String,
}

/// Where a signature stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// In the `Authorization` header.
    Header,
    /// In the query: a presigned request.
    Query {
        /// `X-Amz-Expires`: 1 to 604,800 seconds.
        expires_s: u32,
    },
}

/// A signature as it came. Whoever reads it in time can use it, so it is not shown.
#[derive(Clone, Copy)]
pub(super) struct Signature(pub(super) [u8; 32]);

impl Signature {
    /// Reads 64 lower-case hexadecimal digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        hex32(text).map(Self)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature")
    }
}

/// A session token as it came. It is a secret of the caller's.
#[derive(Clone)]
pub(super) struct Token(pub(super) Zeroizing<String>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Reads what a request says about its sender.
///
/// # Errors
/// When it says it in more than one way, or not well-formed; when the mechanism is unknown; when the
/// request has two hosts.
pub fn recognise(request: &Parts) -> Result<Claim, AuthError> {
    canonical::host(request)?;
    let query = presigned::Parameters::read(request.uri.query().unwrap_or_default())?;
    let mut headers = request.headers.get_all(AUTHORIZATION).iter();
    let header = headers.next();
    if headers.next().is_some() {
        return Err(AuthError::MultipleMechanisms);
    }
    match (header, query.is_v4(), query.v2()) {
        (None, false, None) => Ok(Claim::None { post_form: is_post_form(request) }),
        (Some(value), false, None) => match value.to_str() {
            Ok(text) => header::read(request, text),
            Err(_) => Err(AuthError::MalformedHeader(Malformed::Syntax)),
        },
        (None, true, None) => presigned::read(request, &query),
        (None, false, Some(access_key_id)) => {
            Ok(Claim::V2 { access_key_id: access_key_id.to_owned() })
        }
        (None, true, Some(_)) | (Some(_), true, _) | (Some(_), false, Some(_)) => {
            Err(AuthError::MultipleMechanisms)
        }
    }
}

/// Reads a claim from the value of an `Authorization` header alone, of a request that has a host and
/// a date. The door to this parser for bytes of any kind.
///
/// # Errors
/// As [`recognise`].
pub fn recognise_authorization(value: &[u8]) -> Result<Claim, AuthError> {
    let other = AuthError::UnsupportedMechanism(Mechanism::Other);
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-date", HeaderValue::from_static("20260301T120000Z"));
    headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value).map_err(|_| other)?);
    recognise(&head(Uri::from_static("/"), headers))
}

/// Reads a claim from a query alone. The door to this parser for bytes of any kind.
///
/// # Errors
/// As [`recognise`], or when the bytes cannot be a query.
pub fn recognise_query(query: &[u8]) -> Result<Claim, AuthError> {
    let wrong = AuthError::MalformedTarget(Malformed::PercentEncoding);
    let target = [b"/?", query].concat();
    let uri = Uri::try_from(target).map_err(|_| wrong)?;
    recognise(&head(uri, HeaderMap::new()))
}

fn head(uri: Uri, headers: HeaderMap) -> Parts {
    let mut parts = http::Request::new(()).into_parts().0;
    (parts.uri, parts.headers) = (uri, headers);
    parts
}

/// The access key id that a request names, even when the rest of it cannot be read. For the record of
/// a refused call only.
///
/// `None` when what stands there does not look like an access key id, since people paste secrets into
/// the wrong field: 16 to 128 upper-case letters and digits.
#[must_use]
pub fn claimed_access_key_id(request: &Parts) -> Option<String> {
    let in_header = request.headers.get(AUTHORIZATION).and_then(|value| {
        let text = value.to_str().ok()?;
        match text.split_once("Credential=") {
            Some((_, rest)) => rest.split('/').next(),
            None => text.strip_prefix("AWS ")?.split(':').next(),
        }
        .map(str::to_owned)
    });
    let claimed = match in_header {
        Some(text) => Some(text),
        None => presigned::Parameters::read(request.uri.query()?).ok()?.claimed_access_key_id(),
    };
    claimed.filter(|text| looks_like_access_key_id(text))
}

fn looks_like_access_key_id(text: &str) -> bool {
    (16..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

impl Credential {
    /// Reads `keyid/date/region/service/aws4_request`.
    pub(super) fn parse(text: &str, wrong: fn(Malformed) -> AuthError) -> Result<Self, AuthError> {
        let mut parts = text.split('/');
        let mut part = || parts.next().ok_or(wrong(Malformed::Credential));
        let (access_key_id, date, region, service) = (part()?, part()?, part()?, part()?);
        let terminator = part()?;
        if part().is_ok() {
            return Err(wrong(Malformed::Credential));
        }
        if terminator != "aws4_request" {
            return Err(AuthError::Scope(ScopeFault::Terminator));
        }
        if !is_access_key_id(access_key_id) {
            return Err(wrong(Malformed::AccessKeyId));
        }
        if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong(Malformed::Credential));
        }
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }

    /// Reads `keyid/date/service/aws4_request`, which names no region.
    pub(super) fn parse_v4a(
        text: &str,
        wrong: fn(Malformed) -> AuthError,
    ) -> Result<Claim, AuthError> {
        let parts: Vec<_> = text.split('/').take(6).collect();
        match parts.as_slice() {
            [access_key_id, _, service, "aws4_request"] if is_access_key_id(access_key_id) => {
                Ok(Claim::V4a {
                    access_key_id: (*access_key_id).to_owned(),
                    service: (*service).to_owned(),
                })
            }
            _ => Err(wrong(Malformed::Credential)),
        }
    }
}

/// Upstreams know keys of other forms than AWS's, so this is wider than
/// [`looks_like_access_key_id`].
pub(super) fn is_access_key_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b','))
}

/// Reads `a;b;c`: lower-case names, sorted, none twice.
pub(super) fn signed_headers(
    text: &str,
    wrong: fn(Malformed) -> AuthError,
) -> Result<Vec<String>, AuthError> {
    let names: Vec<String> = text.split(';').map(str::to_owned).collect();
    let well_formed = names.iter().all(|name| is_header_name(name));
    let sorted = names.is_sorted_by(|one, next| one < next);
    if well_formed && sorted { Ok(names) } else { Err(wrong(Malformed::SignedHeaders)) }
}

/// Lower case, as it has to be in `SignedHeaders`.
fn is_header_name(name: &str) -> bool {
    name == canonical::AUTHORITY
        || (!name.is_empty()
            && name.bytes().all(|byte| {
                matches!(byte, b'a'..=b'z' | b'0'..=b'9') || b"!#$%&'*+-.^_`|~".contains(&byte)
            }))
}

/// The mode in `x-amz-content-sha256`, from the header or (presigned) the query.
pub(super) fn mode(headers: &HeaderMap, query: Option<&str>) -> Result<Option<Mode>, AuthError> {
    let unknown = AuthError::PayloadMode(PayloadFault::Unknown);
    let header = single(headers, CONTENT_SHA256).map_err(|_| unknown.clone())?;
    let text = match (header, query) {
        (None, None) => return Ok(None),
        (Some(one), Some(other)) if one != other => return Err(unknown),
        (Some(text), _) | (None, Some(text)) => text,
    };
    Mode::parse(text).map(Some).ok_or(unknown)
}

/// The session token in the header.
pub(super) fn header_token(
    headers: &HeaderMap,
    wrong: fn(Malformed) -> AuthError,
) -> Result<Option<Token>, AuthError> {
    let text = single(headers, SECURITY_TOKEN).map_err(|_| wrong(Malformed::RepeatedHeader))?;
    Ok(text.map(|text| Token(Zeroizing::new(text.to_owned()))))
}

/// The value of a header that may be given once, as text.
///
/// A value that is not visible ASCII counts as a repetition: neither can be read in one way only.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, NotSingle> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => Ok(Some(value.to_str().map_err(|_| NotSingle)?.trim_matches(BLANK))),
        (Some(_), Some(_)) => Err(NotSingle),
    }
}

/// A header is given twice or is no text.
#[derive(Debug)]
pub(crate) struct NotSingle;

fn is_post_form(request: &Parts) -> bool {
    let form = "multipart/form-data";
    request.method == Method::POST
        && request
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.as_bytes().get(..form.len()))
            .is_some_and(|start| start.eq_ignore_ascii_case(form.as_bytes()))
}

pub(super) const BLANK: [char; 2] = [' ', '\t'];
pub(super) const CONTENT_SHA256: &str = "x-amz-content-sha256";
const SECURITY_TOKEN: &str = "x-amz-security-token";
