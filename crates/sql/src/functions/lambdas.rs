//! Functions that take lambdas.

use std::sync::Arc;

use datafusion::logical_expr::HigherOrderUDF;

pub(super) fn all() -> Vec<Arc<HigherOrderUDF>> {
    datafusion::functions_nested::all_default_higher_order_functions()
}
