//! UNNEST in the conventions of Trino and of old Presto, on any side of a join.
//!
//! One function makes a single array of rows out of all the arrays and maps; the engine below
//! unnests that, and the fields of its rows become the columns.
//! Spec: Trino, "SELECT", UNNEST; lake samples that bind a whole row to one name.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::DataType,
    common::{Column, DFSchema, NullHandling, TableReference, UnnestOptions},
    error::{DataFusionError, Result},
    logical_expr::{
        Expr, ExprSchemable as _, LogicalPlan, LogicalPlanBuilder,
        planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning},
    },
    prelude::lit,
};
use sqlparser::ast::{
    Expr as SqlExpr, JoinConstraint, JoinOperator, TableAlias, TableFactor, TableWithJoins, Value,
};

use crate::{functions::internal, types};

#[derive(Debug)]
pub(super) struct Planner;

impl RelationPlanner for Planner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        match relation {
            TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } => {
                let input = LogicalPlanBuilder::empty(true).build()?;
                let spec =
                    Spec { alias, arrays: array_exprs, ordinality: with_ordinality, outer: false };
                planned(unnest(input, spec, context)?)
            }
            TableFactor::NestedJoin { mut table_with_joins, alias: None }
                if is_set_apart(&table_with_joins) =>
            {
                let TableWithJoins { relation, joins } = table_with_joins.as_mut();
                let Some(join) = joins.pop() else {
                    return planned(context.plan(relation.clone())?);
                };
                let TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } = join.relation
                else {
                    return Err(DataFusionError::Internal("a join without UNNEST".to_owned()));
                };
                let left = context.plan(relation.clone())?;
                let (outer, constraint) = match join.join_operator {
                    JoinOperator::Left(it) | JoinOperator::LeftOuter(it) => (true, it),
                    JoinOperator::CrossJoin(it)
                    | JoinOperator::Join(it)
                    | JoinOperator::Inner(it) => (false, it),
                    other => {
                        return Err(DataFusionError::Plan(format!(
                            "UNNEST cannot stand in {other:?}"
                        )));
                    }
                };
                let spec = Spec { alias, arrays: array_exprs, ordinality: with_ordinality, outer };
                let plan = unnest(left, spec, context)?;
                planned(match constraint {
                    JoinConstraint::None => plan,
                    JoinConstraint::On(condition) if is_true(&condition) => plan,
                    JoinConstraint::On(condition) if !outer => {
                        let condition = context.sql_to_expr(condition, plan.schema())?;
                        LogicalPlanBuilder::from(plan).filter(condition)?.build()?
                    }
                    JoinConstraint::On(_) | JoinConstraint::Using(_) | JoinConstraint::Natural => {
                        return Err(DataFusionError::Plan(
                            "LEFT JOIN UNNEST takes ON TRUE and no other condition".to_owned(),
                        ));
                    }
                })
            }
            other => Ok(RelationPlanning::Original(Box::new(other))),
        }
    }
}

fn planned(plan: LogicalPlan) -> Result<RelationPlanning> {
    Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
}

fn is_set_apart(table: &TableWithJoins) -> bool {
    matches!(table.joins.as_slice(), [only] if matches!(only.relation, TableFactor::UNNEST { .. }))
}

fn is_true(condition: &SqlExpr) -> bool {
    match condition {
        SqlExpr::Value(it) => it.value == Value::Boolean(true),
        SqlExpr::Nested(inner) => is_true(inner),
        _ => false,
    }
}

struct Spec {
    alias: Option<TableAlias>,
    arrays: Vec<SqlExpr>,
    ordinality: bool,
    /// Whether a row without elements stays.
    outer: bool,
}

/// The name of the column that holds the rows until they are taken apart.
const ROWS: &str = "\u{1}unnested";

fn unnest(
    left: LogicalPlan,
    spec: Spec,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let schema = Arc::clone(left.schema());
    let mut arrays = Vec::with_capacity(spec.arrays.len());
    for it in spec.arrays {
        arrays.push(context.sql_to_expr(it, &schema)?);
    }
    let columns = Names::of(spec.alias.as_ref(), &arrays, spec.ordinality, &schema)?;
    let mut args = vec![lit(spec.ordinality)];
    args.extend(arrays);
    let rows = internal::unnest_rows().call(args).alias(ROWS);
    let kept: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
    let mut projected = kept.clone();
    projected.push(rows);
    let handling =
        if spec.outer { NullHandling::PreserveAndExpandEmpty } else { NullHandling::Drop };
    let options = UnnestOptions::new().with_null_handling(handling);
    let mut out = kept;
    let whole = Expr::Column(Column::new_unqualified(ROWS));
    for (path, name) in columns.columns {
        let value = path.iter().fold(whole.clone(), |at, field| {
            internal::dereference().call(vec![at, lit(field.as_str())])
        });
        out.push(value.alias_qualified(columns.table.clone(), name));
    }
    LogicalPlanBuilder::from(left)
        .project(projected)?
        .unnest_column_with_options(Column::new_unqualified(ROWS), options)?
        .project(out)?
        .build()
}

/// The columns that an UNNEST yields: where each lies within the rows, and its name.
struct Names {
    table: Option<TableReference>,
    columns: Vec<(Vec<String>, String)>,
}

impl Names {
    fn of(
        alias: Option<&TableAlias>,
        arrays: &[Expr],
        ordinality: bool,
        schema: &DFSchema,
    ) -> Result<Self> {
        let given: Vec<String> = alias
            .map(|it| it.columns.iter().map(|c| c.name.value.to_lowercase()).collect())
            .unwrap_or_default();
        let table = alias.map(|it| it.name.value.to_lowercase());
        let mut paths: Vec<(Vec<String>, Option<String>)> = Vec::new();
        let kinds = arrays
            .iter()
            .map(|it| it.get_type(schema).map(|it| types::canonical(&it)))
            .collect::<Result<Vec<_>>>()?;
        let width = |whole: bool| -> usize {
            let each = kinds.iter().map(|kind| match element(kind) {
                Some(DataType::Struct(fields)) if !whole => fields.len(),
                _ if matches!(kind, DataType::Map(..)) => 2,
                _ => 1,
            });
            each.sum::<usize>() + usize::from(ordinality)
        };
        // Old Presto keeps a row whole: as many names as there are arrays say so.
        let whole = !given.is_empty() && given.len() == width(true) && given.len() != width(false);
        for (at, kind) in kinds.iter().enumerate() {
            let slot = types::position(at);
            match (kind, element(kind)) {
                (DataType::Map(..), _) => {
                    paths.push((vec![slot.clone(), "key".to_owned()], Some("key".to_owned())));
                    paths.push((vec![slot, "value".to_owned()], Some("value".to_owned())));
                }
                (_, Some(DataType::Struct(fields))) if !whole => {
                    for field in fields {
                        paths.push((
                            vec![slot.clone(), field.name().clone()],
                            Some(field.name().clone()),
                        ));
                    }
                }
                (_, Some(_)) => paths.push((vec![slot], None)),
                (other, None) => {
                    return Err(DataFusionError::Plan(format!(
                        "cannot unnest type: {}",
                        types::name(other)
                    )));
                }
            }
        }
        if ordinality {
            paths.push((vec![types::position(kinds.len())], Some("ordinality".to_owned())));
        }
        if !given.is_empty() && given.len() != paths.len() {
            return Err(DataFusionError::Plan(format!(
                "column alias list has {} entries but UNNEST has {} columns",
                given.len(),
                paths.len()
            )));
        }
        let columns = paths
            .into_iter()
            .enumerate()
            .map(|(at, (path, own))| {
                let name = given.get(at).cloned().or(own).or_else(|| table.clone());
                (path, name.unwrap_or_else(|| format!("_col{at}")))
            })
            .collect();
        Ok(Self { table: table.map(TableReference::bare), columns })
    }
}

/// The type of what UNNEST makes rows of.
fn element(kind: &DataType) -> Option<&DataType> {
    match kind {
        DataType::List(field) | DataType::Map(field, _) => Some(field.data_type()),
        DataType::Null => Some(kind),
        _ => None,
    }
}
