//! Values that are secrets whatever they are called: keys, tokens, signatures in free text.

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use aho_corasick::AhoCorasick;

use super::{HIDDEN, names::is_secret_name};

/// Replaces what looks like a secret in a text by [`HIDDEN`]; the rest of the text stays.
///
/// Found are private key blocks, JSON Web Tokens, passwords in URLs, tokens with the prefixes of
/// well-known vendors, secret access keys beside an access key id, and parameters (`name=value`) and
/// members (`"name":"value"`) whose name is that of a secret or a signature. Linear in the text.
#[must_use]
pub fn redact_text(text: &str) -> Cow<'_, str> {
    let mut search = Search { text, hidden: Vec::new(), seen: [0; Kind::COUNT] };
    for found in TRIGGERS.find_iter(text) {
        if let Some((_, kind)) = WORDS.get(found.pattern().as_usize()) {
            search.look(*kind, found.start(), found.end());
        }
    }
    if search.hidden.is_empty() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(without(text, search.hidden))
    }
}

/// What a trigger may be the beginning of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    KeyId,
    Member,
    Parameter,
    PrivateKey,
    UserInfo,
    VendorToken,
    WebToken,
}

impl Kind {
    const COUNT: usize = Self::WebToken as usize + 1;
}

/// One pass over a text.
struct Search<'a> {
    text: &'a str,
    hidden: Vec<Range<usize>>,
    /// Of each kind, how far the text was looked at. A trigger before that belongs to what was found
    /// or rejected there, and is passed over: so every byte is looked at once for each kind.
    seen: [usize; Kind::COUNT],
}

impl Search<'_> {
    fn look(&mut self, kind: Kind, start: usize, end: usize) {
        let Some(seen) = self.seen.get_mut(kind as usize) else { return };
        if start < *seen {
            return;
        }
        let (found, upto) = match kind {
            Kind::KeyId => {
                self.hidden.extend(secret_keys(self.text));
                // Once is enough for the whole text.
                (None, usize::MAX)
            }
            Kind::Member => member(self.text, start, end),
            Kind::Parameter => parameter(self.text, start),
            Kind::PrivateKey => private_key(self.text, start, end),
            Kind::UserInfo => user_info(self.text, end),
            Kind::VendorToken => vendor_token(self.text, start, end),
            Kind::WebToken => web_token(self.text, start),
        };
        *seen = upto;
        self.hidden.extend(found);
    }
}

/// What to hide, and how far was looked.
type Found = (Option<Range<usize>>, usize);

fn without(text: &str, mut hidden: Vec<Range<usize>>) -> String {
    hidden.sort_by_key(|range| (range.start, range.end));
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for range in hidden {
        if range.end <= at {
            continue;
        }
        if range.start >= at {
            shown.push_str(text.get(at..range.start).unwrap_or_default());
            shown.push_str(HIDDEN);
        }
        at = range.end;
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    shown
}

/// `-----BEGIN … PRIVATE KEY-----` to its end, or to the end of the text. The trigger is `BEGIN `.
fn private_key(text: &str, begin: usize, end: usize) -> Found {
    let Some(start) = begin.checked_sub(5).filter(|at| text.get(*at..begin) == Some("-----"))
    else {
        return (None, end);
    };
    let block = text.get(end..).unwrap_or_default();
    let head = block.get(..block.floor_char_boundary(64)).unwrap_or_default();
    if !head.contains("PRIVATE KEY") {
        return (None, end);
    }
    let close = memchr::memmem::find(block.as_bytes(), b"-----END").and_then(|at| {
        let at = at + 8;
        Some(at + memchr::memmem::find(block.as_bytes().get(at..)?, b"-----")? + 5)
    });
    let stop = end + close.unwrap_or(block.len());
    (Some(start..stop), stop)
}

/// `eyJ….….…`: header, payload and signature in base64url.
fn web_token(text: &str, start: usize) -> Found {
    let header = run(text, start, is_base64url);
    if header - start < 8 || text.as_bytes().get(header) != Some(&b'.') {
        return (None, header);
    }
    let payload = run(text, header + 1, is_base64url);
    if payload - header < 5 {
        return (None, header);
    }
    let is_signed = text.as_bytes().get(payload) == Some(&b'.');
    let end = if is_signed { run(text, payload + 1, is_base64url) } else { payload };
    (Some(start..end), end)
}

/// What stands between `://` and `@`.
fn user_info(text: &str, start: usize) -> Found {
    let end =
        run(text, start, |byte| !matches!(byte, b'/' | b'?' | b'#' | b'@' | b'"' | b' ' | b'\n'));
    let is_there = text.as_bytes().get(end) == Some(&b'@') && end > start;
    (is_there.then_some(start..end), end)
}

/// The value of `name=value` whose name is that of a secret. `at` is the equals sign.
fn parameter(text: &str, at: usize) -> Found {
    if !is_secret_before(text, at) {
        return (None, at + 1);
    }
    let start = at + 1;
    let end = run(text, start, |byte| {
        !matches!(
            byte,
            b'&' | b'"' | b'\'' | b' ' | b'\n' | b'\r' | b'\t' | b'<' | b'>' | b',' | b';'
        )
    });
    ((end > start).then_some(start..end), end)
}

/// The value of `"name":"value"` whose name is that of a secret, also where the quotes are escaped,
/// as in JSON inside JSON inside JSON. The trigger is `":`.
fn member(text: &str, quote: usize, end: usize) -> Found {
    let is_escape = |byte: u8| byte == b'\\';
    let escapes =
        text.as_bytes().get(..quote).into_iter().flatten().rev().take_while(|it| is_escape(**it));
    let name_end = quote - escapes.take(ESCAPES_MAX).count();
    if !is_secret_before(text, name_end) {
        return (None, end);
    }
    let start = run(text, end, |byte| byte.is_ascii_whitespace());
    let quoted = run(text, start, is_escape);
    let (start, stop) = if text.as_bytes().get(quoted) == Some(&b'"') {
        (quoted + 1, run(text, quoted + 1, |byte| !matches!(byte, b'"' | b'\\')))
    } else {
        (start, run(text, start, |byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)))
    };
    let is_empty = stop == start || text.get(start..stop) == Some("null");
    ((!is_empty).then_some(start..stop), stop)
}

/// Whether the name that ends at `end` is that of a secret or of a signature.
fn is_secret_before(text: &str, end: usize) -> bool {
    let belongs =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'%');
    let before = text.as_bytes().get(..end).unwrap_or_default();
    let length = before.iter().rev().take(NAME_MAX).take_while(|byte| belongs(byte)).count();
    let name = text.get(end - length..end).unwrap_or_default();
    length > 0
        && (SIGNATURES.iter().any(|it| it.eq_ignore_ascii_case(name)) || is_secret_name(name))
}

/// A prefix that only tokens have, and enough behind it.
fn vendor_token(text: &str, start: usize, end: usize) -> Found {
    let before = start.checked_sub(1).and_then(|it| text.as_bytes().get(it));
    if before.is_some_and(u8::is_ascii_alphanumeric) {
        return (None, end);
    }
    let stop = run(text, end, is_base64url);
    ((stop - end >= 16).then_some(start..stop), stop)
}

/// Runs of exactly forty characters of base64, as secret access keys are.
fn secret_keys(text: &str) -> Vec<Range<usize>> {
    let is_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+');
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let end = run(text, at, is_key);
        if end - at == 40 {
            found.push(at..end);
        }
        at = end + 1;
    }
    found
}

/// Where a run of such bytes that begins at `start` ends. Only ASCII bytes may stop it elsewhere
/// than at the end of a character, so the place is one to cut at.
fn run(text: &str, start: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    start.min(text.len()) + rest.iter().take_while(|byte| belongs(**byte)).count()
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=')
}

/// Parameters that sign a request.
const SIGNATURES: [&str; 5] =
    ["X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Credential", "Signature", "sig"];

/// Longer names of parameters are looked at from their end.
const NAME_MAX: usize = 64;

/// More backslashes before a quote are no escaping.
const ESCAPES_MAX: usize = 16;

/// What a secret may begin with. No word begins inside another, so that none is missed.
const WORDS: [(&str, Kind); 23] = [
    ("BEGIN ", Kind::PrivateKey),
    ("eyJ", Kind::WebToken),
    ("://", Kind::UserInfo),
    ("AKIA", Kind::KeyId),
    ("ASIA", Kind::KeyId),
    ("=", Kind::Parameter),
    ("\":", Kind::Member),
    ("ghp_", Kind::VendorToken),
    ("gho_", Kind::VendorToken),
    ("ghu_", Kind::VendorToken),
    ("ghs_", Kind::VendorToken),
    ("ghr_", Kind::VendorToken),
    ("github_pat_", Kind::VendorToken),
    ("xoxb-", Kind::VendorToken),
    ("xoxp-", Kind::VendorToken),
    ("xoxa-", Kind::VendorToken),
    ("xoxr-", Kind::VendorToken),
    ("xoxs-", Kind::VendorToken),
    ("sk_live_", Kind::VendorToken),
    ("rk_live_", Kind::VendorToken),
    ("AIza", Kind::VendorToken),
    ("glpat-", Kind::VendorToken),
    ("npm_", Kind::VendorToken),
];

static TRIGGERS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::new(WORDS.map(|(word, _)| word)).expect("the words are few and short")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(redact_text(text), expected.replace('*', HIDDEN));
    }

    #[test]
    fn secrets_in_free_text_are_hidden_and_the_rest_stays() {
        check("a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- b", "a * b");
        check("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln end", "token * end");
        check("postgres://app:hunter2@db/x", "postgres://*@db/x");
        check("key ghp_0123456789abcdefghij!", "key *!");
        check("/b/k?X-Amz-Signature=abc&x=1", "/b/k?X-Amz-Signature=*&x=1");
        check(
            "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AKIAIOSFODNN7EXAMPLE *",
        );
        check("password=hunter2, please", "password=*, please");
        check(
            r#"cannot read {"password":"hunter2", "a":1}"#,
            r#"cannot read {"password":"*", "a":1}"#,
        );
        check(r#"{\\\"apiKey\\\": \\\"k\\\"}"#, r#"{\\\"apiKey\\\": \\\"*\\\"}"#);
        check("sig=a-----BEGIN PRIVATE KEY-----\nMII", "sig=*");
    }

    #[test]
    fn ordinary_text_stays() {
        for text in [
            "User: arn:aws:iam::123456789012:user/mira is not authorized to perform: s3:GetObject",
            "aws-cli/2.22.1 md/awscrt#0.23.4 ua/2.0 os/linux md/arch#x86_64",
            "https://sqs.us-east-1.amazonaws.com/123456789012/queue?marker=1",
            "eyJ is short",
            "a=b",
            "",
        ] {
            check(text, text);
        }
    }
}
