//! `CROSS JOIN UNNEST(…)` in all its forms, as DataFusion can plan it: a derived table that has the
//! elements as columns of its own.
//!
//! Trino expands rows into a column for each field; older engines keep one column of the row. Both
//! are in use: a single name for the elements means the row itself, several mean its fields, and
//! without names the fields are found below the alias.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem,
    SetExpr, TableAlias, TableFactor, TableWithJoins, Value, VisitMut as _, VisitorMut,
};

use crate::{
    Error,
    rewrite::{call, text_value},
};

/// Rewrites every `UNNEST` of the query's own `FROM`.
pub(crate) fn rewrite(query: &mut Query) -> Result<(), Error> {
    let SetExpr::Select(select) = query.body.as_mut() else { return Ok(()) };
    let mut serial = 0;
    let mut found = Vec::new();
    while let Some(taken) = take_first(&mut select.from)? {
        let unnested = wrap(&mut select.from, taken, &mut serial)?;
        let mut renamer = Renamer(&unnested);
        let _all = select.visit(&mut renamer);
        found.push(unnested);
    }
    if let Some(order) = &mut query.order_by {
        for unnested in &found {
            let _all = order.visit(&mut Renamer(unnested));
        }
    }
    Ok(())
}

/// An `UNNEST`, taken out of the list of tables.
struct Taken {
    arrays: Vec<Expr>,
    alias: Option<TableAlias>,
    ordinality: bool,
    /// Rows without elements stay.
    outer: bool,
    /// Which table it follows.
    at: usize,
}

/// What became of it.
struct Unnested {
    /// The alias, in lower case.
    alias: String,
    columns: Vec<(String, Expr)>,
    /// The column of whole elements, where fields are found below the alias.
    element: Option<Ident>,
}

fn take_first(from: &mut Vec<TableWithJoins>) -> Result<Option<Taken>, Error> {
    for at in 0..from.len() {
        let Some(table) = from.get_mut(at) else { break };
        if let TableFactor::UNNEST { .. } = &table.relation {
            if at == 0 {
                return Err(Error::Invalid("UNNEST needs a table before it".to_owned()));
            }
            let table = from.remove(at);
            let before = from.get_mut(at - 1);
            if let Some(before) = before {
                before.joins.extend(table.joins);
            }
            return Ok(Some(taken(table.relation, false, at - 1)));
        }
        let unnest = |it: &Join| matches!(it.relation, TableFactor::UNNEST { .. });
        if let Some(place) = table.joins.iter().position(unnest) {
            let join = table.joins.remove(place);
            let outer = match &join.join_operator {
                JoinOperator::CrossJoin(_) => false,
                JoinOperator::Join(on) | JoinOperator::Inner(on) if is_true(on) => false,
                JoinOperator::Left(on) | JoinOperator::LeftOuter(on) if is_true(on) => true,
                _ => {
                    let words = "UNNEST can be joined by CROSS JOIN, or by LEFT JOIN … ON TRUE";
                    return Err(Error::Invalid(words.to_owned()));
                }
            };
            return Ok(Some(taken(join.relation, outer, at)));
        }
    }
    Ok(None)
}

fn taken(factor: TableFactor, outer: bool, at: usize) -> Taken {
    match factor {
        TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } => {
            Taken { arrays: array_exprs, alias, ordinality: with_ordinality, outer, at }
        }
        _ => Taken { arrays: Vec::new(), alias: None, ordinality: false, outer, at },
    }
}

fn is_true(on: &JoinConstraint) -> bool {
    match on {
        JoinConstraint::None => true,
        JoinConstraint::On(Expr::Value(value)) => matches!(value.value, Value::Boolean(true)),
        _ => false,
    }
}

/// Puts a derived table in place of the table before it.
fn wrap(from: &mut [TableWithJoins], taken: Taken, serial: &mut usize) -> Result<Unnested, Error> {
    let Taken { arrays, alias, ordinality, outer, at } = taken;
    let Some(table) = from.get_mut(at) else {
        return Err(Error::Invalid("UNNEST needs a table before it".to_owned()));
    };
    *serial += 1;
    let (name, names) = match &alias {
        Some(alias) => {
            let names: Vec<_> =
                alias.columns.iter().map(|it| it.name.value.to_lowercase()).collect();
            (alias.name.value.to_lowercase(), names)
        }
        None => (format!("_unnest{serial}"), Vec::new()),
    };
    let column = |number: usize| Ident::with_quote('"', format!("_{name}_{serial}_{number}"));
    let elements = names.len().saturating_sub(usize::from(ordinality));
    // How many names each array has: its fields, if there are more names than arrays.
    let each = if arrays.len() == 1 { elements } else { 1 };
    let mut items =
        vec![SelectItem::Wildcard(sqlparser::ast::WildcardAdditionalOptions::default())];
    let (mut columns, mut element) = (Vec::new(), None);
    let keep = if outer { "outer" } else { "inner" };
    for (number, array) in arrays.iter().enumerate() {
        let column = column(number);
        let width = each.to_string();
        let rows = vec![array.clone(), text_value(keep), text_value(&width)];
        let expr = call("unnest", vec![call("trino_elements", rows)]);
        items.push(SelectItem::ExprWithAlias { expr, alias: column.clone() });
        if arrays.len() == 1 && each > 1 {
            for (field, name) in names.iter().take(elements).enumerate() {
                let place = Ident::with_quote('"', format!("c{field}"));
                let expr = Expr::CompoundIdentifier(vec![column.clone(), place]);
                columns.push((name.clone(), expr));
            }
        } else if let Some(name) = names.get(number).filter(|_| number < elements) {
            columns.push((name.clone(), Expr::Identifier(column.clone())));
        } else {
            element = Some(column);
        }
    }
    if ordinality {
        let column = column(arrays.len());
        let mut parts = arrays.clone();
        parts.insert(0, text_value(keep));
        let expr = call("unnest", vec![call("trino_ordinals", parts)]);
        items.push(SelectItem::ExprWithAlias { expr, alias: column.clone() });
        let name = names.last().cloned().unwrap_or_else(|| "ordinality".to_owned());
        columns.push((name, Expr::Identifier(column)));
    }
    let alias = alias_of(&table.relation);
    let relation = table.relation.clone();
    let inner = TableWithJoins { relation, joins: Vec::new() };
    let select = select(items, inner);
    table.relation = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query(select)),
        alias: Some(alias),
        sample: None,
    };
    Ok(Unnested { alias: name, columns, element })
}

/// By what name others speak of a table.
fn alias_of(table: &TableFactor) -> TableAlias {
    let named = |name: Ident| TableAlias { explicit: true, name, columns: Vec::new(), at: None };
    match table {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. } => named(alias.name.clone()),
        TableFactor::Table { name, .. } => named(last(name)),
        _ => named(Ident::new("_source")),
    }
}

fn last(name: &ObjectName) -> Ident {
    let ident = name.0.last().and_then(sqlparser::ast::ObjectNamePart::as_ident);
    ident.cloned().unwrap_or_else(|| Ident::new("_source"))
}

/// A plain query, made by the parser so that it has every part that it needs.
fn query(select: Select) -> Query {
    Query {
        with: None,
        body: Box::new(SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

fn select(projection: Vec<SelectItem>, from: TableWithJoins) -> Select {
    Select {
        select_token: sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from: vec![from],
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: sqlparser::ast::GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: sqlparser::ast::SelectFlavor::Standard,
    }
}

/// Puts the new columns where the elements are spoken of.
struct Renamer<'a>(&'a Unnested);

impl VisitorMut for Renamer<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Unnested { alias, columns, element } = self.0;
        let column = |name: &Ident| {
            let name = name.value.to_lowercase();
            columns.iter().find(|(it, _)| *it == name).map(|(_, expr)| expr.clone())
        };
        match expr {
            Expr::Identifier(name) => {
                if let Some(found) = column(name) {
                    *expr = found;
                } else if name.value.eq_ignore_ascii_case(alias)
                    && let Some(element) = element
                {
                    *expr = Expr::Identifier(element.clone());
                }
            }
            Expr::CompoundIdentifier(names) => {
                let is_alias = names.first().is_some_and(|it| it.value.eq_ignore_ascii_case(alias));
                let rest = names.get(usize::from(is_alias)..).unwrap_or_default();
                let Some((first, fields)) = rest.split_first() else {
                    return ControlFlow::Continue(());
                };
                if let Some(found) = column(first) {
                    *expr = below(found, fields);
                } else if is_alias && let Some(element) = element {
                    *expr = below(Expr::Identifier(element.clone()), rest);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn below(expr: Expr, fields: &[Ident]) -> Expr {
    let mut names = match expr {
        Expr::Identifier(name) => vec![name],
        Expr::CompoundIdentifier(names) => names,
        other => return other,
    };
    names.extend(fields.iter().cloned());
    match <[Ident; 1]>::try_from(names) {
        Ok([name]) => Expr::Identifier(name),
        Err(names) => Expr::CompoundIdentifier(names),
    }
}
