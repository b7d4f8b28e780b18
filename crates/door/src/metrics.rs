//! What the door counts.
//!
//! Lives here: the counters and their Prometheus text. Labels come from the catalogue of services
//! alone, never from a caller, so their number is bounded.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Counters of the door. Cheap to count in from every task.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Connections that are open now.
    pub connections: Gauge,
    /// Calls that are under way now.
    pub in_flight: Gauge,
    /// Bytes of request bodies.
    pub bytes_in: Counter,
    /// Bytes of answers' bodies.
    pub bytes_out: Counter,
    /// Connections and calls answered 503 for want of capacity.
    pub refused_capacity: Counter,
    /// Calls refused because the log has no room.
    pub refused_log: Counter,
    /// Reads of our own that were answered while not even the log's reserve had room for their
    /// records; a gap record tells of them.
    pub unrecorded_reads: Counter,
    /// Requests refused for the way they were framed.
    pub refused_framing: Counter,
    /// Calls that failed authentication and were counted instead of recorded.
    pub floods_suppressed: Counter,
    /// Records handed to the log.
    pub records: Counter,
    /// Records of the mode `buffered` that wait for the log now.
    pub buffered: Gauge,
    /// Records of the mode `buffered` that were lost; each loss leaves a gap record.
    pub buffered_lost: Counter,
    calls: RwLock<BTreeMap<(&'static str, Outcome), Counter>>,
}

/// How a call ended, for counting.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// Answered below 400.
    Success,
    /// Answered 4xx.
    ClientError,
    /// Answered 5xx.
    ServerError,
    /// Not believed or not allowed.
    Refused,
    /// The caller or the upstream left halfway.
    Broken,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Counter {
    /// Adds `number`.
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Gauge {
    /// Adds `number`.
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Relaxed);
    }

    /// Takes `number` away, which must have been added.
    pub fn sub(&self, number: u64) {
        self.0.fetch_sub(number, Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Outcome {
    /// The outcome of an answer with that status.
    #[must_use]
    pub fn of(status: http::StatusCode) -> Self {
        if status.is_server_error() {
            Self::ServerError
        } else if status.is_client_error() {
            Self::ClientError
        } else {
            Self::Success
        }
    }

    /// The value of the label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::Refused => "refused",
            Self::Broken => "broken",
        }
    }
}

impl Metrics {
    /// Counts a call of `service`, a name of the catalogue.
    pub fn count(&self, service: &'static str, outcome: Outcome) {
        let calls = self.calls.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = calls.get(&(service, outcome)) {
            return counter.add(1);
        }
        drop(calls);
        let mut calls = self.calls.write().unwrap_or_else(PoisonError::into_inner);
        calls.entry((service, outcome)).or_default().add(1);
    }

    /// How many calls of `service` ended so.
    #[must_use]
    pub fn calls(&self, service: &'static str, outcome: Outcome) -> u64 {
        let calls = self.calls.read().unwrap_or_else(PoisonError::into_inner);
        calls.get(&(service, outcome)).map_or(0, Counter::value)
    }

    /// The counters in Prometheus' text format.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut text = String::with_capacity(4096);
        let mut line = |kind: &str, name: &str, help: &str, value: u64| {
            write!(
                text,
                "# HELP trailmark_door_{name} {help}\n# TYPE trailmark_door_{name} {kind}\n\
                 trailmark_door_{name} {value}\n"
            )
            .expect("a string takes all text");
        };
        line("gauge", "connections", "Open connections.", self.connections.value());
        line("gauge", "calls_in_flight", "Calls under way.", self.in_flight.value());
        line("counter", "bytes_in_total", "Bytes of request bodies.", self.bytes_in.value());
        line("counter", "bytes_out_total", "Bytes of answers' bodies.", self.bytes_out.value());
        line(
            "counter",
            "refused_capacity_total",
            "Connections and calls refused for want of capacity.",
            self.refused_capacity.value(),
        );
        line(
            "counter",
            "refused_log_total",
            "Calls refused because the log has no room.",
            self.refused_log.value(),
        );
        line(
            "counter",
            "unrecorded_reads_total",
            "Own reads answered without room for their records; gap records tell of them.",
            self.unrecorded_reads.value(),
        );
        line(
            "counter",
            "refused_framing_total",
            "Requests refused for the way they were framed.",
            self.refused_framing.value(),
        );
        line(
            "counter",
            "authentication_failures_suppressed_total",
            "Failed authentications counted instead of recorded one by one.",
            self.floods_suppressed.value(),
        );
        line("counter", "records_total", "Records handed to the log.", self.records.value());
        line("gauge", "buffered_records", "Records that wait for the log.", self.buffered.value());
        line(
            "counter",
            "buffered_records_lost_total",
            "Buffered records that were lost.",
            self.buffered_lost.value(),
        );
        text.push_str(
            "# HELP trailmark_door_calls_total Calls that ended.\n\
             # TYPE trailmark_door_calls_total counter\n",
        );
        let calls = self.calls.read().unwrap_or_else(PoisonError::into_inner);
        for ((service, outcome), counter) in calls.iter() {
            writeln!(
                text,
                "trailmark_door_calls_total{{service=\"{service}\",outcome=\"{}\"}} {}",
                outcome.as_str(),
                counter.value()
            )
            .expect("a string takes all text");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_service_and_outcome() {
        let metrics = Metrics::default();
        metrics.count("s3", Outcome::Success);
        metrics.count("s3", Outcome::Success);
        metrics.count("sts", Outcome::Refused);
        assert_eq!(metrics.calls("s3", Outcome::Success), 2);
        let text = metrics.prometheus();
        assert!(
            text.contains("trailmark_door_calls_total{service=\"s3\",outcome=\"success\"} 2\n")
        );
        assert!(
            text.contains("trailmark_door_calls_total{service=\"sts\",outcome=\"refused\"} 1\n")
        );
    }
}
