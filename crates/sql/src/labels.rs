//! Names of result columns, as the user expects them.
//!
//! An alias as it was given; a column as it was written; a field by its last part; anything else is
//! `_col` with its place, from 0 on.

use sqlparser::ast::{Expr, Query, SelectItem, SetExpr};

/// The label of each item of the outermost `SELECT`; none for `*`, which may be many.
pub(crate) fn of(query: &Query) -> Vec<Option<String>> {
    let mut body = query.body.as_ref();
    loop {
        match body {
            SetExpr::SetOperation { left, .. } => body = left,
            SetExpr::Query(query) => body = query.body.as_ref(),
            SetExpr::Select(select) => {
                let items = select.projection.iter().enumerate();
                return items.map(|(at, it)| label(at, it)).collect();
            }
            _ => return Vec::new(),
        }
    }
}

fn label(at: usize, item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(expr) => Some(name(expr).unwrap_or_else(|| format!("_col{at}"))),
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        _ => None,
    }
}

/// The name that an expression has by itself.
pub(crate) fn name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::CompoundIdentifier(names) => names.last().map(|it| it.value.clone()),
        Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last()? {
            sqlparser::ast::AccessExpr::Dot(field) => name(field),
            sqlparser::ast::AccessExpr::Subscript(_) => None,
        },
        Expr::Nested(inner) => name(inner),
        _ => None,
    }
}

/// The labels of columns that are called `names` within.
pub(crate) fn for_columns(labels: Vec<Option<String>>, names: &[&str]) -> Vec<String> {
    // One `*` among them takes what the others leave.
    let stars = labels.iter().filter(|it| it.is_none()).count();
    let others = labels.len() - stars;
    if stars > 1 || (stars == 0 && others != names.len()) || others > names.len() {
        return names.iter().map(|it| (*it).to_owned()).collect();
    }
    let mut rest = names.len() - others;
    let mut names = names.iter();
    let mut all = Vec::new();
    for label in labels {
        match label {
            Some(label) => {
                names.next();
                all.push(label);
            }
            None => {
                all.extend(names.by_ref().take(rest).map(|it| (*it).to_owned()));
                rest = 0;
            }
        }
    }
    all
}
