//! A record on its way into bytes: its members in CloudTrail's conventional order and sizes.

use bytes::Bytes;
use jiff::Timestamp;
use record::{AccountId, Category, Identity};
use serde::Serialize;
use serde_json::Value;

use super::{
    draft::TlsDetails,
    hide,
    resources::Resource,
    sizes::{ADDITIONAL_MAX, OBJECT_MAX, TEXT_MAX, fit},
};

/// The members of a record. Those that are `None` or empty are left out.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    event_version: &'static str,
    pub(super) user_identity: Identity,
    /// Without a fraction of a second.
    pub(super) event_time: String,
    pub(super) event_source: String,
    pub(super) event_name: String,
    pub(super) aws_region: String,
    #[serde(rename = "sourceIPAddress")]
    pub(super) source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_message: Option<String>,
    pub(super) request_parameters: Value,
    pub(super) response_elements: Value,
    /// An object, or null to leave it out.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(super) additional_event_data: Value,
    #[serde(rename = "requestID", skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<String>,
    #[serde(rename = "eventID")]
    pub(super) event_id: String,
    pub(super) read_only: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) resources: Vec<Resource>,
    pub(super) event_type: EventType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) api_version: Option<String>,
    pub(super) management_event: bool,
    pub(super) recipient_account_id: AccountId,
    #[serde(rename = "sharedEventID", skip_serializing_if = "Option::is_none")]
    pub(super) shared_event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_event_details: Option<Value>,
    event_category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls_details: Option<TlsDetails>,
}

/// `eventType`, of the kinds that we write.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(super) enum EventType {
    AwsApiCall,
    AwsServiceEvent,
}

impl Entry {
    /// A record of which only the members are set that every record has.
    pub(super) fn new(
        event_type: EventType,
        category: Category,
        recipient: AccountId,
        time: Timestamp,
    ) -> Self {
        Self {
            event_version: VERSION,
            user_identity: Identity::default(),
            event_time: super::seconds(time),
            event_source: String::new(),
            event_name: String::new(),
            aws_region: String::new(),
            source: String::new(),
            user_agent: None,
            error_code: None,
            error_message: None,
            request_parameters: Value::Null,
            response_elements: Value::Null,
            additional_event_data: Value::Null,
            request_id: None,
            event_id: String::new(),
            read_only: false,
            resources: Vec::new(),
            event_type,
            api_version: None,
            management_event: category == Category::Management,
            recipient_account_id: recipient,
            shared_event_id: None,
            service_event_details: None,
            event_category: category.as_str(),
            tls_details: None,
        }
    }

    pub(super) fn category(&self) -> Category {
        Category::from_word(self.event_category)
    }

    /// The record's bytes, within CloudTrail's sizes.
    pub(super) fn into_bytes(mut self) -> Bytes {
        let texts = [
            &mut self.user_agent,
            &mut self.error_code,
            &mut self.error_message,
            &mut self.request_id,
        ];
        for text in texts.into_iter().flatten() {
            let kept = hide::bounded(text, TEXT_MAX).len();
            text.truncate(kept);
        }
        let bytes = self.to_bytes();
        // No object within can be above its bound, the smallest of which is this.
        if bytes.len() <= ADDITIONAL_MAX {
            return bytes;
        }
        fit(&mut self.request_parameters, "requestParameters", OBJECT_MAX);
        fit(&mut self.response_elements, "responseElements", OBJECT_MAX);
        if let Some(details) = &mut self.service_event_details {
            fit(details, "serviceEventDetails", OBJECT_MAX);
        }
        fit(&mut self.additional_event_data, "additionalEventData", ADDITIONAL_MAX);
        self.to_bytes()
    }

    fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).expect("a record has texts as keys and no NaN").into()
    }
}

/// The version of records that Trailmark writes.
const VERSION: &str = "1.11";
