//! A channel as answers show it.

use catalog::{Channel, IngestionStatus, StoreArn};
use wire::shapes::cloudtrail as shape;

/// As `GetChannel` shows it.
pub(super) fn whole(channel: Channel) -> shape::GetChannelResponse {
    let IngestionStatus { success, success_event, error, attempt, attempt_event } =
        channel.ingestion;
    shape::GetChannelResponse {
        channel_arn: Some(channel.arn.to_string()),
        name: Some(channel.name),
        source: Some(channel.source),
        source_config: Some(shape::SourceConfig {
            apply_to_all_regions: Some(false),
            advanced_event_selectors: None,
        }),
        destinations: Some(destinations(&channel.destinations)),
        ingestion_status: Some(shape::IngestionStatus {
            latest_ingestion_success_time: success,
            latest_ingestion_success_event_id: success_event,
            latest_ingestion_error_code: error,
            latest_ingestion_attempt_time: attempt,
            latest_ingestion_attempt_event_id: attempt_event,
        }),
    }
}

/// Where it leads.
pub(super) fn destinations(stores: &[StoreArn]) -> Vec<shape::Destination> {
    let shown = |it: &StoreArn| shape::Destination {
        r#type: Some(super::EVENT_DATA_STORE.to_owned()),
        location: Some(it.to_string()),
    };
    stores.iter().map(shown).collect()
}
