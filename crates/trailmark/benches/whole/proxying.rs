//! The door in front of an upstream that answers at once, in mode `durable`, beside nginx doing the
//! same without signature, record and sync.

use std::time::Duration;

use crate::{
    Size,
    client::Client,
    nginx::{Nginx, Wrk, drive},
    report::{Report, Row, median, ms, thousands},
    server::{Server, metrics},
};

const CONNECTIONS: u32 = 64;
const RATIO_GOAL: f64 = 0.7;
const ADDED_GOAL: Duration = Duration::from_micros(250);

/// Measures requests a second, then what one request alone takes longer.
pub(crate) async fn measure(size: Size, report: &mut Report) -> anyhow::Result<()> {
    let nginx = Nginx::start()?;
    let folder = tempfile::tempdir()?;
    let upstream = format!("s3=http://{}", nginx.at_once);
    let server = Server::start(folder.path(), &["--upstream".to_owned(), upstream])?;
    let run = size.run / 4;

    let (mut rates, mut peers, mut ratios, mut p99s) = (vec![], vec![], vec![], vec![]);
    for _ in 0..size.runs {
        let peer = drive(nginx.proxy, CONNECTIONS, run)?;
        let door = drive(server.address, CONNECTIONS, run)?;
        rates.push(door.rate);
        peers.push(peer.rate);
        ratios.push(door.rate / peer.rate);
        p99s.push(door.p99.as_secs_f64());
    }
    let (ratio, peer) = (median(ratios), median(peers));
    report.add(
        Row::new(
            format!("the door before an upstream, `durable`, {CONNECTIONS} connections"),
            format!(
                "{} requests/s, p99 {}",
                thousands(median(rates)),
                ms(Duration::from_secs_f64(median(p99s)))
            ),
        )
        .goal("≥ 70 % of nginx", ratio >= RATIO_GOAL)
        .peer(format!("nginx `proxy_pass`: {} requests/s", thousands(peer)), ratio),
    );

    // Not earlier: a connection on which nothing comes is closed.
    let mut observer = Client::connect(server.address).await?;
    let (mut added, mut bare, mut waits, mut proxies) = (vec![], vec![], vec![], vec![]);
    for _ in 0..size.runs {
        let direct: Wrk = drive(nginx.at_once, 1, run / 2)?;
        let proxy = drive(nginx.proxy, 1, run / 2)?;
        let before = metrics(&mut observer).await?;
        let door = drive(server.address, 1, run / 2)?;
        let after = metrics(&mut observer).await?;
        let grown = |name: &str| after.get(name).unwrap_or(&0.0) - before.get(name).unwrap_or(&0.0);
        let wait = grown("log_sync_seconds_total") / grown("log_syncs_total").max(1.0);
        let more = door.p50.as_secs_f64() - direct.p50.as_secs_f64();
        added.push(more);
        waits.push(wait);
        bare.push((more - wait).max(0.0));
        proxies.push(proxy.p50.as_secs_f64() - direct.p50.as_secs_f64());
    }
    let seconds = |all| Duration::from_secs_f64(f64::max(median(all), 0.0));
    let (added, bare, wait, proxy) =
        (seconds(added), seconds(bare), seconds(waits), seconds(proxies));
    report.add(
        Row::new(
            "the door's addition to the p50 of one request at a time",
            format!("{}, of which {} wait for the sync", ms(added), ms(wait)),
        )
        .goal("≤ 0.25 ms beside the sync", bare <= ADDED_GOAL)
        .peer(
            format!("nginx adds {}", ms(proxy)),
            bare.as_secs_f64() / proxy.as_secs_f64().max(1e-6),
        ),
    );
    server.stop()
}
