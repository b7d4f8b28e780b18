//! CloudTrail's sizes, and how an object is made to fit.
//!
//! CloudTrail leaves out the whole of what is too large, which has been used to hide what a call
//! did: a policy is padded with blanks until nobody sees it. So blanks that mean nothing go first,
//! then the longest texts are shortened; what is left is marked as CloudTrail marks it, and a hash
//! of the full text lets somebody who has it prove that it is the one.
//!
//! Start at [`fit`].
//! Spec: CloudTrail User Guide, "CloudTrail record contents", sizes of fields.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::hide;

/// Bytes of a text member, such as `userAgent` or `errorMessage`.
pub(super) const TEXT_MAX: usize = 1024;

/// Bytes of `requestParameters`, `responseElements` and `serviceEventDetails`, each.
pub(super) const OBJECT_MAX: usize = 100 * 1024;

/// Bytes of `additionalEventData`.
pub(super) const ADDITIONAL_MAX: usize = 28 * 1024;

/// Makes an object fit into `max` bytes. `name` is what the record calls it.
pub(super) fn fit(value: &mut Value, name: &str, max: usize) {
    let full = text_of(value);
    if full.len() <= max {
        return;
    }
    each_text(value, &|text| {
        if let Some(shorter) = without_blanks(text) {
            *text = shorter;
        }
    });
    if text_of(value).len() <= max {
        return;
    }
    let mark = mark(name, &full);
    // Room for the mark itself.
    let max = max.saturating_sub(MARK_MAX);
    for longest in SHORTENED {
        each_text(value, &|text| shorten(text, *longest));
        if text_of(value).len() <= max {
            return put_mark(value, mark);
        }
    }
    // Nothing but very many members is left: the outermost plain ones name what the call was about.
    if let Value::Object(members) = value {
        members.retain(|_, it| !it.is_array() && !it.is_object());
    }
    if text_of(value).len() > max {
        *value = json!({});
    }
    put_mark(value, mark);
}

fn mark(name: &str, full: &[u8]) -> Map<String, Value> {
    let hash = hex::encode(digest(&SHA256, full));
    Map::from_iter([
        ("omitted".to_owned(), json!(true)),
        ("originalSize".to_owned(), json!(full.len())),
        ("reason".to_owned(), json!(format!("{name} too large"))),
        ("sha256".to_owned(), json!(hash)),
    ])
}

fn put_mark(value: &mut Value, mark: Map<String, Value>) {
    match value {
        Value::Object(members) => members.extend(mark),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            *value = Value::Object(mark);
        }
    }
}

/// The bytes that the value will have in a record.
fn text_of(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("a value has texts as keys and no NaN")
}

/// Applies `to` to every text within a value.
fn each_text(value: &mut Value, to: &dyn Fn(&mut String)) {
    match value {
        Value::String(text) => to(text),
        Value::Array(elements) => elements.iter_mut().for_each(|it| each_text(it, to)),
        Value::Object(members) => members.values_mut().for_each(|it| each_text(it, to)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A JSON document, such as a policy, without the blanks between its parts; of any other long text
/// runs of blanks become one.
fn without_blanks(text: &str) -> Option<String> {
    if text.len() < BLANKS_MIN {
        return None;
    }
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        return Some(document.to_string());
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    Some(words.join(" "))
}

fn shorten(text: &mut String, longest: usize) {
    if text.len() > longest {
        let kept = hide::bounded(text, longest).len();
        text.truncate(kept);
        text.push_str(SHORTER);
    }
}

/// What stands where a text was cut.
const SHORTER: &str = "…";

/// To how many bytes the longest texts are cut, in this order, until the object fits.
const SHORTENED: &[usize] = &[32 << 10, 8 << 10, 2 << 10, 512, 128];

/// Texts shorter than this are left as they are.
const BLANKS_MIN: usize = 256;

/// Bytes that the mark may take.
const MARK_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(mut value: Value) -> Value {
        fit(&mut value, "requestParameters", OBJECT_MAX);
        assert!(text_of(&value).len() <= OBJECT_MAX);
        value
    }

    #[test]
    fn what_fits_stays() {
        let value = json!({"a": "  b  ".repeat(100)});
        assert_eq!(fitted(value.clone()), value);
    }

    #[test]
    fn a_policy_padded_with_blanks_is_shown_without_them() {
        let policy = format!("{{\"Effect\":{}\"Allow\"}}", " ".repeat(120 * 1024));
        assert_eq!(
            fitted(json!({"roleName": "r", "policyDocument": policy})),
            json!({"roleName": "r", "policyDocument": "{\"Effect\":\"Allow\"}"})
        );
    }

    #[test]
    fn the_longest_texts_are_cut_and_the_cut_is_marked() {
        let fitted = fitted(json!({"name": "n", "text": "x".repeat(200_000)}));
        assert_eq!(fitted["name"], "n");
        assert_eq!(fitted["omitted"], true);
        assert_eq!(fitted["reason"], "requestParameters too large");
        assert_eq!(fitted["originalSize"], 200_022);
        assert_eq!(fitted["sha256"].as_str().unwrap().len(), 64);
        assert!(fitted["text"].as_str().unwrap().len() > 30_000);
    }

    #[test]
    fn of_very_many_members_the_outermost_plain_ones_stay() {
        let many: Vec<Value> = (0..50_000).map(|it| json!({ "number": it })).collect();
        let fitted = fitted(json!({"tableName": "t", "items": many}));
        assert_eq!(fitted["tableName"], "t");
        assert_eq!(fitted["omitted"], true);
        assert_eq!(fitted.get("items"), None);
    }
}
