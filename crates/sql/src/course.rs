//! What a query has done, as its plan tells once it has run.

use std::{fmt, sync::Arc};

use datafusion::physical_plan::{
    ExecutionPlan,
    statistics::{StatisticsArgs, StatisticsContext},
};

/// The course of a query.
#[derive(Clone)]
pub struct Course(pub(crate) Arc<dyn ExecutionPlan>);

impl fmt::Debug for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Course").field(&self.0.name()).finish()
    }
}

impl Course {
    /// How many rows of its tables met the conditions on them. Complete when the rows of the answer
    /// have been read.
    #[must_use]
    pub fn matched(&self) -> u64 {
        matched(&self.0)
    }
}

fn matched(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let rows = || {
        let counted = plan.metrics().and_then(|it| it.output_rows());
        // What lies in memory is not counted as it is read, but known.
        let known = || {
            let statistics =
                StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new());
            statistics.ok()?.num_rows.get_value().copied()
        };
        counted.or_else(known).map_or(0, |it| it as u64)
    };
    let children = plan.children();
    if children.is_empty() || (plan.name() == "FilterExec" && is_scan(plan)) {
        return rows();
    }
    children.into_iter().map(matched).sum()
}

/// Whether there is nothing below but the reading of tables.
fn is_scan(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.children().into_iter().all(|below| {
        let passes = below.children().is_empty() || PASSING.contains(&below.name());
        passes && is_scan(below)
    })
}

/// Plans that hand rows on as they are.
const PASSING: [&str; 6] = [
    "CoalesceBatchesExec",
    "CoalescePartitionsExec",
    "CooperativeExec",
    "ProjectionExec",
    "RepartitionExec",
    "UnionExec",
];
