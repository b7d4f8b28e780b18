//! Which stores take a record: by what stores and channels were at its position of the log.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{ChannelVersion, StoreHistory, StoreStatus, StoreVersion};
use log::Entry;
use matching::{Selection, Selectors, Target, given::Given};
use record::{AccountId, Category};
use uuid::Uuid;

use crate::context::Enrichment;

/// A stretch of the log in which the same versions are valid, compiled to be judged together.
#[derive(Debug)]
pub(crate) struct Epoch {
    /// The position behind its last; none while it lasts.
    pub(crate) until: Option<u64>,
    /// The stores that take events, in the order of the sets of `selection`.
    taking: Vec<StoreVersion>,
    selection: Selection,
    enrichments: BTreeMap<Uuid, Enrichment>,
    channels: BTreeMap<Uuid, ChannelVersion>,
}

/// The accounts of organizations, by their ids.
pub(crate) type Members = BTreeMap<String, BTreeSet<AccountId>>;

impl Epoch {
    /// The stretch that `position` lies in.
    pub(crate) fn at(history: &StoreHistory, position: u64) -> Self {
        let stores = history.stores.iter().map(|it| it.from);
        let channels = history.channels.iter().map(|it| it.from);
        let until = stores.chain(channels).filter(|from| *from > position).min();
        // Versions come in the order in which they begin: the last is valid.
        let mut valid: BTreeMap<Uuid, &StoreVersion> = BTreeMap::new();
        for version in history.stores.iter().filter(|it| it.from <= position) {
            valid.insert(version.arn.id, version);
        }
        let mut channels = BTreeMap::new();
        for version in history.channels.iter().filter(|it| it.from <= position) {
            channels.insert(version.arn.id, version.clone());
        }
        let taking: Vec<StoreVersion> =
            valid.into_values().filter(|it| it.status == StoreStatus::Enabled).cloned().collect();
        let selectors: Vec<Selectors> =
            taking.iter().map(|it| selectors(&it.settings.selectors)).collect();
        let selection = Selection::compile(&selectors);
        let enrichments = taking
            .iter()
            .filter_map(|it| Some((it.arn.id, Enrichment::of(&it.settings.events)?)))
            .collect();
        Self { until, taking, selection, enrichments, channels }
    }

    pub(crate) fn contains(&self, position: u64) -> bool {
        self.until.is_none_or(|until| position < until)
    }

    /// Whether no store takes anything, so that nothing need be read.
    pub(crate) fn is_idle(&self) -> bool {
        self.taking.is_empty()
    }

    /// What the records of a store get besides, if anything.
    pub(crate) fn enrichment(&self, store: Uuid) -> Option<&Enrichment> {
        self.enrichments.get(&store)
    }

    /// The ids of the stores that take the record of `entry`.
    pub(crate) fn choose(
        &self,
        entry: &Entry,
        record: &record::Record<'_>,
        members: &Members,
    ) -> Vec<Uuid> {
        let frame = &entry.frame;
        if frame.category == Category::ActivityAuditLog {
            return self.destinations(&frame.source);
        }
        let covers = |it: &StoreVersion| {
            let is_covered = match &it.settings.organization {
                Some(id) => members.get(id).is_some_and(|it| it.contains(&frame.account)),
                None => it.arn.account == frame.account,
            };
            is_covered && it.settings.cover(&it.arn, &frame.region)
        };
        if !self.taking.iter().any(covers) {
            return Vec::new();
        }
        let chosen = self.selection.judge(record);
        let chosen = chosen.iter().filter_map(|set| self.taking.get(set));
        chosen.filter(|it| covers(it)).map(|it| it.arn.id).collect()
    }

    /// Where the events of a channel go.
    fn destinations(&self, source: &str) -> Vec<Uuid> {
        let id = source.strip_prefix("channel/").and_then(|it| it.parse().ok());
        let Some(channel) = id.and_then(|it: Uuid| self.channels.get(&it)) else {
            return Vec::new();
        };
        let destinations = channel.destinations.iter().map(|it| it.id);
        destinations.filter(|id| self.taking.iter().any(|it| it.arn.id == *id)).collect()
    }
}

/// The selectors of a store, which were checked when they were set.
fn selectors(text: &str) -> Selectors {
    let given: Option<Given> = serde_json::from_str(text).ok();
    given
        .and_then(|it| Selectors::parse(it, Target::EventDataStore).ok())
        .unwrap_or_else(Selectors::of_new_event_data_store)
}
