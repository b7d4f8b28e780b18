//! Calls that are refused in great number become records with a count, so that strangers cannot
//! fill the log.
//!
//! Lives here: the window of each source, a pure table; its bounds.
//! Lives elsewhere: what such a record says (`recorder`).

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::StatusCode;
use jiff::Timestamp;
use record::AccountId;
use serde::Deserialize;

use crate::recorder::{Arrived, Finished, Flood};

/// The floods that go on.
#[derive(Debug, Default)]
pub(crate) struct Floods {
    windows: Mutex<HashMap<Source, Window, foldhash::fast::RandomState>>,
}

/// Whose calls, and why they were refused.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Source {
    /// The address; of IPv6 the network, since one host has them all.
    network: IpAddr,
    code: String,
}

#[derive(Debug)]
struct Window {
    opened: Timestamp,
    /// Records that were written one by one.
    alone: u32,
    flood: Option<Flood>,
}

/// One refused call.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) source: IpAddr,
    pub(crate) claimed_key: Option<String>,
    pub(crate) account: Option<AccountId>,
    pub(crate) event_source: Option<String>,
    pub(crate) event_name: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) code: String,
    pub(crate) arrival: Timestamp,
}

impl Floods {
    /// Counts a refused call; whether it is one too many to get a record of its own.
    pub(crate) fn is_one_too_many(&self, refusal: Refusal, now: Timestamp) -> bool {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut source = Source { network: network(refusal.source), code: refusal.code.clone() };
        if windows.len() >= SOURCES_MAX && !windows.contains_key(&source) {
            // So many sources at once are a flood of their own, whoever sends it.
            source = Source { network: UNKNOWN, code: String::new() };
        }
        let is_many = source.network == UNKNOWN;
        let fresh = || Window { opened: now, alone: 0, flood: None };
        let window = windows.entry(source).or_insert_with(fresh);
        if window.is_over(now) && window.flood.is_none() {
            *window = fresh();
        }
        if window.alone < ALONE_MAX {
            window.alone += 1;
            return false;
        }
        match &mut window.flood {
            Some(flood) => flood.add(refusal),
            none => {
                let mut flood = refusal.into_flood();
                if is_many {
                    flood.source = UNKNOWN;
                }
                *none = Some(flood);
            }
        }
        true
    }

    /// Takes the floods whose windows have ended, and forgets sources that have gone quiet.
    pub(crate) fn take_ended(&self, now: Timestamp, all: bool) -> Vec<Flood> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended = Vec::new();
        windows.retain(|_, window| {
            let over = all || window.is_over(now);
            if over {
                ended.extend(window.flood.take());
            }
            !over
        });
        ended
    }
}

impl Window {
    fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.opened).unsigned_abs() >= WINDOW
    }
}

impl Refusal {
    /// A call that the door refused with `code`.
    pub(crate) fn of(arrived: &Arrived<'_>, code: &str) -> Self {
        let target = arrived.target;
        Self {
            source: arrived.source,
            claimed_key: arrived.caller.access_key_id().map(str::to_owned),
            account: arrived.caller.account(),
            event_source: target.event_source(),
            event_name: target.operation.map(|it| it.event_name.to_owned()),
            region: target.scope_region.clone(),
            code: code.to_owned(),
            arrival: arrived.arrival,
        }
    }

    /// A call that the upstream refused, as its record says it.
    pub(crate) fn from_record(finished: &[Finished], status: StatusCode) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Said {
            event_time: Timestamp,
            event_source: String,
            event_name: String,
            #[serde(rename = "sourceIPAddress")]
            source: IpAddr,
            error_code: Option<String>,
            user_identity: SaidIdentity,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct SaidIdentity {
            access_key_id: Option<String>,
        }
        let first = finished.first()?;
        let said: Said = serde_json::from_slice(&first.body).ok()?;
        Some(Self {
            source: said.source,
            claimed_key: said.user_identity.access_key_id,
            account: Some(first.account),
            event_source: Some(said.event_source),
            event_name: Some(said.event_name),
            region: Some(first.region.clone()),
            code: said.error_code.unwrap_or_else(|| status.as_str().to_owned()),
            arrival: said.event_time,
        })
    }

    fn into_flood(self) -> Flood {
        Flood {
            source: self.source,
            claimed_key: self.claimed_key,
            account: self.account,
            event_source: self.event_source,
            event_name: self.event_name,
            region: self.region,
            error_code: self.code,
            count: 1,
            from: self.arrival,
            until: self.arrival,
        }
    }
}

impl Flood {
    /// Adds a call. What is not the same for all of them is not said of any.
    fn add(&mut self, refusal: Refusal) {
        self.count += 1;
        self.until = self.until.max(refusal.arrival);
        self.from = self.from.min(refusal.arrival);
        if self.event_source != refusal.event_source {
            self.event_source = None;
        }
        if self.event_name != refusal.event_name {
            self.event_name = None;
        }
        if self.account != refusal.account {
            self.account = None;
        }
        self.claimed_key = refusal.claimed_key;
        self.region = refusal.region;
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(it) => {
            let [a, b, c, d, ..] = it.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Stands for many sources.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// How many refused calls of a source get a record each, in one window.
pub(crate) const ALONE_MAX: u32 = 10;
/// How long a flood is counted before it becomes a record.
pub(crate) const WINDOW: Duration = Duration::from_mins(1);
/// How often windows are looked at.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// How many sources are told apart.
const SOURCES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn refusal(source: &str, code: &str, second: i64) -> Refusal {
        Refusal {
            source: source.parse().unwrap(),
            claimed_key: Some("AKIAIOSFODNN7EXAMPLE".to_owned()),
            account: None,
            event_source: Some("s3.amazonaws.com".to_owned()),
            event_name: Some("GetObject".to_owned()),
            region: Some("us-east-1".to_owned()),
            code: code.to_owned(),
            arrival: at(second),
        }
    }

    fn refuse(floods: &Floods, source: &str, times: usize) -> usize {
        let one = |_: &usize| floods.is_one_too_many(refusal(source, "AccessDenied", 1), at(1));
        (0..times).filter(one).count()
    }

    #[test]
    fn the_first_refused_calls_of_a_source_get_a_record_each_and_the_rest_a_count() {
        let floods = Floods::default();
        assert_eq!(refuse(&floods, "203.0.113.7", 1000), 990);
        assert_eq!(refuse(&floods, "203.0.113.8", 10), 0);
        assert!(!floods.is_one_too_many(refusal("203.0.113.7", "ExpiredToken", 1), at(1)));
        assert!(floods.take_ended(at(60), false).is_empty());
        let ended = floods.take_ended(at(61), false);
        assert_eq!(ended.len(), 1);
        assert_eq!((ended[0].count, ended[0].error_code.as_str()), (990, "AccessDenied"));
        assert_eq!(ended[0].source, "203.0.113.7".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn after_a_window_a_source_begins_anew() {
        let floods = Floods::default();
        assert_eq!(refuse(&floods, "203.0.113.7", 20), 10);
        assert_eq!(floods.take_ended(at(61), false).len(), 1);
        assert_eq!(refuse(&floods, "203.0.113.7", 10), 0);
        assert!(floods.take_ended(at(200), false).is_empty(), "nothing was left out");
    }

    #[test]
    fn hosts_of_one_ipv6_network_are_one_source() {
        let floods = Floods::default();
        let suppressed =
            (0..100).filter(|it| refuse(&floods, &format!("2001:db8::{it:x}"), 1) == 1).count();
        assert_eq!(suppressed, 90);
    }

    #[test]
    fn the_table_is_bounded_however_many_sources_there_are() {
        let floods = Floods::default();
        let addresses = (0..20_000_u32).map(|it| Ipv4Addr::from(0x0a00_0000 + it).to_string());
        let suppressed: usize = addresses.map(|it| refuse(&floods, &it, 1)).sum();
        assert_eq!(suppressed, 20_000 - SOURCES_MAX - ALONE_MAX as usize);
        let ended = floods.take_ended(at(2), true);
        assert_eq!(ended.iter().map(|it| it.count).sum::<u64>(), suppressed as u64);
        assert!(floods.windows.lock().unwrap().is_empty());
    }

    #[test]
    fn what_differs_among_the_calls_of_a_flood_is_not_said() {
        let floods = Floods::default();
        refuse(&floods, "203.0.113.7", 11);
        let other = Refusal {
            event_name: Some("PutObject".to_owned()),
            ..refusal("203.0.113.7", "AccessDenied", 5)
        };
        assert!(floods.is_one_too_many(other, at(5)));
        let ended = floods.take_ended(at(5), true);
        assert_eq!(ended[0].event_name, None);
        assert_eq!(ended[0].event_source.as_deref(), Some("s3.amazonaws.com"));
        assert_eq!((ended[0].from, ended[0].until), (at(1), at(5)));
    }
}
