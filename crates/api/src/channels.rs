//! Channels: the doors by which own applications send audit events into event data stores.
//!
//! Lives here: what the operations on channels have in common; taking in the events.
//! Lives elsewhere: how channels are kept (`catalog`), where events are written (`log`).
//!
//! Start at `create_channel`, then at [`AuditEvents`].
//! Spec: CloudTrail API Reference, the operations named as the files here; CloudTrail Data Service
//! API Reference, "PutAuditEvents"; CloudTrail User Guide, "CloudTrail Lake integrations event
//! schema".

mod audit_event;
mod create_channel;
mod delete_channel;
mod get_channel;
mod list_channels;
mod put_audit_events;
mod shown;
mod sink;
mod update_channel;

use catalog::{Channel, EventDataStore, StoreArn};
use record::Category;
use wire::shapes::cloudtrail::{Destination, ErrorCode};

pub(crate) use self::{
    create_channel::create_channel, delete_channel::delete_channel, get_channel::get_channel,
    list_channels::list_channels, put_audit_events::Sender, update_channel::update_channel,
};
pub use self::{
    put_audit_events::AuditEvents,
    sink::{AuditBatch, AuditRecord, AuditSink, LogSink, SinkProblem},
};
use crate::{
    fault::{Fault, fault},
    stores::{self, Use},
    trails::Asked,
};

/// The one action that the policy of a channel may allow to others.
pub(crate) const CHANNEL_ACTIONS: &[&str] = &["cloudtrail-data:PutAuditEvents"];

impl Asked<'_> {
    /// The caller's channel that an ARN or an id means.
    ///
    /// # Errors
    /// `ChannelARNInvalidException`, `ChannelNotFoundException`; `UnsupportedOperationException` when
    /// nothing keeps event data stores here.
    pub(crate) async fn find_channel(&self, text: &str) -> Result<Channel, Fault> {
        self.stores()?;
        let arn = stores::channel_arn(text, self)?;
        let missing = || stores::refused(&catalog::LakeRefusal::ChannelUnknown(arn.to_string()));
        if arn.region != self.region || arn.account != self.account {
            return Err(missing());
        }
        let found = self.catalog().channel(&arn).await.map_err(|it| self.refused(it))?;
        found.ok_or_else(missing)
    }

    /// The stores that a request leads a channel to.
    ///
    /// # Errors
    /// `InvalidParameterException`, `InvalidEventDataStoreCategoryException`, and those of
    /// [`Asked::find_active_store`].
    async fn destinations(&self, given: &[Destination]) -> Result<Vec<StoreArn>, Fault> {
        let mut found: Vec<StoreArn> = Vec::with_capacity(given.len());
        for destination in given {
            if destination.r#type.as_deref() != Some(EVENT_DATA_STORE) {
                let message = format!("A channel of your own leads to {EVENT_DATA_STORE} only.");
                return Err(fault(ErrorCode::InvalidParameterException, &message));
            }
            let location = destination.location.as_deref().unwrap_or_default();
            let store = self.find_active_store(location, Use::Change).await?;
            check(&store)?;
            if found.contains(&store.arn) {
                let message = format!("The destination {location} is specified more than once.");
                return Err(fault(ErrorCode::InvalidParameterException, &message));
            }
            found.push(store.arn);
        }
        Ok(found)
    }
}

/// Whether a channel may lead to a store.
fn check(store: &EventDataStore) -> Result<(), Fault> {
    let settings = &store.settings;
    let is_of_activity = stores::category(settings)? == Category::ActivityAuditLog;
    if is_of_activity && !settings.is_multi_region && settings.organization.is_none() {
        return Ok(());
    }
    Err(fault(
        ErrorCode::InvalidEventDataStoreCategoryException,
        "The destination must be an event data store of ActivityAuditLog events, of a single Region \
         and a single account.",
    ))
}

/// The one type of destination.
const EVENT_DATA_STORE: &str = "EVENT_DATA_STORE";
