//! Nothing secret gets past here: the seam to `record`'s redaction.
//!
//! Lives here: joining the rules of `record` with the sensitive paths of `wire`, and what is never
//! kept of a request whatever its service: signatures, tokens, keys of the customer's.
//! Lives elsewhere: the rules themselves (`record::redact`), the paths (`wire::sensitive`).

use std::borrow::Cow;

use record::redact::{NoRules, Rules, redact, redact_text};
use serde_json::{Map, Value, json};
use wire::sensitive::Sensitive;

pub(super) use record::redact::HIDDEN;

/// Hides what the rules of the service and those by name and value say.
pub(super) fn value(value: &mut Value, rules: &Sensitive) {
    by(value, rules);
}

/// Hides by the rules of name and value alone.
pub(super) fn unknown(value: &mut Value) {
    by(value, &NoRules);
}

/// What cannot be looked through is not kept: neither as it is nor in silence.
fn by(value: &mut Value, rules: &dyn Rules) {
    if redact(value, rules).is_err() {
        *value = json!({ "omitted": true, "reason": "redaction failed" });
    }
}

/// A text without what looks like a secret, and of bounded length. Bounded last: half a secret looks
/// like none.
pub(super) fn text(text: &str) -> String {
    match redact_text(bounded(text, READ_MAX)) {
        Cow::Borrowed(text) => bounded(text, TEXT_MAX).to_owned(),
        Cow::Owned(text) => bounded(&text, TEXT_MAX).to_owned(),
    }
}

/// A path as sent, without what looks like a secret in it: what the rule finds in its decoded form
/// stands in the encoded one too, and then only the decoded one is kept.
pub(super) fn path(path: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    match redact_text(bounded(&decoded, READ_MAX)) {
        Cow::Borrowed(_) => text(path),
        Cow::Owned(shown) => bounded(&shown, TEXT_MAX).to_owned(),
    }
}

/// A text that is shown as it is, of a length that suits a word.
pub(super) fn word(text: &str) -> &str {
    bounded(text, WORD_MAX)
}

/// The beginning of a text, of `max` bytes at most.
pub(super) fn bounded(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

/// Whether a query parameter or a header carries a signature, a credential or a key: such a one is
/// never kept, not even as a marker. `name` in lower case.
pub(super) fn is_credential(name: &str) -> bool {
    matches!(
        name,
        "authorization"
            | "awsaccesskeyid"
            | "cookie"
            | "proxy-authorization"
            | "signature"
            | "x-amz-credential"
            | "x-amz-s3session-token"
            | "x-amz-security-token"
            | "x-amz-signature"
    ) || name.contains("-customer-key") && !name.contains("-customer-algorithm")
}

/// Removes the members that sign the call, which a query service finds among its parameters.
pub(super) fn signature(members: &mut Map<String, Value>) {
    members.retain(|name, _| !is_credential(&name.to_ascii_lowercase()));
}

/// The longest text of a stranger's that is kept, in bytes: what CloudTrail allows most fields.
const TEXT_MAX: usize = 1024;

/// The longest text of a stranger's that is looked through, in bytes.
const READ_MAX: usize = 1 << 16;

/// The longest word of a stranger's that is kept, in bytes.
const WORD_MAX: usize = 32;
