//! The records of one request: checked, fingerprinted, ready to be appended.

use bytes::Bytes;
use jiff::Timestamp;
use log::{Evidence, Frame, Kind, Marks};
use record::{AccountId, Record, bulk};

use super::window::{Fingerprint, Window};

/// Who sends, and when.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) account: AccountId,
    /// Whether records of other accounts are taken too.
    pub(super) any_account: bool,
    /// The region of records that name none.
    pub(super) region: String,
    pub(super) arrival: Timestamp,
}

/// A record that was not taken.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    /// Its number in the request, from zero.
    pub(super) index: usize,
    /// Byte of the inflated body.
    pub(super) position: usize,
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// A record that was checked and whose place nobody has decided yet.
#[derive(Clone, Debug)]
pub(super) struct Fresh {
    pub(super) fingerprint: Fingerprint,
    frame: Frame,
}

/// What became of the records of a request.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) fresh: Vec<Fresh>,
    pub(super) accepted: usize,
    pub(super) duplicates: usize,
    pub(super) contested: usize,
    /// How many failed; `failed` names the first of them.
    pub(super) failed_count: usize,
    pub(super) failed: Vec<Failed>,
}

impl Batch {
    /// Checks every record of a body.
    pub(super) fn read(body: Bytes, sender: &Sender, window: &Window) -> Self {
        let mut batch = Self::default();
        let source = format!("records/{}", sender.account);
        for (index, item) in bulk::split(&body).enumerate() {
            let taken = item.record.map_err(|why| ("InvalidData", format!("The record is {why}.")));
            let taken = taken.and_then(|record| {
                let account = owner(&record, sender)?;
                let fingerprint = window.fingerprint(account, &record);
                let region = record.aws_region().map_or_else(|| sender.region.clone(), Into::into);
                let frame = Frame {
                    kind: Kind::Record,
                    evidence: Evidence::Server,
                    marks: Marks::NONE,
                    category: record.category(),
                    arrival: sender.arrival,
                    source: source.clone(),
                    source_sequence: 0,
                    account,
                    region: bounded(region),
                    answers: None,
                    body: body.slice_ref(record.bytes()),
                };
                Ok(Fresh { fingerprint, frame })
            });
            match taken {
                Ok(fresh) => batch.fresh.push(fresh),
                Err((code, message)) => {
                    batch.failed_count += 1;
                    if batch.failed.len() < FAILED_MAX {
                        batch.failed.push(Failed { index, position: item.position, code, message });
                    }
                }
            }
        }
        batch
    }

    /// The frames of records that the window has claimed for this request, marked where their event
    /// id is contested.
    pub(super) fn frames(&mut self, ours: Vec<(Fresh, Marks)>) -> Vec<Frame> {
        self.accepted += ours.len();
        ours.into_iter().map(|(fresh, marks)| Frame { marks, ..fresh.frame }).collect()
    }
}

fn owner(record: &Record<'_>, sender: &Sender) -> Result<AccountId, (&'static str, String)> {
    let account = record.account().unwrap_or(sender.account);
    if account == sender.account || sender.any_account {
        Ok(account)
    } else {
        let message = format!(
            "The record is of account {account}; {} sends records of its own account only.",
            sender.account
        );
        Err(("InvalidRecipient", message))
    }
}

fn bounded(mut region: String) -> String {
    region.truncate(region.floor_char_boundary(REGION_MAX));
    region
}

/// Records that failed are named up to here.
const FAILED_MAX: usize = 100;
/// What a frame holds of a region.
const REGION_MAX: usize = 255;
