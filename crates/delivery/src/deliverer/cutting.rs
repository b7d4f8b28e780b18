//! Deciding on log files: which, with what bytes and under which key; durable before any is sent.

use std::sync::Arc;

use catalog::delivery::{DeliveryCommit, DeliveryFile, FileKind};
use futures::future::try_join_all;
use tokio::task::spawn_blocking;
use tracing::debug;

use super::Deliverer;
use crate::{
    Error,
    log_file::{self, Open, StreamId},
};

impl Deliverer {
    /// Decides on every file that is full or old enough.
    pub(super) async fn cut(&mut self, caught_up: bool) -> Result<(), Error> {
        let mut due = self.take_due(caught_up);
        due.sort_by_key(|(_, open)| open.from);
        while !due.is_empty() {
            // A piece at a time: each is held in memory twice.
            let rest = due.split_off(due.len().min(CUT_MAX));
            self.plan_files(due, !caught_up).await?;
            due = rest;
        }
        Ok(())
    }

    fn take_due(&mut self, caught_up: bool) -> Vec<(StreamId, Open)> {
        let now = self.now();
        let mut spare = self.settings.open_bytes as usize;
        let too_much = self.backlog.open_bytes() > spare;
        let closed: usize = self.backlog.streams.values().map(|it| it.closed.len()).sum();
        // While more is to be read, full files wait until there is one for each core to pack.
        let wait = !caught_up && !too_much && closed < self.cores;
        let mut due = Vec::new();
        for (id, stream) in &mut self.backlog.streams {
            if !wait {
                due.extend(stream.closed.drain(..).map(|it| (id.clone(), it)));
            }
            let Some(open) = &stream.open else { continue };
            // When memory is short, those that are filled most go first, by halving what may stay.
            let large = too_much && open.bytes() > spare / 2;
            spare = spare.saturating_sub(open.bytes());
            if large || open.due_in(caught_up, &self.settings, now).is_zero() {
                due.extend(stream.open.take().map(|it| (id.clone(), it)));
            }
        }
        due
    }

    async fn plan_files(&mut self, due: Vec<(StreamId, Open)>, hurry: bool) -> Result<(), Error> {
        let now = self.now();
        let mut jobs = Vec::new();
        for (own, (id, open)) in (self.backlog.next_sequence..).zip(due) {
            let spool = self.spool.clone();
            jobs.push(async move {
                let pack = move || {
                    let packed = open.pack(hurry);
                    spool.write(own, &packed.body).map(|()| packed)
                };
                let packed = spawn_blocking(pack).await.map_err(|_| Error::Stopping)??;
                Ok::<_, Error>((own, id, packed))
            });
        }
        let packed = try_join_all(jobs).await?;
        let spool = self.spool.clone();
        spawn_blocking(move || spool.sync()).await.map_err(|_| Error::Stopping)??;
        let mut commit = DeliveryCommit::default();
        for (sequence, id, packed) in packed {
            let version = Arc::clone(&packed.version);
            let key = log_file::key(&id, &version, now, self.components.ambient.random.as_ref());
            debug!(trail = %id.trail, %key, records = packed.records, "log file decided on");
            let stream = self.backlog.streams.entry(id.clone()).or_default();
            stream.until = stream.until.max(packed.to);
            commit.planned.push(DeliveryFile {
                sequence,
                trail: id.trail.clone(),
                version: version.version,
                account: id.account.to_string(),
                region: id.region.clone(),
                family: id.family.as_str().to_owned(),
                kind: FileKind::Log,
                bucket: version.bucket.clone(),
                key,
                kms_key: version.kms_key.clone(),
                metadata: "{}".to_owned(),
                from: packed.from,
                to: packed.to,
                records: packed.records,
                sha256: packed.sha256,
                bytes: packed.body.len() as u64,
                oldest_event_ms: packed.oldest.map(|it| it.as_millisecond()),
                newest_event_ms: packed.newest.map(|it| it.as_millisecond()),
                planned_ms: now.as_millisecond(),
                validated: version.validation,
                delivered_ms: None,
            });
            let row = stream.row(&id);
            commit.streams.push(row);
        }
        self.plan(commit).await
    }

    /// Makes files durable whose bytes are in the spool, and lines them up.
    pub(crate) async fn plan(&mut self, commit: DeliveryCommit) -> Result<(), Error> {
        let marks: Vec<_> = commit.planned.iter().map(DeliveryFile::mark).collect();
        // INVARIANT: no bucket hears of a file before this has returned.
        self.commit(commit).await?;
        for mark in marks {
            self.lanes.add(self.backlog.add(mark));
        }
        Ok(())
    }
}

/// Files that are packed at once.
pub(super) const CUT_MAX: usize = 16;
