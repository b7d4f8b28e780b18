//! Calls with one record each, on 256 connections: how many a second, and how long they take when
//! half as many come.
//!
//! There, calls are due at fixed times, and a call's time counts from when it was due: a slow
//! answer makes those after it late, as for real callers.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use futures::future::try_join_all;

use crate::{
    Size,
    client::Client,
    records::Records,
    report::{Report, Row, median, ms, percentile, thousands},
    server::Server,
};

const CONNECTIONS: usize = 256;
const GOAL: f64 = 5_000.0;
const P99_GOAL: Duration = Duration::from_millis(25);

/// Measures calls a second, then their times at half load.
pub(crate) async fn measure(size: Size, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), &[])?;
    let records = RefCell::new(Records::new(1_000_000, Duration::from_hours(1), 20)?);
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(Client::connect(server.address).await?);
    }
    let mut rates = Vec::new();
    for _ in 0..size.runs {
        let (began, before) = (Instant::now(), records.borrow().taken());
        let calls = |client| flat_out(client, &records, began + size.run / 2);
        try_join_all(clients.iter_mut().map(calls)).await?;
        let calls = records.borrow().taken() - before;
        rates.push(calls as f64 / began.elapsed().as_secs_f64());
    }
    let rate = median(rates);
    report.add(
        Row::new(
            format!("calls with one record, durable, {CONNECTIONS} connections"),
            format!("{} calls/s", thousands(rate)),
        )
        .goal(format!("≥ {} calls/s", thousands(GOAL)), rate >= GOAL),
    );

    // Half of what is promised, then half of what this machine does.
    for (pace, goal) in [(GOAL / 2.0, true), (rate / 2.0, false)] {
        let began = Instant::now();
        let paced = clients.iter_mut().enumerate().map(|(index, client)| {
            let first = began + Duration::from_secs_f64(index as f64 / pace);
            let every = Duration::from_secs_f64(CONNECTIONS as f64 / pace);
            in_turn(client, &records, first, every, began + size.run)
        });
        let mut times: Vec<_> = try_join_all(paced).await?.into_iter().flatten().collect();
        let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
        let row = Row::new(
            format!("the same at {} calls/s: p50, p99", thousands(pace)),
            format!("{}, {}", ms(p50), ms(p99)),
        );
        report.add(if goal { row.goal("p99 ≤ 25 ms", p99 <= P99_GOAL) } else { row });
    }
    server.stop()
}

async fn flat_out(
    client: &mut Client,
    records: &RefCell<Records>,
    until: Instant,
) -> anyhow::Result<()> {
    while Instant::now() < until {
        let body = records.borrow_mut().take(1);
        client.send_records(body, 1).await?;
    }
    Ok(())
}

async fn in_turn(
    client: &mut Client,
    records: &RefCell<Records>,
    first: Instant,
    every: Duration,
    until: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut due = first;
    while due < until {
        tokio::time::sleep_until(due.into()).await;
        let body = records.borrow_mut().take(1);
        client.send_records(body, 1).await?;
        times.push(due.elapsed());
        due += every;
    }
    Ok(times)
}
