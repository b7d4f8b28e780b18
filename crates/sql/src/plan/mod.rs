//! What needs types while DataFusion plans: comparisons across types, fields of rows, UNNEST.

mod compare;
mod unnest;
mod yielding;

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::Field,
    common::{Column, DFSchema, TableReference},
    error::Result,
    execution::SessionStateDefaults,
    logical_expr::{
        Expr,
        planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RelationPlanner},
    },
    prelude::lit,
};

use crate::functions::internal;
pub(crate) use yielding::cooperative;

/// The planners of expressions: ours first.
pub(crate) fn expression_planners() -> Vec<Arc<dyn ExprPlanner>> {
    let mut all: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(Trino)];
    all.extend(SessionStateDefaults::default_expr_planners());
    all
}

/// The planners of what stands in FROM.
pub(crate) fn relation_planners() -> Vec<Arc<dyn RelationPlanner>> {
    vec![Arc::new(unnest::Planner)]
}

#[derive(Debug)]
struct Trino;

impl ExprPlanner for Trino {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        compare::plan(expr, schema)
    }

    /// `column.field.field`, whatever the case of the fields.
    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let column = Expr::Column(Column::from((qualifier, field)));
        let expr = nested_names
            .iter()
            .fold(column, |at, name| internal::dereference().call(vec![at, lit(name.as_str())]));
        Ok(PlannerResult::Planned(expr))
    }
}
