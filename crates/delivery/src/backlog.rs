//! What is decided and not yet settled, as the catalog has it; kept in memory by the one task that
//! changes it. Of a file little is: the catalog has the rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use catalog::delivery::{DeliveryMark, DeliveryState, DeliveryStream, FileKind};
use record::AccountId;

use crate::{
    Error, Status, Statuses,
    chain::ChainState,
    log_file::{Open, StreamId},
    trail::Family,
};

/// How far the files of one stream have come.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Records before this position are in files that were decided on.
    pub(crate) until: u64,
    /// Records before this position are in those or in the open ones.
    pub(crate) next: u64,
    /// The file that takes records.
    pub(crate) open: Option<Open>,
    /// Files that take no more and are not decided on yet, oldest first.
    pub(crate) closed: Vec<Open>,
    pub(crate) chain: Option<ChainState>,
}

impl Stream {
    /// The first position that only memory knows of.
    pub(crate) fn held_from(&self) -> Option<u64> {
        self.closed.iter().chain(&self.open).map(|it| it.from).min()
    }

    /// Forgets records that were not decided on, to read them again.
    pub(crate) fn forget_open(&mut self) {
        self.closed.clear();
        self.open = None;
        self.next = self.until;
    }

    pub(crate) fn row(&self, id: &StreamId) -> DeliveryStream {
        DeliveryStream {
            trail: id.trail.clone(),
            account: id.account.to_string(),
            region: id.region.clone(),
            family: id.family.as_str().to_owned(),
            until: self.until,
            chain: self.chain.as_ref().map(ChainState::to_json),
        }
    }
}

/// What is in memory of a file that is not settled: a bucket that takes nothing for weeks makes many.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Mark {
    pub(crate) sequence: u64,
    pub(crate) place: Arc<Place>,
    pub(crate) bucket: Arc<str>,
    pub(crate) kind: FileKind,
    pub(crate) version: u64,
    pub(crate) bytes: u64,
    pub(crate) planned_ms: i64,
    pub(crate) validated: bool,
    pub(crate) delivered_ms: Option<i64>,
}

/// Files and streams.
#[derive(Debug)]
pub(crate) struct Backlog {
    pub(crate) streams: BTreeMap<StreamId, Stream>,
    /// Files that no bucket has taken, or no digest has named, by sequence.
    pub(crate) files: BTreeMap<u64, Mark>,
    /// Log files that no digest has named and one has to, by trail, account and region.
    undigested: BTreeMap<Arc<Place>, BTreeSet<u64>>,
    pub(crate) next_sequence: u64,
    pub(crate) statuses: Statuses,
    /// Status of each account and region of each trail.
    pub(crate) region_statuses: BTreeMap<Place, Status>,
    /// Bytes that wait for the buckets of each account's trails.
    waiting: BTreeMap<String, u64>,
    /// Places and buckets, each once.
    places: BTreeSet<Arc<Place>>,
    buckets: BTreeSet<Arc<str>>,
}

impl Backlog {
    pub(crate) fn load(state: DeliveryState) -> Result<Self, Error> {
        let mut backlog = Self {
            streams: BTreeMap::new(),
            files: BTreeMap::new(),
            undigested: BTreeMap::new(),
            next_sequence: 0,
            statuses: Statuses::new(),
            region_statuses: state.region_statuses.into_iter().collect(),
            waiting: BTreeMap::new(),
            places: BTreeSet::new(),
            buckets: BTreeSet::new(),
        };
        for row in state.streams {
            let id = stream_id(&row.trail, &row.account, &row.region, &row.family)?;
            let chain = row.chain.as_deref().map(ChainState::parse).transpose();
            let chain = chain.map_err(|_| Error::Damaged { what: "chain", of: row.trail })?;
            let (until, next) = (row.until, row.until);
            backlog
                .streams
                .insert(id, Stream { until, next, open: None, closed: Vec::new(), chain });
        }
        backlog.statuses.extend(state.statuses);
        Ok(backlog)
    }

    /// Takes up a file that was decided on.
    pub(crate) fn add(&mut self, file: DeliveryMark) -> &Mark {
        let DeliveryMark { sequence, trail, version, account, region, kind, .. } = file;
        let place = once(&mut self.places, Arc::new((trail, account, region)));
        let bucket = once(&mut self.buckets, Arc::from(file.bucket));
        self.next_sequence = self.next_sequence.max(sequence + 1);
        if file.delivered_ms.is_none() {
            let status = self.statuses.entry(place.0.clone()).or_default();
            status.waiting_files += 1;
            status.waiting_bytes += file.bytes;
            *self.waiting.entry(owner(&place.0).to_owned()).or_default() += file.bytes;
        }
        if kind == FileKind::Log && file.validated {
            self.undigested.entry(Arc::clone(&place)).or_default().insert(sequence);
        }
        let mark = Mark {
            sequence,
            place,
            bucket,
            kind,
            version,
            bytes: file.bytes,
            planned_ms: file.planned_ms,
            validated: file.validated,
            delivered_ms: file.delivered_ms,
        };
        self.files.entry(sequence).insert_entry(mark).into_mut()
    }

    /// How deliveries go of which the file is one: of all of its trail, and of its own place.
    pub(crate) fn statuses_of(&mut self, place: &Place) -> [&mut Status; 2] {
        [
            self.statuses.entry(place.0.clone()).or_default(),
            self.region_statuses.entry(place.clone()).or_default(),
        ]
    }

    /// A digest names the file: nobody asks for it any more.
    pub(crate) fn settle(&mut self, sequence: u64) {
        let Some(file) = self.files.remove(&sequence) else { return };
        if let Some(undigested) = self.undigested.get_mut(&file.place) {
            undigested.remove(&sequence);
            if undigested.is_empty() {
                self.undigested.remove(&file.place);
            }
        }
    }

    /// A bucket has taken the file. Whether it is settled with that: no digest has to name it.
    pub(crate) fn deliver(&mut self, sequence: u64, at_ms: i64) -> bool {
        let Some(file) = self.files.get_mut(&sequence) else { return false };
        file.delivered_ms = Some(at_ms);
        let status = self.statuses.entry(file.place.0.clone()).or_default();
        status.waiting_files = status.waiting_files.saturating_sub(1);
        status.waiting_bytes = status.waiting_bytes.saturating_sub(file.bytes);
        if let Some(waiting) = self.waiting.get_mut(owner(&file.place.0)) {
            *waiting = waiting.saturating_sub(file.bytes);
        }
        let settled = file.kind != FileKind::Log || !file.validated;
        if settled {
            self.files.remove(&sequence);
        }
        settled
    }

    /// Files that wait for their buckets.
    pub(crate) fn waiting(&self) -> BTreeSet<u64> {
        let waiting = self.files.values().filter(|it| it.delivered_ms.is_none());
        waiting.map(|it| it.sequence).collect()
    }

    /// Bytes that wait for the buckets of the trails of this trail's account.
    pub(crate) fn waiting_bytes(&self, trail: &str) -> u64 {
        self.waiting.get(owner(trail)).copied().unwrap_or_default()
    }

    /// Log files of a chain that no digest names yet, in the order of decision.
    pub(crate) fn undigested(&self, id: &StreamId) -> impl Iterator<Item = &Mark> {
        let place = (id.trail.clone(), id.account.to_string(), id.region.clone());
        let sequences = self.undigested.get(&place).into_iter().flatten();
        sequences.filter_map(|it| self.files.get(it))
    }

    /// Chains that have log files which no digest names yet, each with the version of the oldest.
    pub(crate) fn all_undigested(&self) -> impl Iterator<Item = (StreamId, u64)> {
        self.undigested.values().filter_map(|sequences| {
            let file = self.files.get(sequences.first()?)?;
            let (trail, account, region) = file.place.as_ref().clone();
            let account = AccountId::parse(&account).ok()?;
            Some((StreamId { trail, account, region, family: Family::Main }, file.version))
        })
    }

    /// The first position that only memory knows of.
    pub(crate) fn held_from(&self) -> Option<u64> {
        self.streams.values().filter_map(Stream::held_from).min()
    }

    /// Bytes of all files that take records.
    pub(crate) fn open_bytes(&self) -> usize {
        self.streams.values().flat_map(|it| &it.open).map(Open::bytes).sum()
    }
}

/// Where a file belongs: trail, account and region. Of log files, also which chain names them.
pub(crate) type Place = (String, String, String);

/// The value as it is in the set already, else as it is from now on.
fn once<T: Ord + ?Sized>(all: &mut BTreeSet<Arc<T>>, value: Arc<T>) -> Arc<T> {
    if let Some(there) = all.get(&value) {
        return Arc::clone(there);
    }
    all.insert(Arc::clone(&value));
    value
}

/// The account in a trail's ARN, whose quota its files count against.
fn owner(trail: &str) -> &str {
    trail.split(':').nth(4).unwrap_or_default()
}

fn stream_id(trail: &str, account: &str, region: &str, family: &str) -> Result<StreamId, Error> {
    let damaged = |what| Error::Damaged { what, of: trail.to_owned() };
    Ok(StreamId {
        trail: trail.to_owned(),
        account: AccountId::parse(account).map_err(|_| damaged("account"))?,
        region: region.to_owned(),
        family: Family::from_word(family).ok_or_else(|| damaged("family"))?,
    })
}
