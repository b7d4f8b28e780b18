//! What runs inside the process alone, as the benchmarks of the crates measured it just before:
//! reading records beside `sonic-rs`, trees and proofs, selectors. `benches/run` runs them first.

use std::{env, fs, path::PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use crate::report::{Report, Row, thousands};

/// Reads what criterion wrote down of reading records.
pub(crate) fn read(report: &mut Report) -> anyhow::Result<()> {
    let of = |name: &str| nanoseconds(&["parse and index", name]);
    let (ours, sonic) = (of("record")?, of("sonic-rs")?);
    report.add(
        Row::new("reading and indexing the same records", format!("{:.1} µs", ours / 1e3))
            .goal("≤ 2 times sonic-rs", ours <= 2.0 * sonic)
            .peer(format!("sonic-rs: {:.1} µs", sonic / 1e3), ours / sonic),
    );
    Ok(())
}

/// Reads what criterion wrote down of trees and proofs.
pub(crate) fn trees(report: &mut Report) -> anyhow::Result<()> {
    let rate = LEAVES / nanoseconds(&["tree", "records into leaves and tiles"])? * 1e9;
    report.add(
        Row::new("records into leaves and tiles of a tree", format!("{}/s", thousands(rate)))
            .goal("≥ 200,000/s on one core", rate >= 200_000.0),
    );
    let check = nanoseconds(&["check a proof"])?;
    report.add(
        Row::new("checking a proof", format!("{:.0} µs", check / 1e3)).goal("≤ 1 ms", check <= 1e6),
    );
    Ok(())
}

/// Reads what criterion wrote down of selectors.
pub(crate) fn selectors(report: &mut Report) -> anyhow::Result<()> {
    let rate = JUDGED / nanoseconds(&["judge", "trails", "10"])? * 1e9;
    report.add(
        Row::new(
            "parsed records through 10 trails with 50 conditions each",
            format!("{} records/s", thousands(rate)),
        )
        .goal("≥ 1,000,000 records/s on one core", rate >= 1e6),
    );
    Ok(())
}

/// The median of one measure.
fn nanoseconds(name: &[&str]) -> anyhow::Result<f64> {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let folder = PathBuf::from(target).join("criterion");
    let file = name.iter().fold(folder, |folder, it| folder.join(it)).join("new/estimates.json");
    let text = fs::read_to_string(&file)
        .with_context(|| format!("cannot read `{}`: run `make bench`", file.display()))?;
    let estimates: Value = serde_json::from_str(&text)?;
    estimates["median"]["point_estimate"].as_f64().context("no median")
}

/// Leaves of one measure: `LEAVES` of `crates/integrity/benches/tree.rs`.
const LEAVES: f64 = 100_000.0;
/// Records of one measure: `RECORDS` of `crates/matching/benches/selectors.rs`.
const JUDGED: f64 = 10_000.0;
