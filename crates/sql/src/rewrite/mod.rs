//! From Trino's statement to one that DataFusion plans to the same end.
//!
//! What needs no types happens here, on the syntax tree: names of tables and results, UNNEST,
//! constructs that become functions. What needs types happens in `plan`.

mod aggregates;
mod bounds;
mod expressions;
mod labels;
mod structure;

use std::{collections::BTreeMap, ops::ControlFlow};

use datafusion::execution::SessionState;
use jiff::Timestamp;
use sqlparser::ast::{Expr, Statement, Visit, Visitor};

use crate::{Error, Limits, error::nearest};

pub(crate) use labels::Label;

/// A statement that DataFusion can plan, and what it cannot tell about it.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) statement: Statement,
    /// The labels of the results, as written.
    pub(crate) labels: Vec<Label>,
    /// The tables: how the statement spells each, and the name that the session knows it by.
    pub(crate) tables: BTreeMap<String, String>,
}

/// Rewrites `statement`. `known` says whether the session has a table, by its name in lower case.
///
/// # Errors
///
/// What has too many parts, is no query, or uses what neither Trino nor we offer.
pub(crate) fn rewrite(
    mut statement: Statement,
    limits: &Limits,
    now: Timestamp,
    known: &dyn Fn(&str) -> bool,
) -> Result<Rewritten, Error> {
    bounds::balance(&mut statement);
    bounds::check(&statement, limits)?;
    let Statement::Query(query) = &mut statement else {
        return Err(Error::NotSelect(kind(&statement)));
    };
    let labels = labels::of(query);
    let tables = structure::apply(query, known)?;
    expressions::apply(&mut statement, now, &tables)?;
    let tables = tables.into_iter().map(|it| (it.spelt, it.name)).collect();
    Ok(Rewritten { statement, labels, tables })
}

/// The tables that a statement names and does not define, in lower case.
pub(crate) fn tables(statement: &Statement, limits: &Limits) -> Result<Vec<String>, Error> {
    bounds::check(statement, limits)?;
    let mut statement = statement.clone();
    let Statement::Query(query) = &mut statement else {
        return Err(Error::NotSelect(kind(&statement)));
    };
    let mut names: Vec<String> =
        structure::apply(query, &|_| false)?.into_iter().map(|it| it.full).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// The first word of a statement, which is all that a refusal needs to say.
fn kind(statement: &Statement) -> String {
    let text = statement.to_string();
    format!("`{}`", text.split_whitespace().next().unwrap_or_default().to_uppercase())
}

/// Refuses functions that nobody has, and names the nearest that there are.
pub(crate) fn check_functions(rewritten: &Rewritten, state: &SessionState) -> Result<(), Error> {
    struct Check<'a>(&'a SessionState);
    impl Visitor for Check<'_> {
        type Break = String;
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
            let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
            let name = function.name.to_string().trim_matches('"').to_lowercase();
            let state = self.0;
            if state.scalar_functions().contains_key(&name)
                || state.higher_order_functions().contains_key(&name)
                || state.aggregate_functions().contains_key(&name)
                || state.window_functions().contains_key(&name)
            {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(name)
            }
        }
    }
    match rewritten.statement.visit(&mut Check(state)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(name) => {
            let known = crate::FUNCTIONS.iter().map(|it| it.name);
            Err(Error::UnknownFunction { near: nearest(&name, known), name })
        }
    }
}
