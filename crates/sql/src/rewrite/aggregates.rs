//! Aggregates that the engine below has by another name or in another form.

use sqlparser::ast::{
    Array, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    ObjectName,
};

use super::expressions::{call, case, number, text};
use crate::{Error, functions::internal, source::name};

/// Rewrites `function`, which is called `called`; what is returned stands in its place.
pub(super) fn rewrite(called: &str, function: &mut Function) -> Result<Option<Expr>, Error> {
    let FunctionArguments::List(list) = &mut function.args else { return Ok(None) };
    let arity = list.args.len();
    let new_name = match (called, arity) {
        ("count_if", 1) => {
            if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(condition))) =
                list.args.first_mut()
            {
                let taken = std::mem::replace(condition, Expr::Tuple(Vec::new()));
                *condition = case(taken, number(1), None);
            }
            "count"
        }
        ("every", 1) => "bool_and",
        ("variance" | "var_samp", 1) => "var",
        ("stddev_samp", 1) => "stddev",
        ("max", 2) | ("min", 2) => {
            // The n greatest: by themselves.
            if let Some(first) = list.args.first().cloned() {
                list.args.insert(0, first);
            }
            if called == "max" { "max_by" } else { "min_by" }
        }
        ("listagg", 1 | 2) => {
            if arity == 1 {
                list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(text(""))));
            }
            // What overflows is an error of memory here, never cut.
            list.clauses.retain(|it| !matches!(it, FunctionArgumentClause::OnOverflow(_)));
            let order = std::mem::take(&mut function.within_group);
            if !order.is_empty() {
                list.clauses.push(FunctionArgumentClause::OrderBy(order));
            }
            "string_agg"
        }
        ("approx_distinct", 2) => {
            // The second argument is the error that may be made; ours is below all that can be asked.
            list.args.truncate(1);
            "approx_distinct"
        }
        ("approx_percentile", 2) => {
            if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Array(many)))) =
                list.args.get(1)
            {
                let many = many.elem.clone();
                return Ok(Some(percentiles(function, many)));
            }
            return Ok(Some(percentile(function.clone())));
        }
        ("approx_percentile", _) => {
            return Err(Error::Invalid(
                "approx_percentile takes a value and a percentage".to_owned(),
            ));
        }
        _ => return Ok(None),
    };
    function.name = ObjectName::from(name(new_name));
    Ok(Some(Expr::Function(function.clone())))
}

/// The percentile of whole numbers is one of them; the engine below gives a double.
fn percentile(mut function: Function) -> Expr {
    let mut sample = function.clone();
    sample.name = ObjectName::from(name("max"));
    if let FunctionArguments::List(list) = &mut sample.args {
        list.args.truncate(1);
    }
    function.name = ObjectName::from(name("approx_percentile_cont"));
    call(internal::AS_TYPE_OF, vec![Expr::Function(function), Expr::Function(sample)])
}

/// One aggregate for each percentage of an array.
fn percentiles(function: &Function, many: Vec<Expr>) -> Expr {
    let elem = many
        .into_iter()
        .map(|percentage| {
            let mut one = function.clone();
            if let FunctionArguments::List(list) = &mut one.args
                && let Some(place) = list.args.get_mut(1)
            {
                *place = FunctionArg::Unnamed(FunctionArgExpr::Expr(percentage));
            }
            percentile(one)
        })
        .collect();
    Expr::Array(Array { elem, named: true })
}
