//! A bucket that was away: how fast what the log holds for it goes out when it is back.
//!
//! The first file that the bucket does not take uses up the quota of waiting files, so that all that
//! follows stays in the log. A second server on the same folder, with the bucket there, reads it
//! anew: judged, packed, hashed and written.

use std::{
    fs,
    time::{Duration, Instant},
};

use ambient::Ambient;
use anyhow::anyhow;

use crate::{
    Size,
    client::Client,
    delivering::{BUCKET, count, create_trail, is_delivered, log_files, set_up},
    records::Records,
    report::{Report, Row, thousands},
    server::Server,
};

const GOAL: f64 = 150_000.0;

/// Measures it.
pub(crate) async fn measure(size: Size, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let bucket = folder.path().join(BUCKET);
    fs::create_dir(&bucket)?;
    let server = Server::start(set_up(folder.path(), "spool_bytes = 1")?, &[])?;
    let mut client = Client::connect(server.address).await?;
    create_trail(&mut client, &server).await?;
    fs::remove_dir_all(&bucket)?;
    let mut records = Records::new(size.records, Duration::from_hours(1), 0)?;
    let mut sent = 0;
    while sent < size.records {
        let count = PER_CALL.min(size.records - sent);
        client.send_records(records.take(count), count).await?;
        sent += count;
    }
    server.stop()?;

    fs::create_dir(&bucket)?;
    let began = Instant::now();
    let server = Server::start(set_up(folder.path(), "file_age_seconds = 1")?, &[])?;
    let mut observer = Client::connect(server.address).await?;
    let clock = Ambient::system().clock;
    while !is_delivered(&mut observer).await? {
        if began.elapsed() > PATIENCE {
            return Err(anyhow!("the backlog was not delivered within {PATIENCE:?}"));
        }
        clock.sleep(LOOK_EVERY).await;
    }
    let took = began.elapsed();
    let mut found = 0;
    for file in log_files(&bucket)? {
        found += count(&file)?;
    }
    if found < sent {
        return Err(anyhow!("{sent} records were accepted and {found} delivered"));
    }
    let rate = sent as f64 / took.as_secs_f64();
    report.add(
        Row::new(
            format!(
                "a backlog of {} records into a bucket, the start of the server included",
                thousands(sent as f64)
            ),
            format!("{} records/s", thousands(rate)),
        )
        .goal(format!("≥ {} records/s", thousands(GOAL)), rate >= GOAL),
    );
    server.stop()
}

const PER_CALL: u64 = 1_000;
const LOOK_EVERY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_mins(2);
