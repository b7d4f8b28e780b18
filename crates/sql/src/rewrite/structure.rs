//! Tables, joins with UNNEST, names of results, FETCH: the frame of a query.

use std::{collections::BTreeSet, ops::ControlFlow};

use sqlparser::ast::{
    Expr, Ident, Join, JoinConstraint, JoinOperator, LimitClause, ObjectName, ObjectNamePart,
    OrderByKind, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins,
    Value, VisitMut, VisitorMut,
};

use super::labels;
use crate::{Error, source::name};

/// A table as a query names it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct TableName {
    /// The whole name in lower case, parts joined by dots.
    pub(crate) full: String,
    /// Its parts in lower case.
    pub(crate) parts: Vec<String>,
    /// How the rewritten query spells it: one part.
    pub(crate) spelt: String,
    /// What the session knows it by.
    pub(crate) name: String,
}

/// Rewrites the frame of `query` and of every query within it; returns the tables it names.
pub(crate) fn apply(
    query: &mut Query,
    known: &dyn Fn(&str) -> bool,
) -> Result<BTreeSet<TableName>, Error> {
    let mut pass = Pass { known, scopes: Vec::new(), tables: BTreeSet::new() };
    match VisitMut::visit(query, &mut pass) {
        ControlFlow::Continue(()) => Ok(pass.tables),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Pass<'a> {
    known: &'a dyn Fn(&str) -> bool,
    /// The names that WITH clauses define, innermost last.
    scopes: Vec<Vec<String>>,
    tables: BTreeSet<TableName>,
}

/// Put before a name that means a table although a WITH clause defines the same name.
const NOT_DEFINED_HERE: &str = "\u{1}table";

impl VisitorMut for Pass<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        if let Err(error) = self.query(query) {
            return ControlFlow::Break(error);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        if let Err(error) = refuse_foreign(select) {
            return ControlFlow::Break(error);
        }
        name_results(select);
        match gather_unnest(std::mem::take(&mut select.from)) {
            Ok(from) => select.from = from,
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        match self.table(factor) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl Pass<'_> {
    fn query(&mut self, query: &mut Query) -> Result<(), Error> {
        if query.for_clause.is_some()
            || !query.locks.is_empty()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty()
        {
            return Err(Error::Invalid("a clause that Trino does not know".to_owned()));
        }
        if let Some(fetch) = query.fetch.take() {
            if fetch.percent || fetch.with_ties {
                return Err(Error::Invalid("FETCH takes a number of rows ONLY".to_owned()));
            }
            let rows =
                fetch.quantity.unwrap_or_else(|| Expr::value(Value::Number("1".to_owned(), false)));
            match &mut query.limit_clause {
                Some(LimitClause::LimitOffset { limit, .. }) => *limit = Some(rows),
                it => {
                    *it = Some(LimitClause::LimitOffset {
                        limit: Some(rows),
                        offset: None,
                        limit_by: Vec::new(),
                    });
                }
            }
        }
        let mut defined = Vec::new();
        if let Some(with) = &mut query.with {
            // A definition sees those before it, not itself: `WITH t AS (SELECT .. FROM t)`.
            let recursive = with.recursive;
            for at in 0..with.cte_tables.len() {
                let Some(own) =
                    with.cte_tables.get(at).map(|it| it.alias.name.value.to_lowercase())
                else {
                    break;
                };
                for earlier in with.cte_tables.iter_mut().take(at + 1) {
                    if !recursive {
                        mark(&mut earlier.query, &own);
                    }
                }
                defined.push(own);
            }
            for cte in &mut with.cte_tables {
                lower(&mut cte.alias);
            }
        }
        self.scopes.push(defined);
        refuse_writes(&query.body)?;
        order_by_position(query);
        Ok(())
    }

    fn table(&mut self, factor: &mut TableFactor) -> Result<(), Error> {
        match factor {
            TableFactor::Table { name: table, alias, args, sample, version, .. } => {
                if args.is_some() {
                    return Err(Error::Invalid(format!("table function `{table}` is not offered")));
                }
                if sample.is_some() || version.is_some() {
                    return Err(Error::Invalid(
                        "a table is read whole and as it is now".to_owned(),
                    ));
                }
                if let Some(alias) = alias {
                    lower(alias);
                }
                let mut parts: Vec<String> = table
                    .0
                    .iter()
                    .filter_map(ObjectNamePart::as_ident)
                    .map(|it| it.value.to_lowercase())
                    .collect();
                let marked = parts.first().is_some_and(|it| it == NOT_DEFINED_HERE);
                if marked {
                    parts.remove(0);
                }
                let defined = !marked
                    && parts.len() == 1
                    && parts
                        .first()
                        .is_some_and(|it| self.scopes.iter().flatten().any(|s| s == it));
                let Some(last) = parts.last().cloned() else {
                    return Err(Error::Invalid(format!("`{table}` is no name of a table")));
                };
                if defined {
                    *table = ObjectName::from(name(&last));
                    return Ok(());
                }
                let full = parts.join(".");
                let found = if (self.known)(&full) || !(self.known)(&last) {
                    full.clone()
                } else {
                    last.clone()
                };
                let taken = self.tables.iter().any(|it| it.spelt == last && it.name != found)
                    || self.scopes.iter().flatten().any(|it| *it == last) && !marked;
                let spelt = if taken { full.clone() } else { last };
                *table = ObjectName::from(name(&spelt));
                self.tables.insert(TableName { full, parts, spelt, name: found });
            }
            TableFactor::Derived { alias, sample, .. } => {
                if sample.is_some() {
                    return Err(Error::Invalid("a query is read whole".to_owned()));
                }
                if let Some(alias) = alias {
                    lower(alias);
                }
            }
            TableFactor::NestedJoin { alias, .. } | TableFactor::UNNEST { alias, .. } => {
                if let Some(alias) = alias {
                    lower(alias);
                }
            }
            other => return Err(Error::Invalid(format!("`{other}` is not offered in FROM"))),
        }
        Ok(())
    }
}

/// Names do not heed case, not even quoted ones.
fn lower(alias: &mut TableAlias) {
    alias.name = name(&alias.name.value.to_lowercase());
    for column in &mut alias.columns {
        column.name = name(&column.name.value.to_lowercase());
    }
}

/// Marks the tables called `own` within `query`.
fn mark(query: &mut Query, own: &str) {
    struct Mark<'a>(&'a str);
    impl VisitorMut for Mark<'_> {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name: table, .. } = factor
                && let [ObjectNamePart::Identifier(only)] = table.0.as_slice()
                && only.value.eq_ignore_ascii_case(self.0)
            {
                table.0.insert(0, ObjectNamePart::Identifier(name(NOT_DEFINED_HERE)));
            }
            ControlFlow::Continue(())
        }
    }
    let _ = VisitMut::visit(query, &mut Mark(own));
}

fn refuse_writes(body: &SetExpr) -> Result<(), Error> {
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => Ok(()),
        SetExpr::SetOperation { left, right, .. } => {
            refuse_writes(left)?;
            refuse_writes(right)
        }
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
            Err(Error::NotSelect("a statement that writes".to_owned()))
        }
    }
}

fn refuse_foreign(select: &Select) -> Result<(), Error> {
    let foreign = if select.into.is_some() {
        "SELECT INTO"
    } else if select.top.is_some() {
        "TOP"
    } else if !select.lateral_views.is_empty() {
        "LATERAL VIEW"
    } else if !select.connect_by.is_empty() {
        "CONNECT BY"
    } else if select.prewhere.is_some() {
        "PREWHERE"
    } else if !select.cluster_by.is_empty()
        || !select.distribute_by.is_empty()
        || !select.sort_by.is_empty()
    {
        "a clause of Hive"
    } else {
        return Ok(());
    };
    Err(Error::Invalid(format!("{foreign} is not offered")))
}

/// Gives each item the name that Trino gives it. The second of a name gets one that no query can
/// spell: Trino allows it, the engine below does not.
fn name_results(select: &mut Select) {
    let starred = select.projection.iter().any(|it| matches!(it, SelectItem::Wildcard(_)));
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (at, item) in select.projection.iter_mut().enumerate() {
        let (expr, wanted) = match item {
            SelectItem::UnnamedExpr(expr) => {
                let plain = matches!(expr, Expr::Identifier(_));
                let own =
                    labels::own_name(expr).unwrap_or_else(|| format!("_col{at}")).to_lowercase();
                let fresh = seen.insert(own.clone());
                if plain && fresh && !starred {
                    continue;
                }
                let own =
                    if fresh && !(plain && starred) { own } else { format!("{own}\u{1}{at}") };
                (std::mem::replace(expr, Expr::Tuple(Vec::new())), own)
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                let own = alias.value.to_lowercase();
                let own = if seen.insert(own.clone()) { own } else { format!("{own}\u{1}{at}") };
                (std::mem::replace(expr, Expr::Tuple(Vec::new())), own)
            }
            SelectItem::ExprWithAliases { .. }
            | SelectItem::QualifiedWildcard(..)
            | SelectItem::Wildcard(_) => continue,
        };
        *item = SelectItem::ExprWithAlias { expr, alias: name(&wanted) };
    }
}

/// An ORDER BY that repeats an item of the SELECT list becomes its position: so it holds with
/// DISTINCT and with aggregates, whatever the item is called.
fn order_by_position(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_ref() else { return };
    let Some(order) = &mut query.order_by else { return };
    let OrderByKind::Expressions(terms) = &mut order.kind else { return };
    if select
        .projection
        .iter()
        .any(|it| matches!(it, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)))
    {
        return;
    }
    let items: Vec<(String, Option<String>)> = select
        .projection
        .iter()
        .map(|it| match it {
            SelectItem::UnnamedExpr(expr) => (
                expr.to_string().to_lowercase(),
                labels::own_name(expr).map(|it| it.to_lowercase()),
            ),
            SelectItem::ExprWithAlias { expr, alias } => {
                (expr.to_string().to_lowercase(), Some(alias.value.to_lowercase()))
            }
            _ => (String::new(), None),
        })
        .collect();
    for term in terms {
        if matches!(term.expr, Expr::Value(_)) {
            continue;
        }
        let text = term.expr.to_string().to_lowercase();
        let by_name = items.iter().position(|(_, name)| {
            matches!(&term.expr, Expr::Identifier(_))
                && name.as_deref() == Some(text.trim_matches('"'))
        });
        if let Some(at) = by_name.or_else(|| items.iter().position(|(item, _)| *item == text)) {
            term.expr = Expr::value(Value::Number((at + 1).to_string(), false));
        }
    }
}

/// Sets each UNNEST apart with what stands left of it, as a join in parentheses: `plan` reads that
/// form. Commas become cross joins where an UNNEST follows one.
fn gather_unnest(from: Vec<TableWithJoins>) -> Result<Vec<TableWithJoins>, Error> {
    let commas = from.iter().skip(1).any(|it| matches!(it.relation, TableFactor::UNNEST { .. }));
    let from = if commas {
        let mut all = from.into_iter();
        let Some(mut first) = all.next() else { return Ok(Vec::new()) };
        for next in all {
            first.joins.push(Join {
                relation: next.relation,
                global: false,
                join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
            });
            first.joins.extend(next.joins);
        }
        vec![first]
    } else {
        from
    };
    from.into_iter().map(set_apart).collect()
}

fn set_apart(table: TableWithJoins) -> Result<TableWithJoins, Error> {
    if !table.joins.iter().any(|it| matches!(it.relation, TableFactor::UNNEST { .. })) {
        return Ok(table);
    }
    let mut left = TableWithJoins { relation: table.relation, joins: Vec::new() };
    for join in table.joins {
        if !matches!(join.relation, TableFactor::UNNEST { .. }) {
            left.joins.push(join);
            continue;
        }
        let fits = matches!(
            join.join_operator,
            JoinOperator::CrossJoin(_)
                | JoinOperator::Join(_)
                | JoinOperator::Inner(_)
                | JoinOperator::Left(_)
                | JoinOperator::LeftOuter(_)
        );
        if !fits {
            return Err(Error::Invalid(
                "UNNEST stands on the right of CROSS, INNER or LEFT JOIN".to_owned(),
            ));
        }
        let inner = if left.joins.is_empty() { left.relation } else { nested(left) };
        left = TableWithJoins {
            relation: nested(TableWithJoins { relation: inner, joins: vec![join] }),
            joins: Vec::new(),
        };
    }
    Ok(left)
}

fn nested(table: TableWithJoins) -> TableFactor {
    TableFactor::NestedJoin { table_with_joins: Box::new(table), alias: None }
}

/// The identifier in lower case, quoted.
pub(super) fn lowered(ident: &Ident) -> Ident {
    Ident { value: ident.value.to_lowercase(), quote_style: Some('"'), span: ident.span }
}
