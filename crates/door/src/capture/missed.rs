//! Reads that were answered while not even the log's reserve had room for their records.
//!
//! They are counted in memory, since there is nowhere else, and become one gap record as soon as
//! there is room. A crash before that forgets them.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use log::{Frame, Kind};
use record::AccountId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{Capture, SOURCE, Unrecorded};
use crate::recorder::Loss;

/// The records that are missing, and that nothing in the log tells of yet.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    owed: Mutex<Option<Span>>,
    added: Notify,
}

/// Some missing records. Of what is not the same for all of them nothing is said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Span {
    count: u64,
    from: Timestamp,
    until: Timestamp,
    account: Option<AccountId>,
    region: Option<String>,
}

impl Span {
    /// The records in these frames; nothing when there is none.
    pub(super) fn of(frames: &[Frame]) -> Option<Self> {
        let each = frames.iter().filter(|it| it.kind.has_record()).map(|it| Self {
            count: 1,
            from: it.arrival,
            until: it.arrival,
            account: Some(it.account),
            region: Some(it.region.clone()),
        });
        each.reduce(Self::and)
    }

    fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            from: self.from.min(other.from),
            until: self.until.max(other.until),
            account: self.account.filter(|it| other.account == Some(*it)),
            region: self.region.filter(|it| other.region.as_ref() == Some(it)),
        }
    }
}

impl Missed {
    pub(super) fn add(&self, span: Option<Span>) {
        let Some(span) = span else { return };
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        *owed = Some(match owed.take() {
            Some(before) => before.and(span),
            None => span,
        });
        drop(owed);
        self.added.notify_one();
    }

    /// Tells of what is missing as soon as there is room, until `stop`, and then a last time.
    pub(crate) async fn run(&self, capture: &Capture, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = self.added.notified() => {}
                () = stop.cancelled() => break,
            }
            while self.tell(capture).await == Err(Unrecorded::NoRoom) {
                tokio::select! {
                    () = capture.clock.sleep(RETRY) => {}
                    () = stop.cancelled() => break,
                }
            }
        }
        if self.tell(capture).await.is_err()
            && let Some(span) = self.take()
        {
            error!(count = span.count, from = %span.from, until = %span.until,
                "no record tells that reads were not recorded");
        }
    }

    /// Appends the gap record, if one is due; like any other call's, so that one time without room
    /// is one gap.
    async fn tell(&self, capture: &Capture) -> Result<(), Unrecorded> {
        let Some(span) = self.take() else { return Ok(()) };
        let loss = Loss {
            reason: "LogFull",
            account: span.account,
            region: span.region.clone(),
            from: Some(span.from),
            until: span.until,
            count_at_most: Some(span.count),
            positions: None,
        };
        let now = capture.clock.now();
        let gap = capture.recorder.lost(&loss, now).into_frame(Kind::Gap, now, SOURCE, None);
        match capture.append(vec![gap]).await {
            Ok(_) => {
                warn!(count = span.count, "reads were not recorded while the log was full");
                Ok(())
            }
            Err(unrecorded) => {
                let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
                *owed = Some(match owed.take() {
                    Some(meanwhile) => span.and(meanwhile),
                    None => span,
                });
                Err(unrecorded)
            }
        }
    }

    fn take(&self) -> Option<Span> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// How often a full log is tried.
const RETRY: Duration = Duration::from_millis(500);
