//! Comparisons across types, as lenient as published queries need.
//!
//! Trino itself refuses some of these; Lake does not. Where both sides can be compared as they
//! are, nothing changes.

use datafusion::{
    arrow::datatypes::{DataType, TimeUnit},
    common::{DFSchema, ScalarValue},
    error::Result,
    logical_expr::{
        Expr, ExprSchemable as _,
        planner::{PlannerResult, RawBinaryExpr},
    },
    prelude::lit,
};
use sqlparser::ast::BinaryOperator;

use crate::{
    Error,
    functions::{cast, internal},
    stream::carried,
    types,
};

pub(super) fn plan(
    mut raw: RawBinaryExpr,
    schema: &DFSchema,
) -> Result<PlannerResult<RawBinaryExpr>> {
    use BinaryOperator as B;
    let compares = matches!(raw.op, B::Eq | B::NotEq | B::Lt | B::LtEq | B::Gt | B::GtEq);
    if !compares {
        return Ok(PlannerResult::Original(raw));
    }
    let (left, right) = (raw.left.get_type(schema)?, raw.right.get_type(schema)?);
    if left == right {
        return Ok(PlannerResult::Original(raw));
    }
    (raw.left, raw.right) = meet(raw.left, &left, raw.right, &right)?;
    Ok(PlannerResult::Original(raw))
}

/// Both sides, one of them cast where the engine below would compare in another way or not at all.
pub(crate) fn meet(
    left: Expr,
    left_type: &DataType,
    right: Expr,
    right_type: &DataType,
) -> Result<(Expr, Expr)> {
    if types::is_text(right_type) || *right_type == types::JSON {
        let (right, left) = text_with(right, right_type, left, left_type)?;
        return Ok((left, right));
    }
    text_with(left, left_type, right, right_type)
}

/// `text` is varchar or JSON if either is.
fn text_with(
    text: Expr,
    text_type: &DataType,
    other: Expr,
    other_type: &DataType,
) -> Result<(Expr, Expr)> {
    if *text_type == types::JSON {
        // A JSON string is compared by what it says, not by how it is quoted.
        let text = to(text, "varchar");
        return text_with(text, &types::TEXT, other, other_type);
    }
    if !types::is_text(text_type) {
        return Ok((text, other));
    }
    Ok(match other_type {
        kind if *kind == types::JSON => (text, to(other, "varchar")),
        DataType::Timestamp(..) | DataType::Date32 => {
            // A date compared with more than a date is compared as an instant.
            let kind = if matches!(other_type, DataType::Timestamp(_, Some(_))) {
                types::zoned()
            } else {
                types::TIMESTAMP
            };
            if let Some(value) = literal(&text) {
                let Some(instant) = cast::instant(value) else {
                    return Err(carried(Error::Invalid(format!(
                        "`{value}` is no timestamp, as in '2024-05-01 00:00:00'"
                    ))));
                };
                return Ok((lit(in_unit_of(instant, other_type)), other));
            }
            (to(text, &types::name(&kind)), other)
        }
        DataType::Boolean => match literal(&text).map(str::to_lowercase).as_deref() {
            Some("true") => (lit(true), other),
            Some("false") => (lit(false), other),
            _ => (text, to(other, "varchar")),
        },
        kind if kind.is_numeric() => (to_lenient(text, "double"), other),
        _ => (text, other),
    })
}

/// Milliseconds as a literal in the unit of what they are compared with: a scan then sees the
/// column bare, and can leave out what the bounds exclude.
fn in_unit_of(millis: i64, kind: &DataType) -> ScalarValue {
    match kind {
        DataType::Timestamp(TimeUnit::Second, zone) if millis % 1_000 == 0 => {
            ScalarValue::TimestampSecond(Some(millis / 1_000), zone.clone())
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            ScalarValue::TimestampMicrosecond(millis.checked_mul(1_000), zone.clone())
        }
        DataType::Timestamp(TimeUnit::Nanosecond, zone)
            if millis.checked_mul(1_000_000).is_some() =>
        {
            ScalarValue::TimestampNanosecond(millis.checked_mul(1_000_000), zone.clone())
        }
        DataType::Timestamp(_, zone) => {
            ScalarValue::TimestampMillisecond(Some(millis), zone.clone())
        }
        _ => ScalarValue::TimestampMillisecond(Some(millis), None),
    }
}

fn to(expr: Expr, kind: &str) -> Expr {
    internal::cast().call(vec![expr, lit(kind)])
}

fn to_lenient(expr: Expr, kind: &str) -> Expr {
    internal::try_cast().call(vec![expr, lit(kind)])
}

fn literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => {
            Some(text.as_str())
        }
        _ => None,
    }
}
