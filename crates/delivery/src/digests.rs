//! Digests: which chains there are, which hour is due, which log files it names.
//!
//! A log file that its bucket takes only after the digest of its hour was made is named by a backfill
//! digest of that hour, once the bucket has taken all files of that hour.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use catalog::delivery::{DeliveryCommit, DeliveryFile, FileKind};
use integrity::digest::{LogFile, SHA_256, Stamp, Window};
use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tracing::warn;

use crate::{
    Deliverer, Error,
    backlog::Mark,
    chain::ChainState,
    log_file::StreamId,
    trail::{Family, TrailVersion},
};

/// Decides on every digest that is due.
pub(crate) async fn plan(deliverer: &mut Deliverer) -> Result<(), Error> {
    let now = Stamp::of(deliverer.now());
    let current = current(deliverer);
    start_chains(deliverer, &current, now).await?;
    let chains: Vec<StreamId> = deliverer
        .backlog
        .streams
        .iter()
        .filter(|(_, it)| it.chain.as_ref().is_some_and(|it| it.ended.is_none()))
        .map(|(id, _)| id.clone())
        .collect();
    for id in chains {
        while let Some(due) = due(deliverer, &id, &current, now) {
            if !make(deliverer, &id, due, now).await? {
                break;
            }
        }
        while let Some(due) = late(deliverer, &id, &current) {
            if !make(deliverer, &id, due, now).await? {
                break;
            }
        }
    }
    Ok(())
}

/// A trail as it is where the reader stands, and since when it has been logging and validating.
type Current = BTreeMap<String, (Arc<TrailVersion>, Option<Stamp>)>;

fn current(deliverer: &Deliverer) -> Current {
    let all = deliverer.reader.versions();
    let run = |version: &TrailVersion| {
        let mut history: Vec<_> = all
            .iter()
            .filter(|it| it.trail_arn == version.trail_arn)
            .filter(|it| (it.from, it.version) <= (version.from, version.version))
            .collect();
        history.sort_by_key(|it| (it.from, it.version));
        let run = history.iter().rev().take_while(|it| it.is_validated()).last();
        run.map(|it| Stamp::of(it.since))
    };
    let valid = deliverer.reader.epoch.versions.iter();
    valid.map(|it| (it.trail_arn.clone(), (Arc::clone(it), run(it)))).collect()
}

/// Starts the chains that are missing.
async fn start_chains(
    deliverer: &mut Deliverer,
    current: &Current,
    now: Stamp,
) -> Result<(), Error> {
    let mut wanted = BTreeSet::new();
    for (version, _) in current.values().filter(|(_, run)| run.is_some()) {
        let mut regions = BTreeSet::from([version.home_region.clone()]);
        if version.multi_region {
            regions.extend(deliverer.settings().regions.iter().cloned());
        }
        let of_trail = |it: &&StreamId| it.trail == version.trail_arn;
        let shown: Vec<_> = deliverer.backlog.streams.keys().filter(of_trail).cloned().collect();
        for account in version.accounts() {
            let shown = shown.iter().filter(|it| it.account == account).map(|it| it.region.clone());
            for region in regions.iter().cloned().chain(shown) {
                if version.covers(account, &region) {
                    let (trail, family) = (version.trail_arn.clone(), Family::Main);
                    wanted.insert(StreamId { trail, account, region, family });
                }
            }
        }
    }
    let mut starts = Vec::new();
    for id in wanted {
        if let Some((version, Some(run))) = current.get(&id.trail) {
            starts.push((id, Arc::clone(version), *run));
        }
    }
    // A trail may have ended, or an account left it, before it was seen to have begun.
    let left: Vec<_> = deliverer.backlog.all_undigested().collect();
    for (id, number) in left {
        let of_trail = deliverer.reader.versions().iter().filter(|it| it.trail_arn == id.trail);
        let known = of_trail.min_by_key(|it| (it.version > number, it.version.abs_diff(number)));
        if let Some(version) = known {
            starts.push((id, Arc::clone(version), Stamp::of(version.since)));
        }
    }
    let mut commit = DeliveryCommit::default();
    for (id, version, run) in starts {
        let stream = deliverer.backlog.streams.entry(id.clone()).or_default();
        let ended = match &stream.chain {
            Some(chain) if chain.ended.is_none() => continue,
            Some(chain) => chain.ended,
            None => None,
        };
        stream.chain = Some(ChainState::start(&version, run, ended, now));
        commit.streams.push(stream.row(&id));
    }
    if commit.streams.is_empty() { Ok(()) } else { deliverer.plan(commit).await }
}

/// A digest that is due.
#[derive(Debug)]
struct Due {
    chain: ChainState,
    window: Window,
    kind: DueKind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum DueKind {
    Backfill,
    Regular,
    /// The chain ends with it.
    Last,
}

impl Due {
    /// Whether it names the file, once that is delivered.
    fn names(&self, file: &Mark) -> bool {
        match self.kind {
            DueKind::Backfill => self.chain.late(planned(file)) == Some(self.window),
            DueKind::Regular => {
                planned(file) < self.window.end && self.chain.late(planned(file)).is_none()
            }
            DueKind::Last => true,
        }
    }
}

/// The next digest of the chain, if it is due.
fn due(deliverer: &Deliverer, id: &StreamId, current: &Current, now: Stamp) -> Option<Due> {
    let stream = deliverer.backlog.streams.get(id)?;
    let mut chain = stream.chain.clone().filter(|it| it.ended.is_none())?;
    let goes_on = match current.get(&id.trail) {
        Some((version, Some(run))) if *run == chain.run => {
            chain.follow(version);
            version.covers(id.account, &id.region)
        }
        _ => false,
    };
    let rules = chain.chain(id);
    let patience = deliverer.settings().digest_patience();
    if let Some(window) = rules.due(now) {
        let due = Due { chain, window, kind: DueKind::Regular };
        let mut undigested = deliverer.backlog.undigested(id);
        let waits = undigested
            .any(|it| it.delivered_ms.is_none() && !deliverer.is_aside(it) && due.names(it));
        let is_due = !waits || now >= window.end.plus_seconds(patience);
        return is_due.then_some(due);
    }
    if goes_on {
        return None;
    }
    // The last digest names all that is left, so it waits for all that is left.
    let of_chain =
        |it: &&StreamId| (&it.trail, it.account, &it.region) == (&id.trail, id.account, &id.region);
    let mut streams = deliverer.backlog.streams.iter().filter(|(it, _)| of_chain(it));
    let is_open = streams.any(|(_, it)| it.held_from().is_some());
    let waits = deliverer.backlog.undigested(id).any(|it| it.delivered_ms.is_none());
    let window = rules.last(now)?;
    (!is_open && !waits).then_some(Due { chain, window, kind: DueKind::Last })
}

/// The next backfill digest of the chain, if it is due.
fn late(deliverer: &Deliverer, id: &StreamId, current: &Current) -> Option<Due> {
    let stream = deliverer.backlog.streams.get(id)?;
    let mut chain = stream.chain.clone().filter(|it| it.ended.is_none())?;
    if let Some((version, Some(run))) = current.get(&id.trail)
        && *run == chain.run
    {
        chain.follow(version);
    }
    let undigested = deliverer.backlog.undigested(id).filter(|it| !deliverer.is_aside(it));
    let late = undigested.filter_map(|it| Some((chain.late(planned(it))?, it.delivered_ms)));
    // The oldest hour first, and no hour before all of it is there: the chain only goes forward.
    let oldest = late.fold(None, |oldest: Option<(Window, bool)>, (window, delivered)| {
        let whole = delivered.is_some();
        match oldest {
            Some((other, _)) if other.end < window.end => oldest,
            Some((other, others)) if other.end == window.end => Some((other, others && whole)),
            Some(_) | None => Some((window, whole)),
        }
    });
    let (window, whole) = oldest?;
    whole.then_some(Due { chain, window, kind: DueKind::Backfill })
}

/// Makes a digest and decides on it. Whether it could be signed; if not, it is tried again.
async fn make(
    deliverer: &mut Deliverer,
    id: &StreamId,
    due: Due,
    now: Stamp,
) -> Result<bool, Error> {
    let named = deliverer.backlog.undigested(id);
    let named = named.filter(|it| it.delivered_ms.is_some() && due.names(it));
    let settled: Vec<u64> = named.map(|it| it.sequence).collect();
    let mut log_files = Vec::with_capacity(settled.len());
    for sequence in &settled {
        log_files.push(log_file(deliverer.file(*sequence).await?));
    }
    let Due { mut chain, window, kind } = due;
    let checkpoint = deliverer.checkpoint();
    let (rules, generated) = match kind {
        DueKind::Backfill => (chain.backfill_chain(id), Some(now)),
        DueKind::Regular | DueKind::Last => (chain.chain(id), None),
    };
    let sealed = async {
        // Whoever checks asks for the keys of the window, or of when a backfill digest was made.
        let at = generated.unwrap_or(window.end);
        let signer = deliverer.signers().signer(&id.region, at).await?;
        let fingerprint = signer.public_key().fingerprint().clone();
        let digest = rules.draft(window, log_files, fingerprint, checkpoint);
        digest.seal(signer.as_ref(), generated).await.map(|sealed| (digest, sealed))
    };
    let (digest, sealed) = match sealed.await {
        Ok(sealed) => sealed,
        Err(error) => {
            warn!(trail = %id.trail, error = &error as &dyn std::error::Error, "cannot sign a digest, trying again");
            let place = (id.trail.clone(), id.account.to_string(), id.region.clone());
            for status in deliverer.backlog.statuses_of(&place) {
                status.latest_digest_delivery_error = Some("InternalError".to_owned());
            }
            return Ok(false);
        }
    };
    let metadata: BTreeMap<_, _> = sealed.metadata.iter().map(|(name, it)| (*name, it)).collect();
    let sequence = deliverer.backlog.next_sequence;
    let file = DeliveryFile {
        sequence,
        trail: id.trail.clone(),
        version: chain.version,
        account: id.account.to_string(),
        region: id.region.clone(),
        family: id.family.as_str().to_owned(),
        kind: match kind {
            DueKind::Backfill => FileKind::Backfill,
            DueKind::Regular | DueKind::Last => FileKind::Digest,
        },
        bucket: sealed.link.bucket.clone(),
        key: sealed.key,
        kms_key: chain.kms_key.clone(),
        metadata: serde_json::to_string(&metadata).unwrap_or_default(),
        from: 0,
        to: 0,
        records: 0,
        sha256: sealed.link.sha256.clone(),
        bytes: sealed.body.len() as u64,
        oldest_event_ms: digest.oldest_event_time.map(|it| it.timestamp().as_millisecond()),
        newest_event_ms: digest.newest_event_time.map(|it| it.timestamp().as_millisecond()),
        planned_ms: now.timestamp().as_millisecond(),
        validated: false,
        delivered_ms: None,
    };
    let spool = deliverer.spool();
    let body = sealed.body;
    let write = move || spool.write(sequence, &body).and_then(|()| spool.sync());
    spawn_blocking(write).await.map_err(|_| Error::Stopping)??;
    match kind {
        DueKind::Backfill => chain.link_backfill(sealed.link),
        DueKind::Regular | DueKind::Last => chain.link(sealed.link),
    }
    chain.ended = (kind == DueKind::Last).then_some(window.end);
    for sequence in &settled {
        deliverer.backlog.settle(*sequence);
    }
    let stream = deliverer.backlog.streams.entry(id.clone()).or_default();
    stream.chain = Some(chain);
    let streams = vec![stream.row(id)];
    let commit =
        DeliveryCommit { planned: vec![file], streams, settled, ..DeliveryCommit::default() };
    deliverer.plan(commit).await?;
    Ok(true)
}

fn log_file(file: DeliveryFile) -> LogFile {
    LogFile {
        s3_bucket: file.bucket,
        s3_object: file.key,
        hash_value: file.sha256,
        hash_algorithm: SHA_256.to_owned(),
        newest_event_time: file.newest_event_ms.and_then(stamp),
        oldest_event_time: file.oldest_event_ms.and_then(stamp),
    }
}

/// When the file was decided on, which its name tells.
fn planned(file: &Mark) -> Stamp {
    stamp(file.planned_ms).unwrap_or(Stamp::of(Timestamp::MIN))
}

fn stamp(ms: i64) -> Option<Stamp> {
    Timestamp::from_millisecond(ms).ok().map(Stamp::of)
}
