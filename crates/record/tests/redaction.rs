//! Secrets go, whatever they are wrapped in; names and identifiers stay.
#![allow(clippy::unwrap_used, reason = "tests may fail")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use trailmark_record::redact::{
    Decision, HIDDEN, NoRules, Rules, Step, is_secret_name, redact, redact_text,
};

const CANARY: &str = "c4n4ry-Zx81";

/// Names under which secrets travel.
const SECRET_NAMES: [&str; 60] = [
    "password",
    "masterUserPassword",
    "MasterPassword",
    "newPassword",
    "oldPassword",
    "temporary_password",
    "db-passwd",
    "passphrase",
    "secretAccessKey",
    "aws_secret_access_key",
    "secretKey",
    "clientSecret",
    "client_secret",
    "appSecret",
    "sharedSecret",
    "secretString",
    "secretBinary",
    "secretToken",
    "privateKey",
    "private_key",
    "certificatePrivateKey",
    "authToken",
    "auth-token",
    "accessToken",
    "access_token",
    "refreshToken",
    "refresh_token",
    "idToken",
    "bearerToken",
    "sessionToken",
    "session_token",
    "securityToken",
    "x-amz-security-token",
    "apiKey",
    "api_key",
    "x-api-key",
    "authKey",
    "authCode",
    "oauthToken",
    "oauth",
    "credential",
    "credentials",
    "credentialValue",
    "kdcAdminPassword",
    "preSharedKey",
    "pre_shared_key",
    "userData",
    "plaintext",
    "zipFile",
    "licenseKey",
    "connectionString",
    "jwt",
    "assertion",
    "SAMLAssertion",
    "webIdentityToken",
    "base32StringSeed",
    "qrCodePNG",
    "otp",
    "mfaCode",
    "pin",
];

/// Names of what an investigator needs.
const PLAIN_NAMES: [&str; 32] = [
    "nextToken",
    "clientRequestToken",
    "clientToken",
    "continuationToken",
    "paginationToken",
    "marker",
    "idempotencyToken",
    "secretId",
    "secretArn",
    "secretName",
    "privateKeyId",
    "passwordPolicy",
    "passwordLastUsedDate",
    "accessKeyId",
    "keyId",
    "bucketName",
    "roleArn",
    "userName",
    "tableName",
    "functionName",
    "credentialsExpiration",
    "apiKeyId",
    "authTokenStatus",
    "instanceType",
    "engineVersion",
    "logGroupName",
    "tokenType",
    "passwordLength",
    "secretVersionId",
    "kmsKeyId",
    "credentialId",
    "oauthConfig",
];

#[track_caller]
fn hidden(mut value: Value) {
    redact(&mut value, &NoRules).unwrap();
    let shown = value.to_string();
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(!shown.contains(&STANDARD.encode(CANARY)), "{shown}");
}

fn nest(value: Value, levels: usize) -> Value {
    (0..levels).fold(value, |inner, level| match level % 2 {
        0 => json!({"level": inner, "id": "i-1"}),
        _ => json!([inner, 1]),
    })
}

#[test]
fn every_secret_name_hides_its_value_in_any_spelling_and_wrapping() {
    for name in SECRET_NAMES {
        for name in [name.to_owned(), name.to_uppercase(), name.to_lowercase()] {
            hidden(nest(json!({&name: CANARY}), 20));
            hidden(json!({&name: {"a": [CANARY]}}));
            let text = json!({&name: CANARY}).to_string();
            hidden(json!({"body": text}));
            hidden(json!({"body": json!({"input": text}).to_string()}));
            hidden(json!({"body": STANDARD.encode(&text)}));
            hidden(json!({"body": format!("Action=X&{name}={CANARY}&Version=1")}));
            hidden(json!({"note": format!("the server said {name}={CANARY} is wrong")}));
        }
    }
}

#[test]
fn what_names_or_pages_stays() {
    for name in PLAIN_NAMES {
        for name in [name.to_owned(), name.to_uppercase()] {
            let mut value = nest(json!({&name: "value-1"}), 20);
            let before = value.clone();
            redact(&mut value, &NoRules).unwrap();
            assert_eq!(value, before, "{name}");
        }
    }
}

#[test]
fn a_secret_that_is_named_twice_does_not_slip_through() {
    hidden(json!({"body": format!(r#"{{"password":"{CANARY}","password":null}}"#)}));
    hidden(json!({"body": format!(r#"{{"password":"{CANARY}","password":"{HIDDEN}"}}"#)}));
}

#[test]
fn what_holds_no_secret_keeps_its_spelling() {
    let policy = "{ \"Version\": \"2012-10-17\",\n  \"Statement\": [] }";
    let mut value = json!({"policyDocument": policy, "n": 1.50, "form": "a=b&c=d"});
    let before = value.clone();
    redact(&mut value, &NoRules).unwrap();
    assert_eq!(value, before);
}

#[test]
fn a_denied_value_is_replaced_whatever_its_type() {
    struct Lambda;
    impl Rules for Lambda {
        fn decide(&self, path: &[Step<'_>]) -> Option<Decision> {
            match path {
                [Step::Name("Environment")] => Some(Decision::Empty),
                [Step::Name("Code"), Step::Name("ZipFile")] => Some(Decision::Drop),
                [Step::Name("Timeout")] | [Step::Name("Layers"), Step::Element] => {
                    Some(Decision::Deny)
                }
                [Step::Name("MasterPassword")] => Some(Decision::Show),
                _ => None,
            }
        }
    }
    let mut value = json!({
        "Environment": {"Variables": {"A": "b"}},
        "Code": {"ZipFile": "UEs", "S3Bucket": "b"},
        "Timeout": 3,
        "Layers": ["a", {"b": 1}],
        "MasterPassword": {"hint": "see -----BEGIN PRIVATE KEY-----abc", "password": "shown"},
    });
    redact(&mut value, &Lambda).unwrap();
    assert_eq!(
        value,
        json!({
            "Environment": {},
            "Code": {"S3Bucket": "b"},
            "Timeout": HIDDEN,
            "Layers": [HIDDEN, HIDDEN],
            "MasterPassword": {"hint": format!("see {HIDDEN}"), "password": "shown"},
        })
    );
}

#[test]
fn what_is_too_large_is_an_error() {
    assert!(redact(&mut json!(vec![0; 200_000]), &NoRules).is_err());
    assert!(redact(&mut nest(json!(1), 70), &NoRules).is_err());
}

/// A text that is as bad as can be for a search that looks at a byte more than once.
#[track_caller]
fn is_linear(unit: &str) {
    let clock = |length: usize| {
        let text = unit.repeat(length / unit.len());
        (0..3)
            .map(|_| {
                let start = std::time::Instant::now();
                drop(redact_text(&text));
                redact(&mut json!({"text": text}), &NoRules).unwrap();
                start.elapsed()
            })
            .min()
            .unwrap()
    };
    // Sixteen times the text; a quadratic search takes 256 times as long.
    let (small, large) = (clock(1 << 13), clock(1 << 17));
    assert!(
        large < small * 100 + std::time::Duration::from_millis(50),
        "{unit}: {small:?} {large:?}"
    );
}

#[test]
fn hostile_texts_take_no_longer_than_others() {
    for unit in [
        "eyJ",
        "eyJ.",
        "eyJhbGciOiJI.",
        "ghp_",
        "-----BEGIN PRIVATE KEY",
        "-----BEGIN ",
        "://",
        "://a",
        "AKIA",
        "=",
        "sig=",
        "sig=a ",
        "a=",
        "\":",
        "\\\":",
        "password\":",
        "password=",
        "&=",
        "{",
        "[",
        "e",
        "xoxb-----BEGIN ",
        "AKIA ////////////////////////////////////////",
    ] {
        is_linear(unit);
    }
}

proptest! {
    #[test]
    fn a_secret_is_hidden_wherever_it_is_put(
        name in select(SECRET_NAMES.as_slice()),
        flips in prop::collection::vec(any::<bool>(), 32),
        levels in 0_usize..20,
        rest in prop::collection::hash_map("[a-z]{1,8}", ".*", 0..4),
    ) {
        let mixed: String = name
            .chars()
            .zip(flips.iter().cycle())
            .map(|(letter, up)| if *up { letter.to_ascii_uppercase() } else { letter })
            .collect();
        prop_assert!(is_secret_name(&mixed), "{mixed}");
        let mut object = json!(rest);
        object[&mixed] = json!(CANARY);
        let mut value = nest(object, levels);
        redact(&mut value, &NoRules).unwrap();
        prop_assert!(!value.to_string().contains(CANARY));
    }

    #[test]
    fn redacting_twice_changes_nothing_more(text in ".{0,200}") {
        let once = redact_text(&text).into_owned();
        prop_assert_eq!(redact_text(&once).into_owned(), once.clone());
    }

    #[test]
    fn a_vendor_token_is_hidden_in_any_sentence(
        before in "[A-Za-z ,.é]{0,40}",
        prefix in select(["ghp_", "glpat-", "xoxb-", "sk_live_", "AIza", "npm_"].as_slice()),
        token in "[A-Za-z0-9]{20,40}",
        after in "[ ,.;é][A-Za-z ,.é]{0,40}",
    ) {
        let text = format!("{before} {prefix}{token}{after}");
        let shown = redact_text(&text);
        prop_assert!(!shown.contains(&token));
        prop_assert!(shown.ends_with(after.as_str()));
    }
}
