//! Judging a piece of the log: which records go into files of which trails. Pure, and all of the
//! consumer's work on records.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;
use log::Entry;
use record::AccountId;

use crate::{
    log_file::StreamId,
    trail::{Epoch, Family, TrailVersion},
};

/// Records of one stream that one version has chosen, in the order of the log.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) stream: StreamId,
    pub(crate) version: Arc<TrailVersion>,
    pub(crate) records: Vec<Chosen>,
}

#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) position: u64,
    pub(crate) arrival: Timestamp,
    pub(crate) time: Option<Timestamp>,
    pub(crate) body: Bytes,
}

/// Judges entries that all lie in `epoch`. What is no record is passed over.
pub(crate) fn choose(epoch: &Epoch, entries: &[Entry]) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut places: HashMap<(*const TrailVersion, AccountId, &str, Family), usize> = HashMap::new();
    for entry in entries.iter().filter(|it| it.frame.kind.has_record()) {
        let frame = &entry.frame;
        let Ok(record) = record::parse(&frame.body) else { continue };
        for version in epoch.choose(frame.account, &frame.region, &record) {
            let family = Family::of(frame.category);
            let key = (Arc::as_ptr(version), frame.account, frame.region.as_str(), family);
            let place = *places.entry(key).or_insert_with(|| {
                let stream = StreamId {
                    trail: version.trail_arn.clone(),
                    account: frame.account,
                    region: frame.region.clone(),
                    family,
                };
                batches.push(Batch { stream, version: Arc::clone(version), records: Vec::new() });
                batches.len() - 1
            });
            if let Some(batch) = batches.get_mut(place) {
                batch.records.push(Chosen {
                    position: entry.position.0,
                    arrival: frame.arrival,
                    time: record.event_time(),
                    body: frame.body.clone(),
                });
            }
        }
    }
    batches
}
