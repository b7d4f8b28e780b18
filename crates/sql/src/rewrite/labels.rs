//! What the columns of an answer are called: as written, not as the engine below names them.
//!
//! Spec: CloudTrail API Reference, `GetQueryResults`; Trino's `_col<N>` for what has no name.

use sqlparser::ast::{
    AccessExpr, Expr, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
};

/// The label of one item of the SELECT list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Label {
    /// One column of that name.
    Named(String),
    /// `*` or `t.*`: as many as there are.
    All,
}

impl Label {
    /// The label of each of the columns whose plan calls them `names`.
    pub(crate) fn resolve(wanted: &[Self], names: &[&str]) -> Vec<String> {
        let stars = wanted.iter().filter(|it| **it == Self::All).count();
        let mut spare = names.len().saturating_sub(wanted.len() - stars);
        let mut out = Vec::with_capacity(names.len());
        let mut stars_left = stars;
        for (at, label) in wanted.iter().enumerate() {
            match label {
                Self::Named(name) => out.push(name.clone()),
                Self::All => {
                    stars_left -= 1;
                    let next = wanted.get(at + 1);
                    while spare > 0 && out.len() < names.len() {
                        let name = names.get(out.len()).copied().unwrap_or_default();
                        // With several stars, one ends where the next named item begins.
                        if stars_left > 0
                            && let Some(Self::Named(next)) = next
                            && name.eq_ignore_ascii_case(next)
                        {
                            break;
                        }
                        out.push(name.to_owned());
                        spare -= 1;
                    }
                }
            }
        }
        for name in names.iter().skip(out.len()) {
            out.push((*name).to_owned());
        }
        out.truncate(names.len());
        out
    }
}

/// The labels of a query: those of its first SELECT.
pub(crate) fn of(query: &Query) -> Vec<Label> {
    let mut body = query.body.as_ref();
    loop {
        match body {
            SetExpr::Select(select) => return of_select(select),
            SetExpr::Query(inner) => body = inner.body.as_ref(),
            SetExpr::SetOperation { left, .. } => body = left,
            SetExpr::Values(values) => {
                let width = values.rows.first().map_or(0, |row| row.content.len());
                return (0..width).map(|at| Label::Named(format!("_col{at}"))).collect();
            }
            _ => return vec![Label::All],
        }
    }
}

fn of_select(select: &Select) -> Vec<Label> {
    let mut at = 0;
    select
        .projection
        .iter()
        .map(|item| {
            let label = match item {
                SelectItem::ExprWithAlias { alias, .. } => Label::Named(alias.value.clone()),
                SelectItem::UnnamedExpr(expr) => {
                    Label::Named(own_name(expr).unwrap_or_else(|| format!("_col{at}")))
                }
                SelectItem::ExprWithAliases { .. } => Label::All,
                SelectItem::Wildcard(_)
                | SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(_)
                    | SelectItemQualifiedWildcardKind::Expr(_),
                    _,
                ) => Label::All,
            };
            at += 1;
            label
        })
        .collect()
}

/// The name that an expression has by itself: a column's, or the last field's.
pub(crate) fn own_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::CompoundIdentifier(names) => names.last().map(|it| it.value.clone()),
        Expr::Nested(inner) => own_name(inner),
        Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last() {
            Some(AccessExpr::Dot(field)) => own_name(field),
            Some(AccessExpr::Subscript(_)) | None => None,
        },
        _ => None,
    }
}
