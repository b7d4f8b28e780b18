//! Sending files to their buckets, and what follows from their answers.

use std::collections::{BTreeMap, BTreeSet};

use catalog::delivery::{DeliveryCommit, DeliveryFile, FileKind};
use jiff::Timestamp;
use record::AccountId;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::{Delivered, Deliverer};
use crate::{
    Components, Error, Refusal, Status, Target,
    backlog::{Place, place},
    destination::Object,
    spool::Spool,
};

/// How something went that was sent.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A file to its bucket.
    File {
        /// Which.
        sequence: u64,
        /// What the bucket said.
        result: Result<(), Refusal>,
    },
    /// A message to a topic.
    Message {
        /// Trail, account and region of the file that it tells of.
        place: Place,
        /// What the topic said.
        result: Result<(), Refusal>,
    },
}

impl Deliverer {
    /// Begins to send all that may be sent now.
    pub(super) fn send(&mut self) {
        let now = self.now();
        while let Some(sequence) = self.lanes.start(&self.settings, now) {
            let Some(file) = self.backlog.files.get(&sequence).cloned() else { continue };
            let (components, spool) = (self.components.clone(), self.spool.clone());
            let timeout = self.settings.put_timeout();
            self.uploads.spawn(async move {
                let result = tokio::select! {
                    biased;
                    result = upload(&components, spool, &file) => result,
                    () = components.ambient.clock.sleep(timeout) => Err(Refusal::timed_out()),
                };
                Outcome::File { sequence, result }
            });
        }
    }

    /// Takes in the writes that have ended meanwhile.
    pub(super) async fn finish_ready(&mut self) -> Result<(), Error> {
        let mut outcomes = Vec::new();
        while let Some(outcome) = self.uploads.try_join_next() {
            outcomes.push(outcome.map_err(|_| Error::Stopping)?);
        }
        if outcomes.is_empty() { Ok(()) } else { self.finish(outcomes).await }
    }

    /// Takes in writes that have ended.
    pub(super) async fn finish(&mut self, outcomes: Vec<Outcome>) -> Result<(), Error> {
        let now = self.now();
        let mut commit = DeliveryCommit::default();
        let (mut changed, mut gone, mut told) = (BTreeSet::new(), Vec::new(), Vec::new());
        for outcome in outcomes {
            let (sequence, result) = match outcome {
                Outcome::File { sequence, result } => (sequence, result),
                Outcome::Message { place, result } => {
                    self.note_message(&place, &result);
                    changed.insert(place);
                    continue;
                }
            };
            let Some(file) = self.backlog.files.get(&sequence).cloned() else { continue };
            let (code, success) = match result {
                Ok(()) => {
                    info!(trail = %file.trail, bucket = %file.bucket, key = %file.key, bytes = file.bytes, records = file.records, "file delivered");
                    self.lanes.succeed(&file);
                    (None, true)
                }
                Err(refusal) if refusal.is_taken() => {
                    error!(trail = %file.trail, bucket = %file.bucket, key = %file.key, %refusal, "file not delivered: two histories meet in the bucket");
                    self.lanes.set_aside(&file);
                    (refusal.code, false)
                }
                Err(refusal) => {
                    warn!(trail = %file.trail, bucket = %file.bucket, %refusal, "file not delivered, trying again");
                    self.lanes.fail(&file, now, self.components.ambient.random.as_ref());
                    (refusal.code, false)
                }
            };
            // That there are two histories is not undone by what is delivered after.
            let is_contradicted = self.lanes.is_contradicted(&file.trail);
            for status in self.backlog.statuses_of(&place(&file)) {
                note(status, file.kind, now, success, code.as_deref(), is_contradicted);
            }
            if success {
                gone.push(sequence);
                if self.backlog.deliver(sequence, now.as_millisecond()) {
                    commit.settled.push(sequence);
                } else {
                    commit.delivered.push((sequence, now.as_millisecond()));
                }
            }
            let place = place(&file);
            if success && file.kind == FileKind::Log {
                self.notify(&file);
                let (trail_arn, bucket, key) = (file.trail, file.bucket, file.key);
                told.push(Delivered { trail_arn, bucket, key });
            }
            changed.insert(place);
        }
        for place in changed {
            let [of_trail, own] = self.backlog.statuses_of(&place).map(|it| it.clone());
            commit.statuses.push((place.0.clone(), of_trail));
            commit.region_statuses.push((place, own));
        }
        self.commit(commit).await?;
        for delivered in told {
            // Nobody may be listening.
            self.delivered.send(delivered).ok();
        }
        let spool = self.spool.clone();
        let remove = move || gone.into_iter().for_each(|it| spool.remove(it));
        spawn_blocking(remove).await.map_err(|_| Error::Stopping)
    }
}

impl Deliverer {
    /// Begins to tell the trail's topic of a log file.
    fn notify(&mut self, file: &DeliveryFile) {
        let Some(notifier) = self.components.notifier.clone() else { return };
        let versions = self.reader.versions().iter();
        let of_file =
            versions.filter(|it| it.trail_arn == file.trail && it.version <= file.version);
        let version = of_file.max_by_key(|it| it.version);
        let Some(topic) = version.and_then(|it| it.sns_topic.clone()) else { return };
        let message = serde_json::json!({"s3Bucket": file.bucket, "s3ObjectKey": [file.key]});
        let (place, timeout) = (place(file), self.settings.put_timeout());
        let clock = self.components.ambient.clock.clone();
        self.uploads.spawn(async move {
            let message = message.to_string();
            let result = tokio::select! {
                biased;
                result = notifier.publish(&topic, &message) => result,
                () = clock.sleep(timeout) => Err(Refusal::timed_out()),
            };
            Outcome::Message { place, result }
        });
    }

    fn note_message(&mut self, place: &Place, result: &Result<(), Refusal>) {
        let now = self.now();
        if let Err(refusal) = result {
            warn!(trail = %place.0, %refusal, "the topic was not told of a file");
        }
        for status in self.backlog.statuses_of(place) {
            status.latest_notification_attempt = Some(now);
            match result {
                Ok(()) => {
                    status.latest_notification = Some(now);
                    status.latest_notification_attempt_succeeded = Some(now);
                    status.latest_notification_error = None;
                }
                // CloudTrail shows nothing of time-outs either.
                Err(Refusal { code: None, .. }) => {}
                Err(Refusal { code, .. }) => status.latest_notification_error.clone_from(code),
            }
        }
    }
}

/// Notes how a write went. A time-out, which has no code, changes no error.
fn note(
    status: &mut Status,
    kind: FileKind,
    now: Timestamp,
    success: bool,
    code: Option<&str>,
    is_contradicted: bool,
) {
    let (latest, error) = match kind {
        FileKind::Log => {
            status.latest_delivery_attempt = Some(now);
            if success {
                status.latest_delivery_attempt_succeeded = Some(now);
            }
            (&mut status.latest_delivery, &mut status.latest_delivery_error)
        }
        FileKind::Backfill | FileKind::Digest => {
            (&mut status.latest_digest_delivery, &mut status.latest_digest_delivery_error)
        }
    };
    if success {
        *latest = Some(now);
        error.take_if(|_| !is_contradicted);
    } else if let Some(code) = code {
        *error = Some(code.to_owned());
    }
}

async fn upload(components: &Components, spool: Spool, file: &DeliveryFile) -> Result<(), Refusal> {
    let target = Target {
        bucket: file.bucket.clone(),
        trail_arn: file.trail.clone(),
        account: AccountId::parse(&file.account).ok(),
        kms_key: file.kms_key.clone(),
    };
    let destination = components.buckets.open(&target).await?;
    let sequence = file.sequence;
    let body = spawn_blocking(move || spool.read(sequence)).await;
    let broken = |reason: String| Refusal::new("InternalError", reason);
    let body = body.map_err(|_| broken("the process is stopping".to_owned()))?;
    let body = body.map_err(|error| broken(format!("the waiting file is gone: {error}")))?;
    let metadata: BTreeMap<String, String> = serde_json::from_str(&file.metadata)
        .map_err(|error| broken(format!("the metadata is damaged: {error}")))?;
    let metadata = metadata.into_iter().collect();
    destination.put(Object { key: file.key.clone(), body, metadata }).await
}
