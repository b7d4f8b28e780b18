//! What the numbers were measured on.

use std::{
    fs::{self, File},
    io::Write as _,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::report::{ms, percentile};

/// Names and values, for people to read.
pub(crate) fn facts() -> anyhow::Result<Vec<(&'static str, String)>> {
    let cores = thread::available_parallelism()?;
    let processor = field("/proc/cpuinfo", "model name")?;
    let memory = field("/proc/meminfo", "MemTotal")?;
    let kibibytes: f64 = memory.trim_end_matches("kB").trim().parse().unwrap_or_default();
    let mut syncs = sync_latencies()?;
    let rustc = Command::new("rustc").arg("--version").output().context("rustc")?;
    Ok(vec![
        ("processors", format!("{cores} × {processor}")),
        ("memory", format!("{:.1} GiB", kibibytes / f64::from(1 << 20))),
        ("kernel", fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned()),
        (
            "disk",
            format!(
                "fdatasync of 4 KiB p50 {}, p99 {}",
                ms(percentile(&mut syncs, 0.5)),
                ms(percentile(&mut syncs, 0.99))
            ),
        ),
        ("compiler", String::from_utf8_lossy(&rustc.stdout).trim().to_owned()),
    ])
}

/// How long the disk of the temporary folder takes to keep 4 KiB more of a file.
fn sync_latencies() -> anyhow::Result<Vec<Duration>> {
    let mut file: File = tempfile::tempfile()?;
    (0..300)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[7; 4096])?;
            file.sync_data()?;
            Ok(start.elapsed())
        })
        .collect()
}

fn field(file: &str, name: &str) -> anyhow::Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read `{file}`"))?;
    let line = text.lines().find(|line| line.starts_with(name));
    Ok(line.and_then(|it| it.split_once(':')).map_or_else(String::new, |it| it.1.trim().to_owned()))
}
