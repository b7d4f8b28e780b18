//! Whether the caller is who it says: proven where we hold the secret, a claim where we do not.
//!
//! Start at [`House::authenticate`].
//! Spec: the IAM User Guide's "Signature Version 4"; which of both it was, the record says.

use std::sync::Arc;

use catalog::{KeyStatus, Known};
use wire::{
    auth::{self, AuthError},
    sigv4::{self, Claim, Expected, Key, Place, Verification},
};
use zeroize::Zeroizing;

use super::{House, refuse::Refusal, visit::Visit};
use crate::recorder::{Caller, Mechanism};

/// A signature that was verified, as far as that is possible before the body.
pub(super) struct Proof(pub(super) Verification);

impl House {
    /// Finds out who calls, and where the call goes. Yields a proof when we hold the secret.
    pub(super) async fn authenticate(&self, visit: &mut Visit) -> Result<Option<Proof>, Refusal> {
        let claim = match sigv4::recognise(&visit.parts) {
            Ok(claim) => claim,
            Err(error) => {
                if let Some(access_key_id) = sigv4::claimed_access_key_id(&visit.parts) {
                    visit.caller = Caller::Claimed { access_key_id };
                }
                return Err(error.into());
            }
        };
        visit.mechanism = mechanism(&claim, visit);
        visit.destination = self.destination(visit);
        let known = match claim.access_key_id() {
            Some(id) => {
                visit.caller = Caller::Claimed { access_key_id: id.to_owned() };
                self.catalog.lookup(id).await?
            }
            None => None,
        };

        let disbelief = match (&claim, &known) {
            (Claim::V4(v4), Some(Known::Key(credential))) => {
                let key = (credential.status == KeyStatus::Active).then(|| secret(credential));
                let key = key.as_ref().map(|secret| Key { secret, session: None });
                let verification = self.verify(visit, v4, key)?;
                visit.credential = Some(Arc::clone(credential));
                visit.caller = Caller::Proven {
                    identity: Box::new(credential.identity.clone()),
                    account: credential.account,
                };
                return Ok(Some(Proof(verification)));
            }
            // The same work as for a wrong signature, so that time does not tell which keys exist.
            (Claim::V4(v4), _) if visit.is_own() => {
                let verification = self.verify(visit, v4, None)?;
                visit.disbelief = Some(unverifiable(&claim));
                return Ok(Some(Proof(verification)));
            }
            (claim, _) => unverifiable(claim),
        };
        match &known {
            Some(Known::Session(session)) => {
                visit.caller = Caller::Known {
                    identity: Box::new(session.identity.clone()),
                    account: session.account,
                };
            }
            Some(Known::Key(credential)) => {
                visit.caller = Caller::Known {
                    identity: Box::new(credential.identity.clone()),
                    account: credential.account,
                };
            }
            None => {}
        }
        visit.disbelief = Some(disbelief);
        // A form may still say where an unsigned call goes.
        if !visit.target.needs_form || visit.target.service.is_some() {
            visit.require_proof()?;
        }
        Ok(None)
    }

    fn verify(
        &self,
        visit: &Visit,
        claim: &sigv4::V4,
        key: Option<Key<'_>>,
    ) -> Result<Verification, AuthError> {
        let scope = claim.credential.service.as_str();
        let service = match visit.target.service {
            // Directory buckets and their like are S3 under names of their own.
            Some(service) if service.name == "s3" && S3_FAMILY.contains(&scope) => scope,
            Some(service) => service.signing_name,
            // Nobody here answers for a service that nobody knows: the scope is all there is.
            None => scope,
        };
        let expected =
            Expected { service, own: visit.is_own(), protocol_in_path: visit.route.is_some() };
        let now = self.ambient.clock.now();
        self.verifier.verify(&visit.parts, claim, key, expected, now)
    }
}

/// Why a caller is not believed whom we cannot verify.
fn unverifiable(claim: &Claim) -> AuthError {
    match claim {
        Claim::None { .. } => AuthError::Missing,
        Claim::V4(claim) => {
            AuthError::UnknownKey { access_key_id: claim.credential.access_key_id.clone() }
        }
        Claim::V4a { .. } => AuthError::UnsupportedMechanism(auth::Mechanism::V4a),
        Claim::V2 { .. } => AuthError::UnsupportedMechanism(auth::Mechanism::V2),
        Claim::Bearer => AuthError::UnsupportedMechanism(auth::Mechanism::Bearer),
    }
}

fn mechanism(claim: &Claim, visit: &Visit) -> Mechanism {
    let in_header = visit.parts.headers.contains_key(http::header::AUTHORIZATION);
    match claim {
        Claim::None { post_form: true } if visit.target.is_s3() => Mechanism::PostPolicy,
        Claim::None { .. } => Mechanism::None,
        Claim::V4(claim) => match claim.place {
            Place::Header => Mechanism::V4Header,
            Place::Query { .. } => Mechanism::V4Query,
        },
        Claim::V4a { .. } if in_header => Mechanism::V4aHeader,
        Claim::V4a { .. } => Mechanism::V4aQuery,
        Claim::V2 { .. } if in_header => Mechanism::V2Header,
        Claim::V2 { .. } => Mechanism::V2Query,
        Claim::Bearer => Mechanism::Bearer,
    }
}

fn secret(credential: &catalog::Credential) -> sigv4::Secret {
    sigv4::Secret::new(Zeroizing::new(credential.secret.expose().to_owned()))
}

/// The names under which S3 is signed.
const S3_FAMILY: [&str; 4] = ["s3", "s3express", "s3-object-lambda", "s3-outposts"];
