//! `PutAuditEvents`: up to 100 events of an own application, each accepted or refused by itself.
//!
//! An accepted event is durable before the answer. Sending it again makes another record: what makes
//! two events one is their `UID`, which the record keeps.

use std::{collections::BTreeSet, sync::Arc};

use ambient::Ambient;
use catalog::{Catalog, Channel, ChannelArn, IngestionStatus, StoreStatus, lake_id};
use http::StatusCode;
use jiff::Timestamp;
use record::AccountId;
use wire::{
    iam::{Attached, Context, Decision, Principal, Request, ResourcePolicy},
    shapes::cloudtrail_data::{
        AuditEvent, AuditEventResultEntry, ErrorCode, PutAuditEventsRequest,
        PutAuditEventsResponse, ResultErrorEntry,
    },
};

use super::{
    AuditBatch, AuditRecord, AuditSink, CHANNEL_ACTIONS, SinkProblem,
    audit_event::{self, Code},
};
use crate::fault::{Fault, internal};

/// What taking in audit events needs.
#[derive(Clone, Debug)]
pub struct AuditEvents {
    /// Keeps the channels and their policies.
    pub catalog: Catalog,
    /// Takes the records.
    pub sink: Arc<dyn AuditSink>,
    /// Where ids come from.
    pub ambient: Ambient,
}

/// Who sends, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender<'a> {
    pub(crate) account: AccountId,
    /// ARN of the caller.
    pub(crate) principal: &'a str,
    pub(crate) region: &'a str,
    pub(crate) now: Timestamp,
}

impl AuditEvents {
    /// Answers `PutAuditEvents`.
    ///
    /// # Errors
    /// The faults that the model names for this operation.
    pub(crate) async fn put(
        &self,
        sender: Sender<'_>,
        request: PutAuditEventsRequest,
    ) -> Result<PutAuditEventsResponse, Fault> {
        // INVARIANT: where the channel leads does not change between here and the sync, so that no
        // acknowledged event goes nowhere.
        let _held = self.catalog.hold_channels().await;
        let channel = self.channel(sender, request.channel_arn.as_deref()).await?;
        self.check_policy(sender, &channel.arn, request.external_id.as_deref()).await?;
        let events = request.audit_events.unwrap_or_default();
        check_ids(&events)?;
        let subscribed = self.is_subscribed(&channel).await?;
        let (mut records, mut successful, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        let mut status = IngestionStatus { attempt: Some(sender.now), ..channel.ingestion };
        status.error = None;
        for event in &events {
            let id = self.ambient.random.uuid();
            let made = if subscribed {
                audit_event::record(event, &channel.arn, id, sender.now)
            } else {
                let message = "No event data store of the channel takes events.";
                Err((Code::AccountNotSubscribed, message.to_owned()))
            };
            status.attempt_event = Some(id.to_string());
            match made {
                Ok(record) => {
                    records.push(record);
                    successful.push(AuditEventResultEntry {
                        id: event.id.clone(),
                        event_id: Some(id.to_string()),
                    });
                }
                Err((code, message)) => {
                    status.error = Some(code.as_str().to_owned());
                    failed.push(entry(event.id.clone(), code, message));
                }
            }
        }
        if let Some((code, message)) = self.keep(&channel.arn, records, sender.now).await {
            // None of them is kept: say so of each, so that the caller sends them again.
            status.error = Some(code.as_str().to_owned());
            let lost = successful.drain(..);
            failed.extend(lost.map(|it| entry(it.id, code, message.to_owned())));
        } else if let Some(last) = successful.last() {
            status.success = Some(sender.now);
            status.success_event.clone_from(&last.event_id);
        }
        // The events are durable; that a status was not kept must not have them sent twice.
        if let Err(error) = self.catalog.note_ingestion(&channel.arn, &status).await {
            tracing::warn!(error = %error, channel = %channel.arn, "ingestion status not kept");
        }
        Ok(PutAuditEventsResponse { successful: Some(successful), failed: Some(failed) })
    }

    /// The channel that is meant. It has to be of the region, of whatever account.
    async fn channel(&self, sender: Sender<'_>, text: Option<&str>) -> Result<Channel, Fault> {
        let text = text.unwrap_or_default();
        let arn = match lake_id(text) {
            Some(id) => {
                ChannelArn { region: sender.region.to_owned(), account: sender.account, id }
            }
            None => ChannelArn::parse(text).map_err(|reason| {
                let message = format!("The ARN {text} {reason}.");
                fault(ErrorCode::InvalidChannelARN, &message)
            })?,
        };
        let found = match arn.region == sender.region {
            true => self.catalog.channel(&arn).await.map_err(internal)?,
            false => None,
        };
        found.ok_or_else(|| fault(ErrorCode::ChannelNotFound, &format!("Channel not found: {arn}")))
    }

    /// The owner may send unless the policy denies it, anybody else only as it allows. Where the
    /// policy asks for an external id, everybody has to send one.
    async fn check_policy(
        &self,
        sender: Sender<'_>,
        channel: &ChannelArn,
        external_id: Option<&str>,
    ) -> Result<(), Fault> {
        let arn = channel.to_string();
        let is_owner = sender.account == channel.account;
        let denied = || {
            let message = format!("{} may not send events to this channel.", sender.principal);
            fault(ErrorCode::ChannelInsufficientPermission, &message)
        };
        let Some(text) = self.catalog.resource_policy(&arn).await.map_err(internal)? else {
            return if is_owner { Ok(()) } else { Err(denied()) };
        };
        let of = Attached { arn: &arn, actions: CHANNEL_ACTIONS, bytes_max: usize::MAX };
        let policy = ResourcePolicy::parse(&text, of).map_err(internal)?;
        if external_id.is_none() && policy.asks_for(EXTERNAL_ID) {
            return Err(denied());
        }
        let mut context = Context::default()
            .with("aws:PrincipalArn", sender.principal)
            .with("aws:PrincipalAccount", sender.account.as_str())
            .with("aws:SourceAccount", sender.account.as_str())
            .with("aws:RequestedRegion", sender.region);
        if let Some(id) = external_id {
            context = context.with(EXTERNAL_ID, id);
        }
        let [action] = CHANNEL_ACTIONS else { return Err(denied()) };
        let request = Request { action, resource: &arn, context: &context };
        let principal = Principal::Aws { account: sender.account.as_str(), arn: sender.principal };
        match policy.decide(principal, &request) {
            Decision::Allowed => Ok(()),
            Decision::ImplicitlyDenied if is_owner && external_id.is_none() => Ok(()),
            // The owner's id has to be right too, where one is asked for.
            Decision::ImplicitlyDenied if is_owner && !policy.asks_for(EXTERNAL_ID) => Ok(()),
            Decision::ExplicitlyDenied | Decision::ImplicitlyDenied => Err(denied()),
        }
    }

    /// Whether any store of the channel takes events: what nobody takes must not be acknowledged.
    async fn is_subscribed(&self, channel: &Channel) -> Result<bool, Fault> {
        for store in &channel.destinations {
            let store = self.catalog.store(store.id).await.map_err(internal)?;
            if store.is_some_and(|it| it.status == StoreStatus::Enabled) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Why the records are not kept, if they are not.
    async fn keep(
        &self,
        channel: &ChannelArn,
        records: Vec<AuditRecord>,
        now: Timestamp,
    ) -> Option<(Code, &'static str)> {
        if records.is_empty() {
            return None;
        }
        let batch = AuditBatch { channel: channel.clone(), arrival: now, records };
        match self.sink.append(batch).await {
            Ok(()) => None,
            Err(SinkProblem::Full) => {
                Some((Code::Throttling, "There is no room for events. Send them again later."))
            }
            Err(error @ SinkProblem::Failed(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "audit events not kept");
                Some((Code::InternalFailure, "An internal error occurred."))
            }
        }
    }
}

fn check_ids(events: &[AuditEvent]) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    match events.iter().find(|it| !seen.insert(it.id.as_deref())) {
        None => Ok(()),
        Some(event) => {
            let id = event.id.as_deref().unwrap_or_default();
            let message = format!("The id {id} is used by more than one event of the request.");
            Err(fault(ErrorCode::DuplicatedAuditEventId, &message))
        }
    }
}

fn entry(id: Option<String>, code: Code, message: String) -> ResultErrorEntry {
    ResultErrorEntry {
        id,
        error_code: Some(code.as_str().to_owned()),
        error_message: Some(message),
    }
}

fn fault(code: ErrorCode, message: &str) -> Fault {
    debug_assert_eq!(code.status(), StatusCode::BAD_REQUEST);
    Fault::new(code.as_str(), message, code.status())
}

/// The condition key of channels' policies.
const EXTERNAL_ID: &str = "cloudtrail:ExternalId";
