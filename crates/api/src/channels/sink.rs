//! Where audit events go once they are records.

use std::{fmt::Debug, sync::Arc};

use bytes::Bytes;
use catalog::ChannelArn;
use futures::{FutureExt as _, future::BoxFuture};
use jiff::Timestamp;
use log::{EventLog, Evidence, Frame, Kind, Marks};
use record::Category;
use uuid::Uuid;
use wire::answer::BoxError;

/// Takes finished records of audit events.
pub trait AuditSink: Debug + Send + Sync {
    /// Appends records in order, all or none, and completes once they are durable.
    fn append(&self, batch: AuditBatch) -> BoxFuture<'_, Result<(), SinkProblem>>;
}

/// The records of one request.
#[derive(Clone, Debug)]
pub struct AuditBatch {
    /// The channel by which they came. Where it led at the position of a record says which stores
    /// take it.
    pub channel: ChannelArn,
    /// When they came.
    pub arrival: Timestamp,
    /// At least one.
    pub records: Vec<AuditRecord>,
}

/// A finished record of category `ActivityAuditLog`.
#[derive(Clone, Debug)]
pub struct AuditRecord {
    /// Its `eventID`.
    pub event_id: Uuid,
    /// Its bytes, redacted.
    pub body: Bytes,
}

/// Why records were not taken. None of the batch is kept.
#[derive(Debug, thiserror::Error)]
pub enum SinkProblem {
    /// There is no room. A later try may find some.
    #[error("there is no room for audit events")]
    Full,
    /// It failed.
    #[error("audit events could not be written")]
    Failed(#[source] BoxError),
}

/// Appends to the log, from which the stores take them: those to which the channel led at the
/// position of a frame ([`catalog::ChannelVersion`]), as far as they were enabled there
/// ([`catalog::StoreVersion`]). The source of the frames is `channel/` and the id of the channel.
#[derive(Clone, Debug)]
pub struct LogSink(pub Arc<dyn EventLog>);

impl AuditSink for LogSink {
    fn append(&self, batch: AuditBatch) -> BoxFuture<'_, Result<(), SinkProblem>> {
        async move {
            let ChannelArn { region, account, id } = batch.channel;
            let frame = |record: AuditRecord| Frame {
                kind: Kind::Record,
                evidence: Evidence::Client,
                marks: Marks::NONE,
                category: Category::ActivityAuditLog,
                arrival: batch.arrival,
                source: format!("channel/{id}"),
                source_sequence: 0,
                account,
                region: region.clone(),
                answers: None,
                body: record.body,
            };
            let frames = batch.records.into_iter().map(frame).collect();
            match self.0.append(frames).await {
                Ok(_) => Ok(()),
                Err(log::Error::Full { .. }) => Err(SinkProblem::Full),
                Err(error) => Err(SinkProblem::Failed(error.into())),
            }
        }
        .boxed()
    }
}
