//! Records that no call made: many refused calls in one, and what was lost.
//!
//! Their `eventSource` is `trailmark.amazonaws.com`, as that of Trailmark's own routes: a name of
//! the form that every tool expects there, and of no service of AWS's.

use jiff::Timestamp;
use log::{Evidence, Marks};
use record::{AccountId, Category, Identity};
use serde_json::{Map, Value, json};

use super::{
    Finished, Flood, Loss, Recorder,
    caller::shown_key,
    entry::{Entry, EventType},
    hide, seconds,
};

impl Recorder {
    /// The record that stands for many calls that failed authentication: as that of one, with how
    /// many and from when until when in `additionalEventData`.
    #[must_use]
    pub fn flood(&self, flood: &Flood) -> Finished {
        let account = flood.account.unwrap_or(self.settings.account);
        let mut entry =
            Entry::new(EventType::AwsApiCall, Category::Management, account, flood.until);
        entry.user_identity = Identity {
            access_key_id: flood.claimed_key.as_deref().map(shown_key),
            ..Identity::default()
        };
        entry.event_source = flood.event_source.clone().unwrap_or_else(|| SOURCE.to_owned());
        entry.event_name = flood.event_name.clone().unwrap_or_else(|| REFUSED_CALLS.to_owned());
        entry.aws_region = flood.region.clone().unwrap_or_else(|| self.settings.region.clone());
        entry.source = flood.source.to_canonical().to_string();
        entry.error_code = Some(hide::text(&flood.error_code));
        entry.error_message = Some(format!("{} calls failed authentication.", flood.count));
        entry.event_id = self.random.uuid().to_string();
        entry.additional_event_data = json!({
            "count": flood.count,
            "windowStart": seconds(flood.from),
            "windowEnd": seconds(flood.until),
        });
        let marks = if flood.claimed_key.is_some() { Marks::CLAIMED } else { Marks::NONE };
        finished(entry, Evidence::Proxy, marks)
    }

    /// The record that says what was lost, or may have been: `RecordGap` with reason, time range and
    /// number in `serviceEventDetails`.
    #[must_use]
    pub fn lost(&self, loss: &Loss, now: Timestamp) -> Finished {
        let account = loss.account.unwrap_or(self.settings.account);
        let mut entry = Entry::new(EventType::AwsServiceEvent, Category::Management, account, now);
        entry.user_identity = own_identity(account);
        SOURCE.clone_into(&mut entry.event_source);
        "RecordGap".clone_into(&mut entry.event_name);
        entry.aws_region = loss.region.clone().unwrap_or_else(|| self.settings.region.clone());
        SOURCE.clone_into(&mut entry.source);
        entry.user_agent = Some(SOURCE.to_owned());
        entry.event_id = self.random.uuid().to_string();
        entry.service_event_details = Some(details(loss));
        finished(entry, Evidence::Server, Marks::NONE)
    }
}

fn details(loss: &Loss) -> Value {
    let mut details = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            details.insert(name.to_owned(), value);
        }
    };
    put("reason", Some(json!(loss.reason)));
    put("windowStart", loss.from.map(|it| json!(seconds(it))));
    put("windowEnd", Some(json!(seconds(loss.until))));
    put("recordCountAtMost", loss.count_at_most.map(|it| json!(it)));
    put("firstPosition", loss.positions.as_ref().map(|it| json!(it.start)));
    put("endPosition", loss.positions.as_ref().map(|it| json!(it.end)));
    Value::Object(details)
}

fn own_identity(account: AccountId) -> Identity {
    Identity {
        account_id: Some(account.to_string()),
        invoked_by: Some(SOURCE.to_owned()),
        ..Identity::default()
    }
}

fn finished(entry: Entry, evidence: Evidence, marks: Marks) -> Finished {
    Finished {
        account: entry.recipient_account_id,
        region: entry.aws_region.clone(),
        category: entry.category(),
        evidence,
        marks,
        body: entry.into_bytes(),
    }
}

/// `eventSource` of what Trailmark itself reports.
const SOURCE: &str = "trailmark.amazonaws.com";

/// `eventName` of refused calls that had more than one.
const REFUSED_CALLS: &str = "AuthenticationFailures";
