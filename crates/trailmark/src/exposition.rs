//! What `/_trailmark/metrics` says: the door's counters, the log's, the store's.
//! Prometheus text format 0.0.4.

use std::{fmt::Write as _, sync::Arc};

use delivery::{Status, Statuses};
use door::Metrics;
use lake::Lake;
use log::{EventLog, Position};
use tokio::sync::watch;

use crate::{cosigning::Witnessed, deliveries::Deliveries};

/// Where the numbers come from.
#[derive(Debug)]
pub(crate) struct Exposition {
    door: Arc<Metrics>,
    log: Arc<dyn EventLog>,
    lake: Arc<Lake>,
    deliveries: watch::Receiver<Arc<Statuses>>,
    delivered_before: watch::Receiver<Position>,
    witnessed: watch::Receiver<Witnessed>,
}

impl Exposition {
    pub(crate) fn new(
        door: Arc<Metrics>,
        log: Arc<dyn EventLog>,
        lake: Arc<Lake>,
        deliveries: &Deliveries,
        witnessed: watch::Receiver<Witnessed>,
    ) -> Self {
        let (delivered_before, deliveries) = (deliveries.committed(), deliveries.statuses());
        Self { door, log, lake, deliveries, delivered_before, witnessed }
    }

    /// The whole page.
    pub(crate) fn text(&self) -> String {
        let mut text = self.door.prometheus();
        let usage = self.log.usage();
        let durable = self.log.durable().borrow().0;
        let stats = self.lake.stats();
        let seconds = |us: u64| us as f64 / 1e6;
        let statuses = Arc::clone(&self.deliveries.borrow());
        let waiting = |of: fn(&Status) -> u64| statuses.values().map(of).sum::<u64>() as f64;
        let witnessed = *self.witnessed.borrow();
        let numbers: [(&str, &str, &str, f64); 27] = [
            ("counter", "log_frames_total", "Frames that were synced.", durable as f64),
            ("gauge", "log_bytes", "Bytes of the log on disk.", usage.bytes as f64),
            ("gauge", "log_bound_bytes", "Bytes at which the log refuses.", usage.bound as f64),
            ("gauge", "log_segments", "Segments of the log.", usage.segments as f64),
            ("counter", "log_syncs_total", "Syncs of the log.", usage.syncs as f64),
            ("counter", "log_sync_seconds_total", "Time in syncs.", seconds(usage.sync_us)),
            ("gauge", "log_sync_seconds_max", "The longest sync.", seconds(usage.sync_us_max)),
            ("counter", "log_gaps_total", "Gaps found in the log.", usage.gaps as f64),
            ("gauge", "log_full", "Whether the log refuses.", f64::from(u8::from(usage.full))),
            ("gauge", "lake_rows", "Rows of the table.", stats.table_rows as f64),
            ("gauge", "lake_files", "Data files of the table.", stats.table_files as f64),
            ("gauge", "lake_bytes", "Bytes of the data files.", stats.table_bytes as f64),
            ("gauge", "lake_tail_rows", "Rows in memory.", stats.tail_rows as f64),
            ("gauge", "lake_tail_bytes", "Bytes in memory.", stats.tail_bytes as f64),
            ("gauge", "lake_lag_frames", "Frames that are durable, not visible.", stats.lag as f64),
            (
                "gauge",
                "lake_uncommitted_frames",
                "Frames that are durable, not in the table.",
                durable.saturating_sub(stats.committed.0) as f64,
            ),
            (
                "gauge",
                "lake_visible_position",
                "The log is visible to here.",
                stats.visible.0 as f64,
            ),
            ("counter", "lake_commits_total", "Commits of the table.", stats.commits as f64),
            (
                "counter",
                "lake_flush_failures_total",
                "Flushes that failed.",
                stats.flush_failures as f64,
            ),
            (
                "counter",
                "lake_unreadable_total",
                "Frames that are no record.",
                stats.unreadable as f64,
            ),
            (
                "gauge",
                "delivery_waiting_files",
                "Files that their buckets have not taken yet.",
                waiting(|it| it.waiting_files),
            ),
            (
                "gauge",
                "delivery_waiting_bytes",
                "Bytes of these files.",
                waiting(|it| it.waiting_bytes),
            ),
            (
                "gauge",
                "delivery_failing_trails",
                "Trails whose last write was refused.",
                waiting(|it| {
                    u64::from(
                        it.latest_delivery_error.is_some()
                            || it.latest_digest_delivery_error.is_some(),
                    )
                }),
            ),
            (
                "gauge",
                "delivery_stalled_trails",
                "Trails whose quota of waiting files is used up.",
                waiting(|it| u64::from(it.quota_exceeded)),
            ),
            (
                "gauge",
                "delivery_undecided_frames",
                "Frames that deliveries may still read.",
                durable.saturating_sub(self.delivered_before.borrow().0) as f64,
            ),
            (
                "gauge",
                "witnesses_contradicting",
                "Witnesses that have seen another history of this log.",
                witnessed.contradicting as f64,
            ),
            (
                "gauge",
                "witnesses_silent",
                "Witnesses that did not cosign for another reason.",
                witnessed.silent as f64,
            ),
        ];
        for (kind, name, help, value) in numbers {
            // Writing to a string cannot fail.
            let _infallible = write!(
                text,
                "# HELP trailmark_{name} {help}\n# TYPE trailmark_{name} {kind}\ntrailmark_{name} {value}\n"
            );
        }
        text
    }
}
