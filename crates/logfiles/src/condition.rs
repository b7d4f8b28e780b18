//! Conditions of a query that say something of one column: what a file or a row group may be judged
//! by.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a condition of another form is left to the query"
)]

use datafusion::{
    common::ScalarValue,
    logical_expr::{
        BinaryExpr, Expr, Operator,
        expr::{Between, InList, Like},
    },
};
use views::{Column, Kind, Test, View};

/// What one column, or a field of it, must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The column, and the fields within it.
    pub path: Vec<&'static Column>,
    /// What it must be.
    pub test: Test,
}

/// Of conditions that all must hold, those that speak of one column of the view each. The others say
/// nothing here: the query itself decides on every row.
#[must_use]
pub fn conditions(all: &[Expr], view: View) -> Vec<Condition> {
    let mut found = Vec::new();
    let mut waiting: Vec<&Expr> = all.iter().collect();
    while let Some(next) = waiting.pop() {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) = next {
            waiting.extend([left.as_ref(), right.as_ref()]);
        } else if let Some((subject, test)) = test(next)
            && let Some(path) = path(subject, view)
            && let Some(last) = path.last()
        {
            let is_time = matches!(test, Test::Time(..));
            let fits = if is_time { last.kind == Kind::Time } else { last.kind == Kind::Text };
            if fits {
                found.push(Condition { path, test });
            }
        }
    }
    found
}

/// A condition as a test of its subject.
pub(crate) fn test(condition: &Expr) -> Option<(&Expr, Test)> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let ((subject, one), (other_subject, other)) = (test(left)?, test(right)?);
            let (Test::OneOf(mut texts), Test::OneOf(others)) = (one, other) else { return None };
            texts.extend(others);
            (subject == other_subject).then_some((subject, Test::OneOf(texts)))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (subject, value, op) = match (left.as_ref(), right.as_ref()) {
                (subject, Expr::Literal(value, _)) => (subject, value, *op),
                (Expr::Literal(value, _), subject) => (subject, value, op.swap()?),
                _ => return None,
            };
            compared(value, op).map(|it| (subject, it))
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let text = |it: &Expr| match it {
                Expr::Literal(value, _) => text(value),
                _ => None,
            };
            let texts: Option<Vec<_>> = list.iter().map(text).collect();
            Some((expr, Test::OneOf(texts?)))
        }
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let (Expr::Literal(low, _), Expr::Literal(high, _)) = (low.as_ref(), high.as_ref())
            else {
                return None;
            };
            let test = match (text(low), text(high)) {
                (Some(low), Some(high)) => Test::Between(Some(low), Some(high)),
                _ => Test::Time(micros(low)?, micros(high)?),
            };
            Some((expr, test))
        }
        Expr::Like(Like {
            negated: false,
            expr,
            pattern,
            escape_char: None,
            case_insensitive: false,
        }) => {
            let Expr::Literal(pattern, _) = pattern.as_ref() else { return None };
            let pattern = text(pattern)?;
            let prefix = pattern.split(['%', '_', '\\']).next().unwrap_or_default();
            (!prefix.is_empty()).then(|| (expr.as_ref(), Test::Prefix(prefix.to_owned())))
        }
        _ => None,
    }
}

/// Bounds are taken as included, which lets through one value too many.
fn compared(value: &ScalarValue, op: Operator) -> Option<Test> {
    if let Some(text) = text(value) {
        return match op {
            Operator::Eq => Some(Test::OneOf(vec![text])),
            Operator::Lt | Operator::LtEq => Some(Test::Between(None, Some(text))),
            Operator::Gt | Operator::GtEq => Some(Test::Between(Some(text), None)),
            _ => None,
        };
    }
    let time = micros(value)?;
    match op {
        Operator::Eq => Some(Test::Time(time, time)),
        Operator::Lt | Operator::LtEq => Some(Test::Time(i64::MIN, time)),
        Operator::Gt | Operator::GtEq => Some(Test::Time(time, i64::MAX)),
        _ => None,
    }
}

fn text(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text) => {
            text.clone()
        }
        _ => None,
    }
}

fn micros(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampSecond(time, _) => time.and_then(|it| it.checked_mul(1_000_000)),
        ScalarValue::TimestampMillisecond(time, _) => time.and_then(|it| it.checked_mul(1_000)),
        ScalarValue::TimestampMicrosecond(time, _) => *time,
        ScalarValue::TimestampNanosecond(time, _) => time.map(|it| it.div_euclid(1_000)),
        _ => None,
    }
}

/// The columns that lead to what an expression names: `useridentity`, `arn`.
pub(crate) fn path(subject: &Expr, view: View) -> Option<Vec<&'static Column>> {
    match subject {
        Expr::Column(column) => {
            let found = view.columns().iter().find(|it| it.name == column.name)?;
            Some(vec![found])
        }
        Expr::ScalarFunction(call) if call.func.name() == "get_field" => {
            let (row, names) = call.args.split_first()?;
            let mut path = path(row, view)?;
            for name in names {
                let Expr::Literal(name, _) = name else { return None };
                let name = text(name)?;
                let Kind::Row(columns) = path.last()?.kind else { return None };
                path.push(columns.iter().find(|it| it.name == name)?);
            }
            Some(path)
        }
        _ => None,
    }
}
