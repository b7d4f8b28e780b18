//! Numbers in text formats, in their one canonical spelling.

/// Reads a decimal number without sign, spaces or leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_canonical { text.parse().ok() } else { None }
}
