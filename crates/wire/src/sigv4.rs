//! AWS Signature Version 4 on the server's side.
//!
//! Lives here: recognising what a request says about its sender ([`recognise`]), proving it with the
//! secret ([`Verifier::verify`]), and guarding the body by what was signed of it ([`Verified::guard`]).
//! Lives elsewhere: the frames of `aws-chunked` (`chunked`), AWS's words for a failure (`auth`), what
//! the caller may do (`iam`), keeping secrets (`catalog`).
//!
//! A [`Claim`] is what anyone may write; a [`Verified`] is a proof. There is no other way to a
//! `Verified` than through the comparison of signatures, and no payload mode is without a case.
//!
//! Start at [`recognise`], then [`Verifier::verify`].
//! Spec: IAM User Guide, "Signature Version 4"; S3 API Reference, "Authenticating Requests".

mod body;
mod canonical;
mod claim;
mod encoding;
mod header;
mod payload;
mod presigned;
mod secret;
mod sign;
mod time;
mod verify;

pub use body::View;
pub(crate) use claim::single;
pub use claim::{
    Claim, Credential, Place, V4, claimed_access_key_id, recognise, recognise_authorization,
    recognise_query,
};
pub(crate) use encoding::hex32;
pub use payload::{Mode, Payload};
pub use secret::Secret;
pub(crate) use secret::SigningKey;
pub use sign::sign;
pub use time::AmzDate;
pub use verify::{AwaitsBody, Expected, Key, Session, Settings, Verification, Verified, Verifier};

#[cfg(test)]
pub(crate) mod signer;
#[cfg(test)]
mod tests;
