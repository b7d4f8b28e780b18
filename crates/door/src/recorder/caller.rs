//! Who called, as a record may say it.
//!
//! Lives here: whether an answer shows that the caller was believed, and from that and what the
//! caller said to `userIdentity`.
//! Lives elsewhere: verifying signatures (`wire`), the sessions that STS gives (`session`).
//!
//! Start at [`claim`], then [`identity`].
//! Spec: CloudTrail User Guide, "CloudTrail userIdentity element".

use http::StatusCode;
use log::Marks;
use record::{AccountId, Identity, IdentityType};
use wire::{
    auth::{self, Dialect},
    outcome::Outcome,
};

use super::{
    hide::{self, HIDDEN},
    seen::{Answered, Caller},
};

/// What the end of a call says about the caller's claim.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Claim {
    /// Whoever answered accepted the signature.
    Accepted,
    /// Whoever answered refused the signature or the key.
    Refused,
    /// Nothing: no answer, or one that may have come before the signature was looked at.
    Open,
}

/// The `userIdentity` of a call in a record of `account`, and the mark for a claim that nobody has
/// proven.
///
/// Of a claim that was not accepted only the key id is left, whoever it belongs to: a stranger can
/// write any key id into a request.
pub(super) fn identity(caller: &Caller, claim: Claim, account: AccountId) -> (Identity, Marks) {
    match (caller, claim) {
        (Caller::Anonymous, _) => (Identity::anonymous(), Marks::NONE),
        (Caller::Proven { identity, .. }, Claim::Accepted | Claim::Open)
        | (Caller::Known { identity, .. }, Claim::Accepted) => {
            (Identity::clone(identity), Marks::NONE)
        }
        (Caller::Claimed { access_key_id }, Claim::Accepted) => {
            (accepted_key(access_key_id, account), Marks::NONE)
        }
        (Caller::Claimed { .. } | Caller::Known { .. } | Caller::Proven { .. }, _) => {
            let access_key_id = caller.access_key_id().map(shown_key);
            (Identity { access_key_id, ..Identity::default() }, Marks::CLAIMED)
        }
    }
}

/// A key that we do not know and that the upstream took. It is real, so it is shown as it is, but
/// whether it is a user's or a role session's only the upstream knows: hence `Unknown`.
fn accepted_key(access_key_id: &str, account: AccountId) -> Identity {
    let key = if access_key_id.len() <= KEY_ID_MAX {
        access_key_id.to_owned()
    } else {
        HIDDEN.to_owned()
    };
    Identity {
        kind: Some(IdentityType::Unknown),
        // What another account's copy shows: without it that copy could not tell callers apart.
        principal_id: Some(key.clone()),
        account_id: Some(account.to_string()),
        access_key_id: Some(key),
        ..Identity::default()
    }
}

/// A claimed key id, hidden when it does not look like one: people paste secrets into that place.
pub(super) fn shown_key(claimed: &str) -> String {
    let looks_like_one = (KEY_ID_MIN..=KEY_ID_MAX).contains(&claimed.len())
        && claimed.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit());
    if looks_like_one { claimed.to_owned() } else { HIDDEN.to_owned() }
}

/// What the answer says about the caller's claim.
pub(super) fn claim(caller: &Caller, answer: Option<&Answered<'_>>, outcome: &Outcome) -> Claim {
    if matches!(caller, Caller::Proven { .. }) {
        return Claim::Accepted;
    }
    let Some(answer) = answer else { return Claim::Open };
    let message = outcome.error_message.as_deref().unwrap_or_default();
    if outcome.error_code.as_deref().is_some_and(|code| is_refusal(code, message)) {
        return Claim::Refused;
    }
    if speaks_of_the_call(answer) { Claim::Accepted } else { Claim::Open }
}

/// Whether an answer can only come from one who has looked at the signature. A redirection or an
/// error without a word may come from somebody on the way, or hide a refusal, as those of HEAD do.
fn speaks_of_the_call(answer: &Answered<'_>) -> bool {
    let is_silent = answer.body.whole().is_none_or(<[u8]>::is_empty)
        && !answer.headers.contains_key("x-amzn-errortype");
    match answer.status {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => false,
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => !is_silent,
        status => !(status.is_server_error() && is_silent),
    }
}

/// Whether an error says that the caller was not believed. `wire` knows the codes; one that also
/// stands for a caller who was believed and may not do this counts by its message.
fn is_refusal(code: &str, message: &str) -> bool {
    let ambiguous = DIALECTS.iter().any(|it| auth::words(auth::Failure::Denied, *it).code == code);
    if ambiguous {
        // AWS's own sentence about policies may quote names with any of these words in them.
        let message = message.to_ascii_lowercase();
        return !message.starts_with("user:") && REFUSED.iter().any(|it| message.contains(it));
    }
    let words = REFUSALS.iter().flat_map(|row| DIALECTS.iter().map(|it| auth::words(*row, *it)));
    words.into_iter().any(|it| it.code == code)
}

/// The message of a refusal, without what it may repeat of the request: the string to sign, the
/// canonical request, the header, a claimed key id that may be a secret.
pub(super) fn refusal(message: &str, claimed: Option<&str>) -> String {
    let ends = message.find('\n').into_iter().chain(message.find("Authorization="));
    let end = ends.min().unwrap_or(message.len());
    let mut shown = message.get(..end).unwrap_or_default().trim_end().to_owned();
    if let Some(claimed) = claimed.filter(|it| !it.is_empty()) {
        shown = shown.replace(claimed, &shown_key(claimed));
    }
    hide::text(&shown)
}

/// The shortest access key id of AWS, in characters.
const KEY_ID_MIN: usize = 16;

/// The longest access key id of AWS, in characters.
const KEY_ID_MAX: usize = 128;

/// Failures that are about who calls, of those that `wire` can word.
const REFUSALS: &[auth::Failure] = &[
    auth::Failure::HeadersNotSigned,
    auth::Failure::MalformedHeader,
    auth::Failure::MalformedQuery,
    auth::Failure::Missing,
    auth::Failure::PresignedExpired,
    auth::Failure::Scope,
    auth::Failure::Skewed,
    auth::Failure::TokenExpired,
    auth::Failure::TokenInvalid,
    auth::Failure::UnknownKey,
    auth::Failure::WrongSignature,
];

const DIALECTS: [Dialect; 5] =
    [Dialect::Json, Dialect::Query, Dialect::Ec2, Dialect::RestJson, Dialect::S3];

/// Words of messages that say that a caller was not believed, where the code alone does not.
const REFUSED: &[&str] =
    &["signature", "access key", "no such key", "expired", "not yet valid", "not signed"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(claimed: &str, expected: &str) {
        assert_eq!(shown_key(claimed), expected);
    }

    #[test]
    fn a_claimed_key_id_that_looks_like_one_is_shown() {
        check("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE");
        check(&"A".repeat(128), &"A".repeat(128));
    }

    #[test]
    fn a_secret_in_the_place_of_the_key_id_is_hidden() {
        check("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", HIDDEN);
        check("hunter2", HIDDEN);
        check(&"A".repeat(129), HIDDEN);
        check("", HIDDEN);
    }
}
