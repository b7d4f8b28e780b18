//! An event as `LookupEvents` shows it: a few members beside the record's text.

use lake::{Resource, Row, resources};
use record::{Record, parse};
use serde_json::{Map, Value, json};

/// The event of a row. A record that cannot be read any more shows its text alone.
pub(super) fn event(row: &Row) -> Value {
    let text = String::from_utf8_lossy(&row.record);
    let mut event = match parse(&row.record) {
        Ok(record) => members(&record),
        Err(_) => Map::new(),
    };
    event.insert("EventTime".to_owned(), json!(seconds(row.place.event_time_us)));
    event.insert("CloudTrailEvent".to_owned(), Value::from(text));
    Value::Object(event)
}

fn members(record: &Record<'_>) -> Map<String, Value> {
    let texts = [
        ("EventId", record.event_id()),
        ("EventName", record.event_name()),
        ("ReadOnly", record.read_only().map(|it| if it { "true" } else { "false" }.into())),
        ("AccessKeyId", record.access_key_id().filter(|it| !it.is_empty())),
        ("EventSource", record.event_source()),
        ("Username", record.username()),
    ];
    let mut event: Map<String, Value> = texts
        .into_iter()
        .filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?))))
        .collect();
    let resources = resources(record).iter().map(resource).collect();
    event.insert("Resources".to_owned(), resources);
    event
}

fn resource(resource: &Resource<'_>) -> Value {
    let mut shown = Map::new();
    if let Some(kind) = &resource.kind {
        shown.insert("ResourceType".to_owned(), json!(kind));
    }
    if let Some(arn) = &resource.name {
        // Buckets are shown by name, everything else by ARN, as AWS does.
        let name = arn.strip_prefix("arn:aws:s3:::").filter(|it| !it.contains('/')).unwrap_or(arn);
        shown.insert("ResourceName".to_owned(), json!(name));
    }
    Value::Object(shown)
}

/// Epoch seconds; whole numbers where there is no fraction.
fn seconds(us: i64) -> Value {
    if us % 1_000_000 == 0 { json!(us / 1_000_000) } else { json!(us as f64 / 1e6) }
}
