//! From a claim to a proof.
//!
//! Lives here: the checks that need no secret (scope, time, which headers are signed), the comparison
//! of signatures, the checks that only a proven caller may see (its session).
//!
//! INVARIANT: an unknown access key costs the same work as a wrong signature, so timing does not tell
//! which ids exist.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest;
use http::{header::CONTENT_TYPE, request::Parts};
use jiff::Timestamp;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{
    AmzDate, Mode, Payload, Place, Secret, V4,
    canonical::{self, AUTHORITY, Family},
    claim::{Signature, Token},
    secret::{KeyCache, SigningKey, bytes32},
};
use crate::{
    auth::{AuthError, Malformed, PayloadFault, ScopeFault},
    chunked::Plan,
};

/// How far a signed time may be from ours. Wider forgives worse clocks, and lets a captured request
/// be replayed for longer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// For every service but S3. Five minutes unless told otherwise.
    pub skew: Duration,
    /// For S3 and its family. Fifteen minutes unless told otherwise.
    pub skew_s3: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { skew: Duration::from_mins(5), skew_s3: Duration::from_mins(15) }
    }
}

/// What is known of the access key that a claim names.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    /// Its secret.
    pub secret: &'a Secret,
    /// The session it belongs to, if it is temporary.
    pub session: Option<Session<'a>>,
}

/// What is known of a session.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    /// What has to come with every request.
    pub token: &'a Secret,
    /// From then on it is no longer good.
    pub expires: Timestamp,
}

/// What the addressed service asks of a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Expected<'a> {
    /// The signing name of the service that will answer: never taken from the claim unchecked.
    pub service: &'a str,
    /// Whether the call is answered here. Then, unless the service is S3, the body must be signed and
    /// so must the content type, which chooses the protocol; and the path must be in the form that is
    /// signed, since whoever answers reads it as it came.
    pub own: bool,
    /// Whether the path says all about the protocol. Then an unsigned content type is let through, as
    /// AWS does: many simple signers sign none.
    pub protocol_in_path: bool,
}

/// Verifies signatures. One for the process: it keeps the keys it has derived.
pub struct Verifier {
    settings: Settings,
    keys: Arc<KeyCache>,
    /// Stands in for the secret of an access key that does not exist.
    dummy: Secret,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What is proven once everything before the body was read.
pub enum Verification {
    /// The caller.
    Verified(Verified),
    /// Nothing yet: the signature covers the hash of a body that was not declared.
    AwaitsBody(Box<AwaitsBody>),
}

/// A proof: the holder of the secret signed this request. The body is as [`Verified::payload`] says.
pub struct Verified {
    /// Whose secret it was.
    pub access_key_id: String,
    /// The region that the call was signed for. A host name's label.
    pub region: String,
    /// The signing name of the service, as it was expected.
    pub service: String,
    /// The time that was signed.
    pub date: AmzDate,
    /// Whether the signature stood in the query.
    pub presigned: bool,
    /// How the body is to be checked.
    pub payload: Payload,
}

/// A signature that can be compared once the hash of the body is known.
pub struct AwaitsBody {
    attempt: Attempt,
    head: digest::Context,
}

/// A comparison of signatures, and what follows from it.
struct Attempt {
    keys: Arc<KeyCache>,
    secret: Secret,
    key: SigningKey,
    /// Whether `key` was derived just now, and did not come from the cache.
    fresh: bool,
    /// Whether the access key exists.
    known: bool,
    token: Option<Token>,
    /// The token of the key's session, and the session's end.
    session: Option<(Secret, Timestamp)>,
    now: Timestamp,
    signature: Signature,
    verified: Verified,
}

impl Verifier {
    /// A verifier with an empty cache.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let dummy = Secret::new(Zeroizing::new("an access key that does not exist".to_owned()));
        Self { settings, keys: Arc::new(KeyCache::new()), dummy }
    }

    /// Proves `claim`, which `recognise` read from the same `request`.
    ///
    /// `key` is what is known of the claimed access key; `None` (no such key, or not active) costs the
    /// same time and ends in [`AuthError::UnknownKey`]. `now` must not step backwards: give the later
    /// of the clock and what it has shown before.
    ///
    /// # Errors
    /// The first thing found wrong, in this order: target, signed headers, scope, time, payload mode,
    /// signature, session.
    pub fn verify(
        &self,
        request: &Parts,
        claim: &V4,
        key: Option<Key<'_>>,
        expected: Expected<'_>,
        now: Timestamp,
    ) -> Result<Verification, AuthError> {
        let family = Family::of(expected.service);
        if expected.own && family == Family::Other && !canonical::is_normal(request.uri.path()) {
            return Err(AuthError::MalformedTarget(Malformed::Path));
        }
        check_signed_headers(request, claim, expected, family)?;
        check_scope(claim, expected)?;
        self.check_time(claim, family, now)?;
        let mode = mode(claim, expected, family)?;

        let mut head = digest::Context::new(&digest::SHA256);
        head.update(&canonical::head(request, &claim.signed_headers, family)?);

        let attempt = self.attempt(claim, key, now);
        let Some(mode) = mode else {
            return Ok(Verification::AwaitsBody(Box::new(AwaitsBody { attempt, head })));
        };
        head.update(mode.line().as_bytes());
        let payload = payload(mode, request, claim, &attempt.key)?;
        attempt.conclude(head, payload).map(Verification::Verified)
    }

    fn attempt(&self, claim: &V4, key: Option<Key<'_>>, now: Timestamp) -> Attempt {
        let credential = &claim.credential;
        let secret = key.map_or(&self.dummy, |key| key.secret);
        let (date, region, service) = (&credential.date, &credential.region, &credential.service);
        let cached = self.keys.find(secret, date, region, service);
        let fresh = cached.is_none();
        Attempt {
            keys: Arc::clone(&self.keys),
            secret: secret.clone(),
            key: cached.unwrap_or_else(|| SigningKey::derive(secret, date, region, service)),
            fresh,
            known: key.is_some(),
            token: claim.token.clone(),
            session: key
                .and_then(|key| key.session)
                .map(|session| (session.token.clone(), session.expires)),
            now,
            signature: claim.signature,
            verified: Verified {
                access_key_id: credential.access_key_id.clone(),
                region: region.clone(),
                service: service.clone(),
                date: claim.date,
                presigned: claim.is_presigned(),
                payload: Payload::Checked,
            },
        }
    }

    /// A presigned request is good from its time to its end, any other one around its time.
    fn check_time(&self, claim: &V4, family: Family, now: Timestamp) -> Result<(), AuthError> {
        let skew = match family {
            Family::S3 => self.settings.skew_s3,
            Family::Other => self.settings.skew,
        };
        let signed_at = claim.date.timestamp();
        // Whole seconds, as the signed time has no others.
        let ahead = signed_at.as_second() - now.as_second();
        let skew_s = i64::try_from(skew.as_secs()).unwrap_or(i64::MAX);
        if ahead > skew_s {
            let presigned = claim.is_presigned();
            return Err(AuthError::NotYetCurrent { signed_at, now, skew, presigned });
        }
        match claim.place {
            Place::Header if ahead.saturating_neg() > skew_s => {
                Err(AuthError::SignatureExpired { signed_at, now, skew })
            }
            Place::Query { expires_s } if ahead.saturating_neg() > i64::from(expires_s) => {
                Err(AuthError::PresignedExpired { signed_at, expires_s, now })
            }
            Place::Header | Place::Query { .. } => Ok(()),
        }
    }
}

impl AwaitsBody {
    /// Compares the signature, now that the body's SHA-256 is known.
    ///
    /// # Errors
    /// When it does not match, or the session is not as it has to be. A changed body is a wrong
    /// signature: nothing else can be told.
    pub fn finish(mut self, body: &[u8; 32]) -> Result<Verified, AuthError> {
        self.head.update(hex::encode(body).as_bytes());
        self.attempt.conclude(self.head, Payload::Checked)
    }
}

impl Attempt {
    fn conclude(
        self,
        canonical_request: digest::Context,
        payload: Payload,
    ) -> Result<Verified, AuthError> {
        let Verified { date, region, service, access_key_id, .. } = &self.verified;
        let day = date.day();
        let string_to_sign = format!(
            "AWS4-HMAC-SHA256\n{}\n{day}/{region}/{service}/aws4_request\n{}",
            date.as_str(),
            hex::encode(canonical_request.finish().as_ref()),
        );
        let computed = self.key.sign(string_to_sign.as_bytes());
        let matches: bool = computed.ct_eq(&self.signature.0).into();
        if !(matches && self.known) {
            if !self.fresh {
                // What the cache saved is spent, so that a refusal takes the same time for all.
                SigningKey::derive(&self.secret, day, region, service);
            }
            let access_key_id = access_key_id.clone();
            return Err(if self.known {
                AuthError::WrongSignature { access_key_id }
            } else {
                AuthError::UnknownKey { access_key_id }
            });
        }
        // Only now: who holds no secret learns nothing of a session.
        self.check_session()?;
        if self.fresh {
            self.keys.keep(&self.secret, day, region, service, self.key);
        }
        Ok(Verified { payload, ..self.verified })
    }

    fn check_session(&self) -> Result<(), AuthError> {
        match (&self.token, &self.session) {
            (None, None) => Ok(()),
            (Some(_), None) => Err(AuthError::TokenInvalid),
            // As if there were no such key: without its token it is none.
            (None, Some(_)) => {
                Err(AuthError::UnknownKey { access_key_id: self.verified.access_key_id.clone() })
            }
            (Some(given), Some((token, _))) if !token.is(&given.0) => Err(AuthError::TokenInvalid),
            (Some(_), Some((_, expires))) if *expires <= self.now => Err(AuthError::TokenExpired),
            (Some(_), Some(_)) => Ok(()),
        }
    }
}

fn check_signed_headers(
    request: &Parts,
    claim: &V4,
    expected: Expected<'_>,
    family: Family,
) -> Result<(), AuthError> {
    let is_signed = |name: &str| {
        claim.signed_headers.binary_search_by(|signed| signed.as_str().cmp(name)).is_ok()
    };
    if !is_signed("host") && !is_signed(AUTHORITY) {
        return Err(match claim.place {
            Place::Header => AuthError::MalformedHeader(Malformed::HostNotSigned),
            Place::Query { .. } => AuthError::MalformedQuery(Malformed::HostNotSigned),
        });
    }
    let content_type = expected.own && !expected.protocol_in_path && family == Family::Other;
    let mut missing: Vec<_> = request
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| {
            name.starts_with("x-amz-") || (content_type && *name == CONTENT_TYPE.as_str())
        })
        .filter(|name| !is_signed(name))
        .map(str::to_owned)
        .collect();
    missing.sort_unstable();
    if missing.is_empty() { Ok(()) } else { Err(AuthError::HeadersNotSigned(missing)) }
}

fn check_scope(claim: &V4, expected: Expected<'_>) -> Result<(), AuthError> {
    let credential = &claim.credential;
    let fault = if credential.date != claim.date.day() {
        ScopeFault::Date
    } else if !is_label(&credential.region) {
        ScopeFault::Region
    } else if credential.service != expected.service {
        ScopeFault::Service(expected.service.to_owned())
    } else {
        return Ok(());
    };
    Err(AuthError::Scope(fault))
}

/// Whether `text` could be a region: a host name's label. One endpoint serves them all.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The mode that was signed; `None` when it is the hash of a body not read yet.
fn mode(claim: &V4, expected: Expected<'_>, family: Family) -> Result<Option<Mode>, AuthError> {
    let refused = Err(AuthError::PayloadMode(PayloadFault::Refused));
    match (claim.mode, family) {
        (None, Family::Other) => Ok(None),
        (None, Family::S3) => match claim.place {
            Place::Header => Err(AuthError::PayloadMode(PayloadFault::Missing)),
            Place::Query { .. } => Ok(Some(Mode::Unsigned)),
        },
        (Some(mode), family) => match mode {
            Mode::Sha256(_) => Ok(Some(mode)),
            Mode::Unsigned if family == Family::S3 || !expected.own => Ok(Some(mode)),
            Mode::SignedChunks { .. } | Mode::UnsignedChunks if family == Family::S3 => {
                Ok(Some(mode))
            }
            Mode::Events if !expected.own => Ok(Some(mode)),
            Mode::Unsigned
            | Mode::SignedChunks { .. }
            | Mode::UnsignedChunks
            | Mode::EcdsaChunks
            | Mode::Events => refused,
        },
    }
}

fn payload(
    mode: Mode,
    request: &Parts,
    claim: &V4,
    key: &SigningKey,
) -> Result<Payload, AuthError> {
    Ok(match mode {
        Mode::Sha256(hash) => Payload::Whole(hash),
        Mode::Unsigned => Payload::Unsigned,
        Mode::SignedChunks { trailer } => {
            let plan = Plan::signed(&request.headers, claim, key.clone(), trailer)?;
            Payload::Chunked(Box::new(plan))
        }
        Mode::UnsignedChunks => Payload::Chunked(Box::new(Plan::unsigned(&request.headers)?)),
        Mode::EcdsaChunks => return Err(AuthError::PayloadMode(PayloadFault::Refused)),
        Mode::Events => Payload::Events,
    })
}

/// The SHA-256 of `bytes`.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    bytes32(digest::digest(&digest::SHA256, bytes).as_ref())
}
