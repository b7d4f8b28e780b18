//! The table: what was measured, what we want, and what a peer did in the same run.

use std::{fmt::Write as _, time::Duration};

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

/// One line of the table.
#[derive(Debug, Default)]
pub(crate) struct Row {
    name: String,
    measured: String,
    goal: String,
    is_met: Option<bool>,
    peer: String,
    ratio: String,
}

impl Row {
    /// What is measured, and what came out.
    pub(crate) fn new(name: impl Into<String>, measured: impl Into<String>) -> Self {
        Self { name: name.into(), measured: measured.into(), ..Self::default() }
    }

    /// What we want, and whether this is it.
    pub(crate) fn goal(mut self, goal: impl Into<String>, is_met: bool) -> Self {
        (self.goal, self.is_met) = (goal.into(), Some(is_met));
        self
    }

    /// What a peer did, and our number divided by its.
    pub(crate) fn peer(mut self, peer: impl Into<String>, ratio: f64) -> Self {
        (self.peer, self.ratio) = (peer.into(), format!("{ratio:.2}"));
        self
    }
}

impl Report {
    /// Adds a line, and says it at once.
    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("  {}: {} {}", row.name, row.measured, row.peer);
        self.rows.push(row);
    }

    /// Adds the line of a number that could not be measured.
    pub(crate) fn failed(&mut self, name: &str, error: &anyhow::Error) {
        let reason = format!("{error:#}").replace(['\n', '|'], " ");
        self.rows.push(Row::new(name, format!("failed: {reason}")));
    }

    /// The whole as Markdown, below the facts of the machine.
    pub(crate) fn markdown(&self, facts: &[(&str, String)]) -> String {
        let mut text = String::new();
        for (name, fact) in facts {
            // Writing to a string cannot fail.
            let _infallible = writeln!(text, "* {name}: {fact}");
        }
        text.push_str("\n| what | measured | goal | met | peer in the same run | ratio |\n");
        text.push_str("|---|---|---|---|---|---|\n");
        for row in &self.rows {
            let is_met = row.is_met.map_or("", |it| if it { "yes" } else { "no" });
            let Row { name, measured, goal, peer, ratio, .. } = row;
            let _infallible =
                writeln!(text, "| {name} | {measured} | {goal} | {is_met} | {peer} | {ratio} |");
        }
        text
    }
}

/// The median; of an even number the upper of the two in the middle. 0 of nothing.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// The smallest duration that `share` (0 to 1) of all do not exceed. Zero of nothing.
pub(crate) fn percentile(durations: &mut [Duration], share: f64) -> Duration {
    durations.sort_unstable();
    let rank = (durations.len() as f64 * share).ceil() as usize;
    durations.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// A duration as milliseconds.
pub(crate) fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// Bytes as MiB.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// A number with a comma before each three digits.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
