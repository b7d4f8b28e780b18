//! Plans that can be stopped: what makes many rows of few gives way now and then.
//!
//! The engine below counts against a task's share only what leaves are asked for. A cross join makes
//! rows for hours from a leaf that was read once; uncounted, it would never let go of its thread, and
//! neither a time limit nor a cancellation would reach it.

use std::sync::Arc;

use datafusion::{
    common::tree_node::{Transformed, TransformedResult as _, TreeNode as _},
    error::Result,
    physical_plan::{ExecutionPlan, coop::CooperativeExec},
};

/// The plan with every join and every `UNNEST` counted.
pub(crate) fn cooperative(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let multiplies = node.name().contains("Join") || node.name() == "UnnestExec";
        if !multiplies {
            return Ok(Transformed::no(node));
        }
        let counted: Arc<dyn ExecutionPlan> = Arc::new(CooperativeExec::new(node));
        Ok(Transformed::yes(counted))
    })
    .data()
}
