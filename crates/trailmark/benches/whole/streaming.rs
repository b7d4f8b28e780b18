//! A large object on its way from an upstream to a caller: what memory it costs, and whether its
//! first byte is late.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;

use crate::{
    Size,
    client::{Client, signed},
    nginx::Nginx,
    report::{Report, Row, median, mib, ms},
    server::Server,
};

const MEMORY_GOAL: u64 = 32 << 20;
/// What the first byte may come later: connection, signature and head take this long without a body.
const DELAY_GOAL: Duration = Duration::from_millis(1);
const NAME: &str = "large";
/// Objects that are begun for the median of their first bytes.
const FIRST_BYTES: usize = 31;

/// Measures memory, first byte and speed.
pub(crate) async fn measure(size: Size, report: &mut Report) -> anyhow::Result<()> {
    let nginx = Nginx::start()?;
    nginx.add_file(NAME, size.object_bytes)?;
    let folder = tempfile::tempdir()?;
    let upstream = format!("s3=http://{}", nginx.files);
    let server = Server::start(folder.path(), &["--upstream".to_owned(), upstream])?;
    let (mut extra, mut speeds, mut peers, mut delays) = (0, vec![], vec![], vec![]);
    for _ in 0..size.runs {
        let direct = get(nginx.files, size.object_bytes).await?;
        server.forget_peak();
        let before = server.memory()?;
        let through = get(server.address, size.object_bytes).await?;
        extra = extra.max(server.memory_peak()?.saturating_sub(before));
        speeds.push(size.object_bytes as f64 / through.as_secs_f64());
        peers.push(size.object_bytes as f64 / direct.as_secs_f64());
    }
    for _ in 0..FIRST_BYTES {
        let direct = first_byte(nginx.files).await?;
        let through = first_byte(server.address).await?;
        delays.push(through.as_secs_f64() - direct.as_secs_f64());
    }
    report.add(
        Row::new(
            format!("memory for streaming {}, most of all runs", mib(size.object_bytes)),
            mib(extra),
        )
        .goal("≤ 32 MiB", extra <= MEMORY_GOAL),
    );
    let (speed, peer) = (median(speeds), median(peers));
    report.add(
        Row::new("its speed through the door", format!("{}/s", mib(speed as u64)))
            .peer(format!("from the upstream: {}/s", mib(peer as u64)), speed / peer),
    );
    let delay = Duration::from_secs_f64(median(delays).max(0.0));
    report.add(Row::new("delay of its first byte", ms(delay)).goal("≤ 1 ms", delay <= DELAY_GOAL));
    server.stop()
}

/// How long the first bytes of the object take. The rest is not waited for.
async fn first_byte(address: SocketAddr) -> anyhow::Result<Duration> {
    let mut client = Client::connect(address).await?;
    let path = format!("/bucket/{NAME}");
    let request = signed(Request::get(path).body(Bytes::new())?, address, "s3")?;
    let began = Instant::now();
    let mut body = client.send(request).await?.into_body();
    body.frame().await.context("an object without bytes")?.context("the object broke off")?;
    Ok(began.elapsed())
}

async fn get(address: SocketAddr, bytes: u64) -> anyhow::Result<Duration> {
    let mut client = Client::connect(address).await?;
    let path = format!("/bucket/{NAME}");
    let request = signed(Request::get(path).body(Bytes::new())?, address, "s3")?;
    let began = Instant::now();
    let (head, mut body) = client.send(request).await?.into_parts();
    let mut got = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.context("the object broke off")?;
        got += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    if !head.status.is_success() || got != bytes {
        return Err(anyhow!("answered {} with {got} of {bytes} bytes", head.status));
    }
    Ok(began.elapsed())
}
