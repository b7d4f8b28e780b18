//! How fast the whole is: the real server as a process, measured from outside and beside its peers.
//!
//! Lives here: one module per number, and what they share: a server ([`server`]), a client that
//! signs ([`client`]), records ([`records`]), nginx and wrk ([`nginx`]), the table ([`report`]).
//! Prints one Markdown table, and writes it to `$CARGO_TARGET_DIR/bench.md`.
//!
//! Arguments: names of numbers to measure (all, unless given); `--quick` for a tenth of the size,
//! to see that everything works. Load and server share the machine's processors, on loopback.
//! Every server has a folder of its own below `TMPDIR`, which is removed at the end.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a benchmark prints, and may stop at a number that it did not expect"
)]

mod backlog;
#[allow(
    dead_code,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the verifier's own tests use more of it"
)]
#[path = "../../../integrity/tests/it/bucket.rs"]
mod bucket;
mod client;
mod delivering;
mod ingest;
mod lookups;
mod machine;
mod nginx;
mod parsing;
mod proxying;
mod querying;
mod records;
mod report;
mod server;
mod single_calls;
mod storing;
mod streaming;
#[allow(clippy::unwrap_used, reason = "as in the verifier's own tests")]
#[path = "../../../integrity/tests/it/stub.rs"]
mod stub;
mod uploads;
mod verifying;

use std::{env, fs, path::Path, time::Duration};

use anyhow::{Context as _, anyhow};
use futures::{FutureExt as _, future::LocalBoxFuture};

use crate::report::Report;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Records that look-ups search.
    pub(crate) records: u64,
    /// How long one run of a load lasts.
    pub(crate) run: Duration,
    /// How often a load is repeated; the median counts.
    pub(crate) runs: usize,
    /// Bytes of the object that is streamed.
    pub(crate) object_bytes: u64,
    /// Connections that send a large body at once.
    pub(crate) uploads: usize,
}

const FULL: Size = Size {
    records: 1_000_000,
    run: Duration::from_secs(20),
    runs: 3,
    object_bytes: 1 << 30,
    uploads: 1_000,
};
const QUICK: Size = Size {
    records: 50_000,
    run: Duration::from_secs(2),
    runs: 3,
    object_bytes: 64 << 20,
    uploads: 50,
};
/// No number may take longer.
const PATIENCE: Duration = Duration::from_mins(10);

type Measure = for<'a> fn(Size, &'a mut Report) -> LocalBoxFuture<'a, anyhow::Result<()>>;

/// The numbers, in the order of the table.
const NUMBERS: [(&str, Measure); 14] = [
    ("ingest", |size, report| ingest::measure(size, report).boxed_local()),
    ("single_calls", |size, report| single_calls::measure(size, report).boxed_local()),
    ("delivering", |size, report| delivering::measure(size, report).boxed_local()),
    ("backlog", |size, report| backlog::measure(size, report).boxed_local()),
    ("verifying", |size, report| verifying::measure(size, report).boxed_local()),
    ("proxying", |size, report| proxying::measure(size, report).boxed_local()),
    ("streaming", |size, report| streaming::measure(size, report).boxed_local()),
    ("uploads", |size, report| uploads::measure(size, report).boxed_local()),
    ("lookups", |size, report| lookups::measure(size, report).boxed_local()),
    ("query", |size, report| async move { querying::measure(size, report) }.boxed_local()),
    ("storing", |size, report| async move { storing::measure(size, report) }.boxed_local()),
    ("parsing", |_, report| async move { parsing::read(report) }.boxed_local()),
    ("trees", |_, report| async move { parsing::trees(report) }.boxed_local()),
    ("selectors", |_, report| async move { parsing::selectors(report) }.boxed_local()),
];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let size = if arguments.iter().any(|it| it == "--quick") { QUICK } else { FULL };
    let wanted: Vec<_> = arguments.iter().filter(|it| !it.starts_with("--")).collect();
    if let Some(unknown) = wanted.iter().find(|it| NUMBERS.iter().all(|(name, _)| name != *it)) {
        return Err(anyhow!("there is no number `{unknown}`"));
    }
    // One thread drives the load: the other processor is the server's, and what is left of this one.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = Report::default();
    for (name, measure) in NUMBERS {
        if !wanted.is_empty() && !wanted.iter().any(|it| *it == name) {
            continue;
        }
        eprintln!("measuring {name}");
        let measured = async { tokio::time::timeout(PATIENCE, measure(size, &mut report)).await };
        let ended = runtime.block_on(measured).context("took too long").flatten();
        if let Err(error) = ended {
            eprintln!("{name} failed: {error:#}");
            report.failed(name, &error);
        }
    }
    let text = report.markdown(&machine::facts()?);
    println!("\n{text}");
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let file = Path::new(&target).join("bench.md");
    fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))
}
