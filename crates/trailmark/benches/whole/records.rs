//! As many records as wanted, at little cost: realistic ones whose ids and times are written over.
//!
//! Records come in the order of their event times, spread evenly over a span that ends now.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::records::{Generator, Population};

use crate::client::{REGION, now};

/// An endless source of records of one account and region, each with an event id of its own.
#[derive(Debug)]
pub(crate) struct Records {
    /// NDJSON.
    lines: Vec<u8>,
    places: Vec<Places>,
    from: Timestamp,
    span: Duration,
    total: u64,
    next: u64,
}

/// Where things are in `lines`.
#[derive(Clone, Copy, Debug)]
struct Places {
    begin: usize,
    end: usize,
    event_id: usize,
    event_time: usize,
    request_id: usize,
}

impl Records {
    /// The first `total` records are spread over `span`; those that come later are of its end.
    pub(crate) fn new(total: u64, span: Duration, data_percent: u64) -> anyhow::Result<Self> {
        let regions = vec![REGION.to_owned()];
        let population = Population { regions, data_percent, ..Population::default() };
        let mut generator = Generator::new(7, population);
        let (mut lines, mut places) = (Vec::new(), Vec::new());
        for number in 0..TEMPLATES {
            let begin = lines.len();
            let mut record = generator.value();
            if number.is_multiple_of(BUSY_EVERY) {
                record["resources"][0]["ARN"] = json!(BUSY_ARN);
            }
            serde_json::to_writer(&mut lines, &record)?;
            lines.push(b'\n');
            let place = |name: &str| {
                let found = find(&lines[begin..], format!("\"{name}\":\"").as_bytes());
                found.map(|at| begin + at).with_context(|| format!("a record without `{name}`"))
            };
            places.push(Places {
                begin,
                end: lines.len(),
                event_id: place("eventID")?,
                event_time: place("eventTime")?,
                request_id: place("requestID")?,
            });
        }
        Ok(Self { lines, places, from: now() - span, span, total, next: 0 })
    }

    /// Bytes of a record, on average.
    pub(crate) fn bytes_each(&self) -> usize {
        self.lines.len() / self.places.len()
    }

    /// How many were taken.
    pub(crate) fn taken(&self) -> u64 {
        self.next
    }

    /// The next `count` records as NDJSON.
    pub(crate) fn take(&mut self, count: u64) -> Bytes {
        let mut body = Vec::with_capacity(self.bytes_each() * (count as usize + 1));
        let (mut second, mut time) = (None, [0; TIME]);
        for number in self.next..self.next + count {
            let places = self.places[number as usize % self.places.len()];
            let shift = body.len();
            body.extend_from_slice(&self.lines[places.begin..places.end]);
            let at = |place: usize| shift + place - places.begin;
            let due = self.second(number);
            if second != Some(due) {
                (second, time) = (Some(due), written(due));
            }
            body[at(places.event_time)..][..TIME].copy_from_slice(&time);
            body[at(places.event_id) + UUID - DIGITS..][..DIGITS].copy_from_slice(&digits(number));
            let request = digits(number ^ 0x5eed);
            body[at(places.request_id) + UUID - DIGITS..][..DIGITS].copy_from_slice(&request);
        }
        self.next += count;
        Bytes::from(body)
    }

    /// One more record, of which every member that look-ups ask for has a rare value.
    pub(crate) fn take_rare(&mut self) -> anyhow::Result<Bytes> {
        let mut record: Value = serde_json::from_slice(&self.take(1))?;
        record["eventName"] = json!("RareCall");
        record["eventSource"] = json!("rare.amazonaws.com");
        record["userIdentity"] = json!({
            "type": "IAMUser",
            "principalId": "AIDAQEXAMPLERAREUSER0",
            "arn": "arn:aws:iam::123456789012:user/rare-user",
            "accountId": "123456789012",
            "accessKeyId": "AKIAQEXAMPLERARE0000",
            "userName": "rare-user",
        });
        record["resources"] = json!([{
            "accountId": "123456789012",
            "type": "AWS::Rare::Thing",
            "ARN": RARE_ARN,
        }]);
        Ok(serde_json::to_vec(&record)?.into())
    }

    /// The event id of the record that is taken at `number`.
    pub(crate) fn event_id(&self, number: u64) -> anyhow::Result<String> {
        let places = self.places[number as usize % self.places.len()];
        let template = &self.lines[places.event_id..][..UUID - DIGITS];
        Ok(String::from_utf8([template, &digits(number)].concat())?)
    }

    fn second(&self, number: u64) -> i64 {
        let share = number.min(self.total) as f64 / self.total as f64;
        self.from.as_second() + (self.span.as_secs_f64() * share) as i64
    }
}

/// The place after `needle`.
fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|it| it == needle).map(|at| at + needle.len())
}

fn written(second: i64) -> [u8; TIME] {
    let text = Timestamp::from_second(second).unwrap_or_default();
    let text = text.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    text.as_bytes().try_into().unwrap_or([b'0'; TIME])
}

/// Hexadecimal digits that differ for each number and look random.
fn digits(number: u64) -> [u8; DIGITS] {
    // An odd factor maps the numbers of 48 bits one to one.
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4b);
    std::array::from_fn(|_| {
        mixed = mixed.rotate_right(4);
        b"0123456789abcdef"[(mixed >> 60) as usize]
    })
}

/// The name of the rare resource.
pub(crate) const RARE_ARN: &str = "arn:aws:rare:us-east-1:123456789012:rare-thing";
/// The name of the resource that one of so many records is about.
pub(crate) const BUSY_ARN: &str = "arn:aws:kms:us-east-1:123456789012:key/busy";
const BUSY_EVERY: usize = 64;
/// Distinct records before ids and times are written over.
const TEMPLATES: usize = 16_384;
/// Characters of a UUID, and how many of them are written over.
const UUID: usize = 36;
const DIGITS: usize = 12;
/// Characters of an event time.
const TIME: usize = 20;
