//! A bucket full of log files, as trails of several accounts deliver them: in CloudTrail's layout,
//! gzip, with realistic records.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;

use crate::records::{Generator, Population};

/// What a bucket holds.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// All records together; each file holds as many as the others, give or take one.
    pub records: u64,
    /// Accounts, from 111111111111 on.
    pub accounts: u64,
    /// Regions, at most six.
    pub regions: usize,
    /// The first day.
    pub from: Timestamp,
    /// Days that follow each other.
    pub days: u64,
    /// Files of an account and region on each day.
    pub files_per_day: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Written {
    /// Log files.
    pub files: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of their JSON.
    pub json_bytes: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

impl Default for Delivered {
    /// A month of three accounts in four regions: a million records.
    fn default() -> Self {
        Self {
            records: 1_000_000,
            accounts: 3,
            regions: 4,
            from: Timestamp::from_second(1_772_323_200).expect("2026-03-01 is a time"),
            days: 30,
            files_per_day: 6,
        }
    }
}

impl Delivered {
    /// Writes the files below a folder, on two threads. The same every time.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    ///
    /// # Panics
    /// When there are to be more regions than there are.
    pub fn write(&self, folder: &Path) -> io::Result<Written> {
        let all = self.accounts * self.regions as u64 * self.days * self.files_per_day;
        let (next, written) = (AtomicU64::new(0), std::sync::Mutex::new(Written::default()));
        let work = || -> io::Result<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= all {
                    return Ok(());
                }
                let records = self.records * (number + 1) / all - self.records * number / all;
                let (json_bytes, bytes) = self.write_file(folder, number, records)?;
                let mut sum = written.lock().expect("no writer panics");
                sum.files += 1;
                sum.records += records;
                sum.json_bytes += json_bytes;
                sum.bytes += bytes;
            }
        };
        thread::scope(|scope| {
            let threads = [scope.spawn(work), scope.spawn(work)];
            threads.into_iter().try_for_each(|it| it.join().expect("no writer panics"))
        })?;
        Ok(written.into_inner().expect("no writer panics"))
    }

    /// Writes one file; gives the bytes of its JSON and those on disk.
    fn write_file(&self, folder: &Path, number: u64, records: u64) -> io::Result<(u64, u64)> {
        let (slot, place) = (number % self.files_per_day, number / self.files_per_day);
        let (day, place) = (place % self.days, place / self.days);
        let account = 111_111_111_111 * (1 + place % self.accounts);
        let region = usize::try_from(place / self.accounts).unwrap_or_default();
        let region = *REGIONS.get(region).expect("there are that many regions");
        let seconds = DAY / self.files_per_day;
        let begin = self.from + Duration::from_secs(day * DAY + slot * seconds);
        let mut generator = Generator::new(
            number,
            Population {
                accounts: vec![account.to_string()],
                regions: vec![region.to_owned()],
                from: begin,
                seconds,
                ..Population::default()
            },
        );
        let mut text = b"{\"Records\":[".to_vec();
        for record in 0..records {
            if record > 0 {
                text.push(b',');
            }
            text.extend_from_slice(&generator.record());
        }
        text.extend_from_slice(b"]}");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&text)?;
        let body = encoder.finish()?;
        // Delivered before the day ends, so that the last file of a day lies in its folder.
        let delivered = begin + Duration::from_secs(seconds - 60);
        let key = format!(
            "AWSLogs/{account}/CloudTrail/{region}/{}/{account}_CloudTrail_{region}_{}_{number:016}.json.gz",
            delivered.strftime("%Y/%m/%d"),
            delivered.strftime("%Y%m%dT%H%MZ"),
        );
        let path = folder.join(key);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, &body)?;
        Ok((text.len() as u64, body.len() as u64))
    }
}

const REGIONS: [&str; 6] =
    ["us-east-1", "eu-west-1", "us-west-2", "ap-southeast-2", "eu-central-1", "sa-east-1"];
/// Seconds.
const DAY: u64 = 86_400;
