//! Aggregates.

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

pub(super) fn all() -> Vec<Arc<AggregateUDF>> {
    datafusion::functions_aggregate::all_default_aggregate_functions()
}
