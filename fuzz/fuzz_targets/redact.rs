//! Redaction: a secret goes, whatever stands beside it and however it is wrapped.
#![no_main]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use record::redact::{NoRules, redact, redact_text};
use serde_json::{Value, json};

const CANARY: &str = "c4n4ry-Zx81";

fuzz_target!(|text: &str| {
    let _ = redact_text(text);
    if let Ok(mut value) = serde_json::from_str::<Value>(text) {
        let _ = redact(&mut value, &NoRules);
    }
    if text.contains(CANARY) {
        return;
    }
    let secret = json!({"note": text, "masterUserPassword": CANARY, (text): [{"apiKey": CANARY}]});
    let inside = secret.to_string();
    let base64 = STANDARD.encode(&inside);
    let wrapped = json!({"body": inside, "form": format!("a={base64}"), "base64": base64});
    for mut value in [secret, json!({"body": wrapped.to_string()}), wrapped] {
        let gave_up = redact(&mut value, &NoRules).is_err();
        let shown = value.to_string();
        assert!(gave_up || !shown.contains(CANARY), "{shown}");
    }
});
