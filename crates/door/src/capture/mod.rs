//! Capture: when the record of a call is made, and when it is durable.
//!
//! Lives here: [`Capture`], and [`Open`], a call that has begun and whose record is still owed. It is
//! paid whatever happens: when the answer has ended, when it broke, and when the caller has left and
//! everything about the call is dropped.
//! Lives elsewhere: what the record says (`recorder`), how it is kept (`log`).
//!
//! Start at [`Capture::begin`], then [`Open::settle`].

mod body;
pub(crate) mod buffer;
pub(crate) mod flood;
mod lasting;
mod missed;
pub(crate) mod recovery;
mod room;

use std::sync::{Arc, Mutex, PoisonError};

use ambient::Clock;
use bytes::{Bytes, BytesMut};
use catalog::{Catalog, Session};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use log::{EventLog, Evidence, Frame, Kind, Marks, Position};
use record::AccountId;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::error;
use wire::identify::Identified;

use crate::{
    Components, Settings,
    hold::{Budget, Reserve},
    metrics::{Metrics, Outcome},
    outflow::Meter,
    recorder::{self, Answered, Draft, Ending, Failure, Finished, Held, Recorder},
    settings::Mode,
};

pub(crate) use body::{Captured, Source, failure};
use buffer::{Buffer, Lease};
use flood::Floods;
use lasting::Lasting;
use missed::Missed;
use room::Room;
pub(crate) use room::resource as bucket_resource;

/// Makes and keeps the records of calls.
pub(crate) struct Capture {
    /// The deployment's own account.
    account: AccountId,
    pub(crate) recorder: Recorder,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) catalog: Catalog,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) buffer: Buffer,
    pub(crate) budget: Budget,
    pub(crate) floods: Floods,
    pub(crate) room: Room,
    pub(crate) missed: Missed,
    /// Records that are made after their callers have left.
    pub(crate) tasks: TaskTracker,
    fatal: Mutex<Option<log::Error>>,
    /// Cancelled when the log has failed for good.
    pub(crate) failed: CancellationToken,
}

/// A call that has begun and whose record is owed. Dropped, it is settled in the background: then
/// the caller has left.
pub(crate) struct Open {
    capture: Arc<Capture>,
    /// Taken when it is settled.
    call: Option<Box<Underway>>,
}

/// What is known of a call under way.
pub(crate) struct Underway {
    /// Taken when the record is made.
    draft: Option<Draft>,
    target: Arc<Identified>,
    /// The name under which the call is counted.
    service: &'static str,
    arrival: Timestamp,
    intent: Option<Position>,
    meter: Meter,
    /// `x-amz-decoded-content-length`: how long the body is without the frames of `aws-chunked`.
    decoded_length: Option<u64>,
    answer: Option<Seen>,
    failure: Option<Failure>,
    bytes_out: u64,
    lease: Option<Lease>,
    reserve: Reserve,
    _place: Place,
}

/// What was seen of an answer.
struct Seen {
    status: StatusCode,
    headers: HeaderMap,
    body: SeenBody,
}

enum SeenBody {
    /// Nobody reads it.
    Unread,
    /// What there is of it so far.
    Partial(BytesMut),
    Whole(Bytes),
    TooLarge,
}

/// What a call is captured by.
pub(crate) struct Beginning {
    pub(crate) draft: Draft,
    pub(crate) target: Arc<Identified>,
    pub(crate) arrival: Timestamp,
    pub(crate) mode: Mode,
    /// The name under which the call is counted.
    pub(crate) service: &'static str,
    pub(crate) meter: Meter,
    pub(crate) decoded_length: Option<u64>,
    pub(crate) reserve: Reserve,
    pub(crate) place: Place,
}

/// A place among the calls that may be under way at once.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    metrics: Arc<Metrics>,
}

impl Place {
    pub(crate) fn new(permit: OwnedSemaphorePermit, metrics: &Arc<Metrics>) -> Self {
        metrics.in_flight.add(1);
        Self { _permit: permit, metrics: Arc::clone(metrics) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.in_flight.sub(1);
    }
}

/// A record could not be made durable.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unrecorded {
    /// The log has no room. A later call may be recorded.
    #[error("the log has no room for the record")]
    NoRoom,
    /// The log has failed for good.
    #[error("the log has failed")]
    Failed,
}

impl Capture {
    pub(crate) fn new(settings: &Settings, components: &Components) -> Self {
        let Components { account, ambient, catalog, log, metrics, .. } = components;
        let of_recorder = recorder::Settings { account: *account, region: settings.region.clone() };
        Self {
            account: *account,
            recorder: Recorder::new(of_recorder, Arc::clone(&ambient.random)),
            log: Arc::clone(log),
            catalog: catalog.clone(),
            clock: Arc::clone(&ambient.clock),
            metrics: Arc::clone(metrics),
            buffer: Buffer::new(settings.buffered_max),
            budget: Budget::new(settings.held_bytes_max),
            floods: Floods::default(),
            room: Room::default(),
            missed: Missed::default(),
            tasks: TaskTracker::new(),
            fatal: Mutex::new(None),
            failed: CancellationToken::new(),
        }
    }

    /// Begins a call, before it leaves. In the mode `strict` what is known of it is durable when
    /// this returns.
    pub(crate) async fn begin(self: &Arc<Self>, it: Beginning) -> Result<Open, Unrecorded> {
        let mode = if it.draft.is_own_read() {
            match self.room.look(self).await {
                Ok(()) => it.mode,
                // Reads go on. Their records have a reserve; an intent or a note would have none.
                Err(Unrecorded::NoRoom) => Mode::Durable,
                Err(Unrecorded::Failed) => return Err(Unrecorded::Failed),
            }
        } else {
            self.room.check(self).await?;
            it.mode
        };
        let (mut intent, mut lease) = (None, None);
        match mode {
            Mode::Durable => {}
            Mode::Buffered => lease = Some(self.buffer.lease(self).await?),
            Mode::Strict => {
                let positions = self.append(vec![intent_frame(&it.draft, it.arrival)]).await?;
                intent = Some(positions.start);
            }
        }
        let call = Underway {
            draft: Some(it.draft),
            target: it.target,
            service: it.service,
            arrival: it.arrival,
            intent,
            meter: it.meter,
            decoded_length: it.decoded_length,
            answer: None,
            failure: None,
            bytes_out: 0,
            lease,
            reserve: it.reserve,
            _place: it.place,
        };
        Ok(Open { capture: Arc::clone(self), call: Some(Box::new(call)) })
    }

    /// Appends frames, and stops everything when the log has failed.
    pub(crate) async fn append(
        &self,
        frames: Vec<Frame>,
    ) -> Result<std::ops::Range<Position>, Unrecorded> {
        let records = records(&frames);
        self.judge(records, self.log.append(frames).await)
    }

    /// Appends the records of a read that goes on while the log is full. What not even the reserve
    /// has room for is counted, and a gap record will tell of it.
    async fn append_read(&self, frames: Vec<Frame>) -> Result<(), Unrecorded> {
        let records = records(&frames);
        let owed = missed::Span::of(&frames);
        match self.judge(records, self.log.append_reserved(frames).await) {
            Err(Unrecorded::NoRoom) => {
                self.metrics.unrecorded_reads.add(1);
                self.missed.add(owed);
                Ok(())
            }
            kept => kept.map(drop),
        }
    }

    fn judge(
        &self,
        records: u64,
        kept: Result<std::ops::Range<Position>, log::Error>,
    ) -> Result<std::ops::Range<Position>, Unrecorded> {
        match kept {
            Ok(positions) => {
                self.metrics.records.add(records);
                Ok(positions)
            }
            Err(log::Error::Full { .. }) => Err(Unrecorded::NoRoom),
            Err(fatal) => {
                self.fail(fatal);
                Err(Unrecorded::Failed)
            }
        }
    }

    /// Keeps the first fatal error, and says that there is one.
    fn fail(&self, fatal: log::Error) {
        error!(error = &fatal as &dyn std::error::Error, "the log has failed");
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fatal);
        self.failed.cancel();
    }

    /// Why the log has failed, once.
    pub(crate) fn take_fatal(&self) -> Option<log::Error> {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Keeps the record of a call that was refused because its caller was not believed; completes
    /// when it is durable. Of a flood only the number is kept until its window ends.
    pub(crate) async fn reject(
        self: &Arc<Self>,
        refusal: flood::Refusal,
        finished: Finished,
    ) -> Result<(), Unrecorded> {
        let arrival = refusal.arrival;
        if self.floods.is_one_too_many(refusal, self.clock.now()) {
            self.metrics.floods_suppressed.add(1);
            return Ok(());
        }
        let frame = finished.into_frame(Kind::Record, arrival, SOURCE, None);
        let capture = Arc::clone(self);
        let append = async move {
            capture.room.check(&capture).await?;
            capture.append(vec![frame]).await.map(drop)
        };
        Lasting::new(&self.tasks, append).await
    }

    /// Records floods when their windows end, until `stop`, and then those that go on.
    pub(crate) async fn watch_floods(&self, stop: &CancellationToken) {
        loop {
            let stopped = tokio::select! {
                () = self.clock.sleep(flood::LOOK) => false,
                () = stop.cancelled() => true,
            };
            self.end_floods(stopped).await;
            if stopped {
                return;
            }
        }
    }

    async fn end_floods(&self, all: bool) {
        let now = self.clock.now();
        let frames: Vec<_> = self
            .floods
            .take_ended(now, all)
            .iter()
            .map(|it| self.recorder.flood(it).into_frame(Kind::Record, it.until, SOURCE, None))
            .collect();
        if !frames.is_empty() && self.append(frames).await.is_err() {
            error!("floods of refused calls could not be recorded");
        }
    }
}

impl Open {
    /// Takes note of the head of an answer. `reads_body` says whether its body is read.
    pub(crate) fn answered(&mut self, status: StatusCode, headers: &HeaderMap, reads_body: bool) {
        if let Some(call) = &mut self.call {
            let body =
                if reads_body { SeenBody::Partial(BytesMut::new()) } else { SeenBody::Unread };
            call.answer = Some(Seen { status, headers: headers.clone(), body });
        }
    }

    /// Takes note of bytes of the answer's body that go to the caller.
    pub(crate) fn passes(&mut self, data: &Bytes) {
        let budget = &self.capture.budget;
        let Some(call) = &mut self.call else { return };
        call.bytes_out += data.len() as u64;
        let Some(Seen { body, .. }) = &mut call.answer else { return };
        if let SeenBody::Partial(held) = body {
            let fits = held.len() + data.len() <= wire::parameters::body_max(&call.target);
            if fits && call.reserve.grow(budget, data.len()) {
                held.extend_from_slice(data);
            } else {
                *body = SeenBody::TooLarge;
            }
        }
    }

    /// Takes note that the answer's body has ended.
    pub(crate) fn ended(&mut self) {
        if let Some(Seen { body, .. }) = self.call.as_mut().and_then(|it| it.answer.as_mut())
            && let SeenBody::Partial(held) = body
        {
            *body = SeenBody::Whole(held.split().freeze());
        }
    }

    /// Takes note of what went wrong.
    pub(crate) fn failed(&mut self, failure: Failure) {
        if let Some(call) = &mut self.call {
            call.failure = Some(failure);
        }
    }

    /// Makes the record. Completes when it is as durable as the mode promises; dropped before, it
    /// goes on in the background.
    pub(crate) fn settle(mut self) -> Lasting<Result<(), Unrecorded>> {
        let capture = Arc::clone(&self.capture);
        let call = self.call.take();
        let tasks = self.capture.tasks.clone();
        Lasting::new(&tasks, async move {
            match call {
                Some(call) => call.settle(&capture).await,
                None => Ok(()),
            }
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(mut call) = self.call.take() else { return };
        call.failure.get_or_insert(Failure::ClientLeft);
        let capture = Arc::clone(&self.capture);
        let task = async move {
            if call.settle(&capture).await.is_err() {
                error!("the record of a call whose caller left could not be kept");
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            self.capture.tasks.spawn_on(task, &runtime);
        } else {
            error!("a call ended after the runtime: its record is lost");
        }
    }
}

impl Underway {
    async fn settle(mut self: Box<Self>, capture: &Arc<Capture>) -> Result<(), Unrecorded> {
        let Some(draft) = self.draft.take() else { return Ok(()) };
        let completed = capture.clock.now();
        let metrics = &capture.metrics;
        metrics.bytes_in.add(self.meter.bytes());
        metrics.bytes_out.add(self.bytes_out);
        let outcome = match (&self.failure, &self.answer) {
            (None, Some(seen)) => Outcome::of(seen.status),
            (Some(_), _) | (None, None) => Outcome::Broken,
        };
        metrics.count(self.service, outcome);

        let ending = self.ending(completed);
        let learned = capture.recorder.learn(&draft, &ending);
        let owned = self.owned_bucket(draft.account());
        // An intent must be answered in the log, or it would hold back its trimming.
        let is_read = draft.is_own_read() && self.intent.is_none();
        let finished = capture.recorder.finish(draft, &self.target, &ending);
        if let Some(learned) = learned {
            let session = Session {
                access_key_id: learned.access_key_id,
                identity: learned.identity,
                account: learned.account,
                expires: learned.expires,
            };
            if let Err(error) = capture.catalog.remember(&session).await {
                error!(error = &error as &dyn std::error::Error, "a session was not remembered");
            }
        }
        if let Some(owned) = owned {
            owned.keep(&capture.catalog).await;
        }
        if self.suppresses(capture, &finished) {
            metrics.floods_suppressed.add(1);
            return Ok(());
        }
        let frames = self.frames(finished);
        match self.lease {
            // More records than the lease is for do not wait in memory.
            Some(lease) if frames.len() == 1 => {
                capture.buffer.push(capture, frames, lease);
                Ok(())
            }
            Some(_) | None if is_read => capture.append_read(frames).await,
            Some(_) | None => capture.append(frames).await.map(drop),
        }
    }

    fn ending(&self, completed: Timestamp) -> Ending<'_> {
        let answer = self.answer.as_ref().map(|seen| Answered {
            status: seen.status,
            headers: &seen.headers,
            body: match &seen.body {
                SeenBody::Unread => Held::None,
                SeenBody::Partial(_) => Held::Cut,
                SeenBody::Whole(bytes) => Held::Whole(bytes),
                SeenBody::TooLarge => Held::TooLarge,
            },
        });
        let bytes_in = self.meter.bytes();
        // Chunk frames only add: a body that is at least as long as its data came whole.
        let bytes_in = self.decoded_length.filter(|it| *it <= bytes_in).unwrap_or(bytes_in);
        let bytes_out = self.bytes_out;
        Ending { answer, failure: self.failure, bytes_in, bytes_out, completed }
    }

    /// Frames of the records: the first one answers the intent.
    fn frames(&self, finished: Vec<Finished>) -> Vec<Frame> {
        let mut intent = self.intent;
        finished
            .into_iter()
            .map(|it| {
                let answers = intent.take();
                let kind = if answers.is_some() { Kind::Outcome } else { Kind::Record };
                it.into_frame(kind, self.arrival, SOURCE, answers)
            })
            .collect()
    }

    /// Whether the upstream refused the caller, and has done so too often for a record each. An
    /// intent is answered in any case.
    fn suppresses(&self, capture: &Capture, finished: &[Finished]) -> bool {
        let Some(seen) = &self.answer else { return false };
        let refused = seen.status.is_client_error()
            && finished.iter().all(|it| it.marks.has(Marks::CLAIMED))
            && self.intent.is_none();
        refused
            && flood::Refusal::from_record(finished, seen.status)
                .is_some_and(|it| capture.floods.is_one_too_many(it, capture.clock.now()))
    }

    /// What a successful call says about who owns a bucket.
    fn owned_bucket(&self, account: AccountId) -> Option<room::OwnedBucket> {
        self.answer.as_ref().filter(|it| it.status.is_success())?;
        room::OwnedBucket::of(&self.target, account)
    }
}

/// How many of the frames hold records.
fn records(frames: &[Frame]) -> u64 {
    frames.iter().filter(|it| it.kind.has_record()).count() as u64
}

/// The frame of an intent: a draft in which nothing is secret.
fn intent_frame(draft: &Draft, arrival: Timestamp) -> Frame {
    Frame {
        kind: Kind::Intent,
        evidence: Evidence::Proxy,
        marks: Marks::NONE,
        category: draft.category(),
        arrival,
        source: SOURCE.to_owned(),
        source_sequence: 0,
        account: draft.account(),
        region: draft.region().to_owned(),
        answers: None,
        body: draft.intent().into(),
    }
}

/// Who writes these frames.
pub(crate) const SOURCE: &str = "door";
