//! Selectors evaluated one by one and member by member, as their documentation reads. Slow, and
//! the measure of the engine.

use serde_json::Value;

use crate::{
    AdvancedEventSelector, DataResource, EventSelector, Field, FieldSelector, ReadWriteType,
    Selectors,
};

/// Whether the selectors choose a record.
pub(crate) fn chooses(selectors: &Selectors, record: &Value) -> bool {
    match selectors {
        Selectors::Advanced(selectors) => selectors.iter().any(|it| advanced(it, record)),
        Selectors::Basic(selectors) => selectors.iter().any(|it| basic(it, record)),
    }
}

fn basic(selector: &EventSelector, record: &Value) -> bool {
    let read_or_write = match selector.read_write_type {
        ReadWriteType::All => true,
        ReadWriteType::ReadOnly => flag(&record["readOnly"]),
        ReadWriteType::WriteOnly => !flag(&record["readOnly"]),
    };
    let source = record["eventSource"].as_str().unwrap_or_default();
    read_or_write
        && match category(record).as_str() {
            "Management" => {
                selector.include_management_events
                    && !selector.exclude_management_event_sources.iter().any(|it| it == source)
            }
            "Data" => selector.data_resources.iter().any(|it| data(it, record)),
            _ => false,
        }
}

fn data(wanted: &DataResource, record: &Value) -> bool {
    resources(record).any(|resource| {
        resource["type"].as_str() == Some(&wanted.r#type)
            && wanted.values.iter().any(|value| {
                let arn = arn(resource).unwrap_or_default();
                match value.split(':').skip(2).collect::<Vec<_>>()[..] {
                    ["s3" | "lambda" | "dynamodb"] | ["s3", "", "", ""] => true,
                    _ if wanted.r#type == "AWS::S3::Object" => arn.starts_with(value.as_str()),
                    _ => arn == value,
                }
            })
    })
}

fn advanced(selector: &AdvancedEventSelector, record: &Value) -> bool {
    let on_type = selector.field_selectors.iter().find(|it| it.field == Field::ResourceType);
    selector.field_selectors.iter().all(|it| field(it, &values(it.field, on_type, record)))
}

fn field(selector: &FieldSelector, values: &[String]) -> bool {
    let FieldSelector { equals, starts_with, ends_with, .. } = selector;
    let FieldSelector { not_equals, not_starts_with, not_ends_with, .. } = selector;
    let some = |list: &[String], fits: fn(&str, &str) -> bool| {
        list.iter().any(|text| values.iter().any(|value| fits(value, text)))
    };
    let selects = !equals.is_empty() || !starts_with.is_empty() || !ends_with.is_empty();
    let selected = some(equals, |value, text| value == text)
        || some(starts_with, |value, text| value.starts_with(text))
        || some(ends_with, |value, text| value.ends_with(text));
    let deselected = some(not_equals, |value, text| value == text)
        || some(not_starts_with, |value, text| value.starts_with(text))
        || some(not_ends_with, |value, text| value.ends_with(text));
    (!selects || selected) && !deselected
}

fn values(field: Field, on_type: Option<&FieldSelector>, record: &Value) -> Vec<String> {
    let text = |it: &Value| it.as_str().map(str::to_owned).into_iter().collect();
    match field {
        Field::EventCategory => vec![category(record)],
        Field::ReadOnly => vec![flag(&record["readOnly"]).to_string()],
        Field::SessionCredentialFromConsole => {
            vec![flag(&record["sessionCredentialFromConsole"]).to_string()]
        }
        Field::UserIdentityArn => text(&record["userIdentity"]["arn"]),
        Field::ResourceType => {
            resources(record).filter_map(|it| Some(it["type"].as_str()?.to_owned())).collect()
        }
        Field::ResourceArn => {
            let kind = |it: &Value| it["type"].as_str().map(str::to_owned);
            let wanted = |it: &&Value| {
                let kind: Vec<_> = kind(it).into_iter().collect();
                on_type.is_none_or(|on_type| field_selects(on_type, &kind))
            };
            let wanted = resources(record).filter(wanted);
            wanted.filter_map(|it| Some(arn(it)?.to_owned())).collect()
        }
        Field::ErrorCode
        | Field::EventName
        | Field::EventSource
        | Field::EventType
        | Field::VpcEndpointId => text(&record[field.as_str()]),
    }
}

/// Whether the values pass what a field selector selects, whatever it deselects.
fn field_selects(selector: &FieldSelector, values: &[String]) -> bool {
    let mut selects = selector.clone();
    selects.not_equals.clear();
    selects.not_starts_with.clear();
    selects.not_ends_with.clear();
    field(&selects, values)
}

fn category(record: &Value) -> String {
    let text = record.to_string();
    record::parse(text.as_bytes()).unwrap().category().as_str().to_owned()
}

fn resources(record: &Value) -> impl Iterator<Item = &Value> {
    record["resources"].as_array().into_iter().flatten().filter(|it| it.is_object())
}

fn arn(resource: &Value) -> Option<&str> {
    ["ARN", "arn", "ARNPrefix"].into_iter().find_map(|name| resource[name].as_str())
}

/// Old and hand-made records have texts for booleans.
fn flag(value: &Value) -> bool {
    value == &Value::Bool(true) || value == "true"
}
