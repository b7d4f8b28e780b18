//! One audit event: checked by AWS's schema, redacted, and made the record that is kept.
//!
//! What is too long is refused, never cut. The members of `eventData` that the schema does not know
//! are kept: audit data is not dropped because we are older than the caller.
//!
//! Spec: CloudTrail User Guide, "CloudTrail Lake integrations event schema".

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use catalog::ChannelArn;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use record::redact::{NoRules, redact, redact_text};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use wire::shapes::cloudtrail_data::AuditEvent;

use super::AuditRecord;

/// Why one event of a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Code {
    AccountNotSubscribed,
    FieldNotFound,
    FieldTooLong,
    InternalFailure,
    InvalidChecksum,
    InvalidData,
    InvalidEventSource,
    InvalidRecipient,
    Throttling,
}

impl Code {
    /// The word as AWS spells it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::AccountNotSubscribed => "AccountNotSubscribed",
            Self::FieldNotFound => "FieldNotFound",
            Self::FieldTooLong => "FieldTooLong",
            Self::InternalFailure => "InternalFailure",
            Self::InvalidChecksum => "InvalidChecksum",
            Self::InvalidData => "InvalidData",
            Self::InvalidEventSource => "InvalidEventSource",
            Self::InvalidRecipient => "InvalidRecipient",
            Self::Throttling => "Throttling",
        }
    }
}

/// A code and a sentence.
pub(super) type Refusal = (Code, String);

/// Makes the record of an event that came by `channel` at `now`.
///
/// # Errors
/// The first rule that the event breaks.
pub(super) fn record(
    event: &AuditEvent,
    channel: &ChannelArn,
    event_id: Uuid,
    now: Timestamp,
) -> Result<AuditRecord, Refusal> {
    let text = event.event_data.as_deref().unwrap_or_default();
    if text.len() > EVENT_MAX {
        return Err((Code::FieldTooLong, format!("eventData is longer than {EVENT_MAX} bytes.")));
    }
    if let Some(wanted) = event.event_data_checksum.as_deref().filter(|it| !it.is_empty())
        && BASE64.encode(digest(&SHA256, text.as_bytes())) != wanted
    {
        let message = "The checksum is not the base64 of the SHA-256 of eventData.";
        return Err((Code::InvalidChecksum, message.to_owned()));
    }
    let Ok(Value::Object(mut data)) = serde_json::from_str(text) else {
        return Err(invalid("eventData is not a JSON object."));
    };
    let time = check(&data, channel)?;
    hide(&mut data)?;
    let record = json!({
        "eventVersion": "1.0",
        "eventCategory": "ActivityAuditLog",
        "eventType": "ActivityLog",
        "eventID": event_id,
        "eventTime": second(time),
        "awsRegion": channel.region,
        "recipientAccountId": channel.account,
        "metadata": { "ingestionTime": second(now), "channelARN": channel.to_string() },
        "eventData": data,
    });
    let body = Bytes::from(record.to_string());
    match record::parse(&body) {
        Ok(_) => Ok(AuditRecord { event_id, body }),
        Err(reason) => Err(invalid(&format!("eventData cannot be kept: {}.", reason.reason))),
    }
}

/// Checks the schema; the time of the event.
fn check(data: &Map<String, Value>, channel: &ChannelArn) -> Result<Timestamp, Refusal> {
    required(data, "version", 256)?;
    let Some(identity) = data.get("userIdentity").filter(|it| !it.is_null()) else {
        return Err(missing("userIdentity"));
    };
    let Value::Object(identity) = identity else {
        return Err(invalid("userIdentity is not an object."));
    };
    required(identity, "type", 128)?;
    required(identity, "principalId", 1024)?;
    sized(identity, "details", DETAILS_MAX)?;
    optional(data, "userAgent", 1024)?;
    let source = required(data, "eventSource", 1024)?;
    if source.ends_with(".amazonaws.com") {
        let message = format!("{source} is a service of AWS, whose events are no audit events.");
        return Err((Code::InvalidEventSource, message));
    }
    required(data, "eventName", 1024)?;
    let time = required(data, "eventTime", 64)?;
    let time = self::time(time)
        .ok_or_else(|| invalid("eventTime is not of the form yyyy-MM-ddTHH:mm:ss in UTC."))?;
    required(data, "UID", 1024)?;
    sized(data, "requestParameters", PARAMETERS_MAX)?;
    sized(data, "responseElements", PARAMETERS_MAX)?;
    optional(data, "errorCode", 256)?;
    optional(data, "errorMessage", 256)?;
    optional(data, "sourceIPAddress", 256)?;
    sized(data, "additionalEventData", ADDITIONAL_MAX)?;
    if required(data, "recipientAccountId", 12)? != channel.account.as_str() {
        let message = "recipientAccountId is not the account of the channel.";
        return Err((Code::InvalidRecipient, message.to_owned()));
    }
    Ok(time)
}

fn required<'a>(of: &'a Map<String, Value>, name: &str, max: usize) -> Result<&'a str, Refusal> {
    optional(of, name, max)?.filter(|it| !it.is_empty()).ok_or_else(|| missing(name))
}

fn optional<'a>(
    of: &'a Map<String, Value>,
    name: &str,
    max: usize,
) -> Result<Option<&'a str>, Refusal> {
    match of.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= max => Ok(Some(text)),
        Some(Value::String(_)) => Err(too_long(name, max, "characters")),
        Some(Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
            Err(invalid(&format!("{name} is not a text.")))
        }
    }
}

/// An object of at most so many bytes as JSON.
fn sized(of: &Map<String, Value>, name: &str, max: usize) -> Result<(), Refusal> {
    match of.get(name) {
        None | Some(Value::Null) => Ok(()),
        Some(value @ Value::Object(_)) if value.to_string().len() <= max => Ok(()),
        Some(Value::Object(_)) => Err(too_long(name, max, "bytes")),
        Some(Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            Err(invalid(&format!("{name} is not an object.")))
        }
    }
}

/// UTC, unless it says how far from it; with or without a fraction.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let time: DateTime = text.contains('T').then(|| text.parse().ok())??;
    time.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp())
}

/// Removes what is secret. Nobody knows the members of a stranger's events, so only names and values
/// that give themselves away count.
fn hide(data: &mut Map<String, Value>) -> Result<(), Refusal> {
    for value in data.values_mut() {
        match value {
            Value::Array(_) | Value::Object(_) => redact(value, &NoRules)
                .map_err(|_| invalid("eventData has too many members, or nests too deep."))?,
            Value::String(text) => *text = redact_text(text).into_owned(),
            Value::Bool(_) | Value::Null | Value::Number(_) => {}
        }
    }
    Ok(())
}

fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn missing(name: &str) -> Refusal {
    (Code::FieldNotFound, format!("{name} is required."))
}

fn too_long(name: &str, max: usize, unit: &str) -> Refusal {
    (Code::FieldTooLong, format!("{name} is longer than {max} {unit}."))
}

fn invalid(message: &str) -> Refusal {
    (Code::InvalidData, message.to_owned())
}

/// Bytes of `eventData`.
const EVENT_MAX: usize = 256 * 1024;
/// Bytes of `requestParameters` and of `responseElements`.
const PARAMETERS_MAX: usize = 100 * 1024;
/// Bytes of `additionalEventData`.
const ADDITIONAL_MAX: usize = 28 * 1024;
/// Bytes of `userIdentity.details`, for which AWS names no bound of its own.
const DETAILS_MAX: usize = 100 * 1024;
