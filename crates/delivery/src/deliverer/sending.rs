//! Sending files to their buckets, and what follows from their answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use catalog::delivery::{DeliveryCommit, DeliveryFile, FileKind};
use jiff::Timestamp;
use record::AccountId;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::{Delivered, Deliverer};
use crate::{
    Components, Error, Refusal, Status, Target, backlog::Place, destination::Object, spool::Spool,
};

/// How something went that was sent.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A file to its bucket.
    File {
        /// Which.
        sequence: u64,
        /// All that is known of it, when it could be read.
        file: Option<Box<DeliveryFile>>,
        /// What the bucket said.
        result: Result<(), Refusal>,
    },
    /// A message to a topic.
    Message {
        /// Trail, account and region of the file that it tells of.
        place: Arc<Place>,
        /// What the topic said.
        result: Result<(), Refusal>,
    },
}

impl Deliverer {
    /// Begins to send all that may be sent now.
    pub(super) fn send(&mut self) {
        let now = self.now();
        while let Some(sequence) = self.lanes.start(&self.settings, now) {
            let (components, spool) = (self.components.clone(), self.spool.clone());
            let timeout = self.settings.put_timeout();
            self.uploads.spawn(async move {
                // What takes its time on our side is not the bucket's fault.
                let file = match find(&components, sequence).await {
                    Ok(file) => file,
                    Err(refusal) => {
                        return Outcome::File { sequence, file: None, result: Err(refusal) };
                    }
                };
                let result = tokio::select! {
                    biased;
                    result = upload(&components, spool, &file) => result,
                    () = components.ambient.clock.sleep(timeout) => Err(Refusal::timed_out()),
                };
                Outcome::File { sequence, file: Some(file), result }
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
            let (sequence, file, result) = match outcome {
                Outcome::File { sequence, file, result } => (sequence, file, result),
                Outcome::Message { place, result } => {
                    self.note_message(&place, &result);
                    changed.insert(place);
                    continue;
                }
            };
            let Some(mark) = self.backlog.files.get(&sequence).cloned() else { continue };
            let (trail, bucket) = (&mark.place.0, &mark.bucket);
            let key = file.as_ref().map(|it| it.key.as_str()).unwrap_or_default();
            let (code, success) = match result {
                Ok(()) => {
                    let records = file.as_ref().map(|it| it.records);
                    info!(%trail, %bucket, key, bytes = mark.bytes, records, "file delivered");
                    self.lanes.succeed(&mark);
                    (None, true)
                }
                Err(refusal) if refusal.is_taken() => {
                    error!(%trail, %bucket, key, %refusal, "file not delivered: two histories meet in the bucket");
                    self.lanes.set_aside(&mark);
                    (refusal.code, false)
                }
                Err(refusal) => {
                    warn!(%trail, %bucket, %refusal, "file not delivered, trying again");
                    self.lanes.fail(&mark, now, self.components.ambient.random.as_ref());
                    (refusal.code, false)
                }
            };
            // That there are two histories is not undone by what is delivered after.
            let is_contradicted = self.lanes.is_contradicted(trail);
            for status in self.backlog.statuses_of(&mark.place) {
                note(status, mark.kind, now, success, code.as_deref(), is_contradicted);
            }
            if success {
                gone.push(sequence);
                if self.backlog.deliver(sequence, now.as_millisecond()) {
                    commit.settled.push(sequence);
                } else {
                    commit.delivered.push((sequence, now.as_millisecond()));
                }
            }
            if success
                && mark.kind == FileKind::Log
                && let Some(file) = file
            {
                self.notify(&file, &mark.place);
                let DeliveryFile { trail: trail_arn, bucket, key, .. } = *file;
                told.push(Delivered { trail_arn, bucket, key });
            }
            changed.insert(mark.place);
        }
        for place in changed {
            let [of_trail, own] = self.backlog.statuses_of(&place).map(|it| it.clone());
            commit.statuses.push((place.0.clone(), of_trail));
            commit.region_statuses.push((place.as_ref().clone(), own));
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
    fn notify(&mut self, file: &DeliveryFile, place: &Arc<Place>) {
        let Some(notifier) = self.components.notifier.clone() else { return };
        let versions = self.reader.versions().iter();
        let of_file =
            versions.filter(|it| it.trail_arn == file.trail && it.version <= file.version);
        let version = of_file.max_by_key(|it| it.version);
        let Some(topic) = version.and_then(|it| it.sns_topic.clone()) else { return };
        let message = serde_json::json!({"s3Bucket": file.bucket, "s3ObjectKey": [file.key]});
        let (place, timeout) = (Arc::clone(place), self.settings.put_timeout());
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

/// All that is known of a file.
async fn find(components: &Components, sequence: u64) -> Result<Box<DeliveryFile>, Refusal> {
    let found = components.catalog.delivery_file(sequence).await;
    let found = found.map_err(|error| broken(format!("the file cannot be looked up: {error}")))?;
    found.map(Box::new).ok_or_else(|| broken("nothing is known of the file".to_owned()))
}

fn broken(reason: String) -> Refusal {
    Refusal::new("InternalError", reason)
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
    let body = body.map_err(|_| broken("the process is stopping".to_owned()))?;
    let body = body.map_err(|error| broken(format!("the waiting file is gone: {error}")))?;
    let metadata: BTreeMap<String, String> = serde_json::from_str(&file.metadata)
        .map_err(|error| broken(format!("the metadata is damaged: {error}")))?;
    let metadata = metadata.into_iter().collect();
    destination.put(Object { key: file.key.clone(), body, metadata }).await
}
