//! Reading and indexing a record beside `sonic-rs`: what `crates/record/benches/parse.rs` measured
//! just before. `benches/run` runs it first.

use std::{env, fs, path::PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use crate::report::{Report, Row};

/// Reads what criterion wrote down.
pub(crate) fn read(report: &mut Report) -> anyhow::Result<()> {
    let (ours, sonic) = (nanoseconds("record")?, nanoseconds("sonic-rs")?);
    report.add(
        Row::new("reading and indexing the same records", format!("{:.1} µs", ours / 1e3))
            .goal("≤ 2 times sonic-rs", ours <= 2.0 * sonic)
            .peer(format!("sonic-rs: {:.1} µs", sonic / 1e3), ours / sonic),
    );
    Ok(())
}

/// The median of one measure.
fn nanoseconds(name: &str) -> anyhow::Result<f64> {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let file = PathBuf::from(target)
        .join("criterion/parse and index")
        .join(name)
        .join("new/estimates.json");
    let text = fs::read_to_string(&file)
        .with_context(|| format!("cannot read `{}`: run `make bench`", file.display()))?;
    let estimates: Value = serde_json::from_str(&text)?;
    estimates["median"]["point_estimate"].as_f64().context("no median")
}
