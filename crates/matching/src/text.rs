//! Selectors in the shapes in which people have them at hand.

use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::Given;

/// Why a text holds no selectors.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// JSON, but not of selectors.
    #[error(
        "neither event selectors nor advanced event selectors: expected a list of objects with \
         `FieldSelectors`, or with `ReadWriteType`, `IncludeManagementEvents`, `DataResources` or \
         `ExcludeManagementEventSources`, or an object with `EventSelectors` or \
         `AdvancedEventSelectors`"
    )]
    NotSelectors,
    /// A member is not of its type.
    #[error("a member of the selectors is not of its type: {0}")]
    Member(serde_json::Error),
    /// Not JSON.
    #[error("not JSON: {0}")]
    Syntax(serde_json::Error),
    /// Longer than 1 MiB.
    #[error("longer than {MAX_BYTES} bytes")]
    TooLong,
    /// A member that selectors do not have.
    #[error("`{0}` is not a member of selectors")]
    Unknown(String),
}

/// The longest text that is read.
const MAX_BYTES: usize = 1 << 20;

/// Reads selectors: the list that the AWS CLI takes as `--event-selectors` or
/// `--advanced-event-selectors`, one selector of such a list, or an object that has the lists as
/// members (a request, what `get-event-selectors` prints, `requestParameters` of the record of
/// either). Names of members may begin with a small letter, as they do in records.
///
/// Whether the selectors obey the rules is for [`Selectors::parse`](crate::Selectors::parse).
///
/// # Errors
/// [`Unreadable`] says what is wrong.
pub fn read(text: &str) -> Result<Given, Unreadable> {
    if text.len() > MAX_BYTES {
        return Err(Unreadable::TooLong);
    }
    let value = capitalise(serde_json::from_str(text).map_err(Unreadable::Syntax)?);
    let has = |value: &Value, names: &[&str]| names.iter().any(|it| value.get(it).is_some());
    let given = if has(&value, &["AdvancedEventSelectors", "EventSelectors"]) {
        value
    } else {
        let list = if value.is_object() { Value::Array(vec![value]) } else { value };
        let any = |names| list.as_array().is_some_and(|it| it.iter().any(|it| has(it, names)));
        let name = match (any(&ADVANCED), any(&BASIC)) {
            (true, _) => "AdvancedEventSelectors",
            (false, true) => "EventSelectors",
            (false, false) => return Err(Unreadable::NotSelectors),
        };
        Value::Object(Map::from_iter([(name.to_owned(), list)]))
    };
    for (list, members) in [("AdvancedEventSelectors", &ADVANCED[..]), ("EventSelectors", &BASIC)] {
        let selectors = given.get(list).and_then(Value::as_array).into_iter().flatten();
        let mut names = selectors.filter_map(Value::as_object).flat_map(Map::keys);
        if let Some(other) = names.find(|it| !members.contains(&it.as_str())) {
            return Err(Unreadable::Unknown(other.clone()));
        }
    }
    Given::deserialize(given).map_err(Unreadable::Member)
}

/// Members of an [`AdvancedEventSelector`](crate::given::AdvancedEventSelector).
const ADVANCED: [&str; 2] = ["FieldSelectors", "Name"];

/// Members of an [`EventSelector`](crate::given::EventSelector).
const BASIC: [&str; 4] =
    ["DataResources", "ExcludeManagementEventSources", "IncludeManagementEvents", "ReadWriteType"];

/// Begins the name of every member with a capital. As deep as `serde_json` reads.
fn capitalise(value: Value) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(capitalise).collect(),
        Value::Object(members) => {
            let capital = |mut name: String| {
                if let Some(first) = name.get_mut(..1) {
                    first.make_ascii_uppercase();
                }
                name
            };
            let members = members.into_iter().map(|(name, it)| (capital(name), capitalise(it)));
            Value::Object(members.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, advanced: usize, basic: usize) {
        let given = read(text).unwrap();
        let count = |it: Option<usize>| it.unwrap_or_default();
        assert_eq!(count(given.advanced_event_selectors.map(|it| it.len())), advanced);
        assert_eq!(count(given.event_selectors.map(|it| it.len())), basic);
    }

    #[test]
    fn a_list_a_selector_and_a_request_are_read() {
        let field = r#"{"Field":"eventCategory","Equals":["Data"]}"#;
        check(&format!(r#"[{{"FieldSelectors":[{field}]}},{{"FieldSelectors":[]}}]"#), 2, 0);
        check(&format!(r#"{{"Name":"n","FieldSelectors":[{field}]}}"#), 1, 0);
        check(r#"[{"ReadWriteType":"All"}]"#, 0, 1);
        check(r#"{"TrailARN":"arn","EventSelectors":[{"DataResources":[]}]}"#, 0, 1);
        check(r#"{"trailName":"t","eventSelectors":[{"readWriteType":"All"}]}"#, 0, 1);
        check(r#"{"EventSelectors":null,"AdvancedEventSelectors":[{"Name":""}]}"#, 1, 0);
    }

    #[test]
    fn members_of_records_begin_with_a_small_letter() {
        let given = read(r#"[{"dataResources":[{"type":"T","values":["v"]}]}]"#).unwrap();
        let resources = given.event_selectors.unwrap().remove(0).data_resources.unwrap();
        assert_eq!(resources[0].r#type.as_deref(), Some("T"));
        assert_eq!(resources[0].values.as_deref(), Some(&["v".to_owned()][..]));
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(matches!(read("{"), Err(Unreadable::Syntax(_))));
        assert!(matches!(read("[]"), Err(Unreadable::NotSelectors)));
        assert!(matches!(read(r#"{"source":["aws.s3"]}"#), Err(Unreadable::NotSelectors)));
        assert!(matches!(read(r#"[{"ReadWriteType":1}]"#), Err(Unreadable::Member(_))));
        let text = r#"[{"ReadWriteType":"All","ReadWrite":"All"}]"#;
        assert!(matches!(read(text), Err(Unreadable::Unknown(name)) if name == "ReadWrite"));
        assert!(matches!(read(&" ".repeat(MAX_BYTES + 1)), Err(Unreadable::TooLong)));
    }
}
