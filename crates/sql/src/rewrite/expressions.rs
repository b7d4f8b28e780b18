//! Constructs of Trino's grammar that become functions of ours, and names in lower case.

use std::{collections::BTreeSet, ops::ControlFlow};

use jiff::Timestamp;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DataType, DateTimeField, Expr,
    Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    LambdaFunction, LambdaFunctionParameter, LambdaSyntax, ObjectName, ObjectNamePart,
    OneOrManyWithParens, Statement, Subscript, TrimWhereField, Value, VisitMut, VisitorMut,
};

use super::structure::{TableName, lowered};
use crate::{Error, functions::internal, source::name};

/// Rewrites every expression of `statement`. `now` is what the clock's functions return.
pub(super) fn apply(
    statement: &mut Statement,
    now: Timestamp,
    tables: &BTreeSet<TableName>,
) -> Result<(), Error> {
    let mut pass = Pass { now, tables, lambdas: Vec::new() };
    match VisitMut::visit(statement, &mut pass) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Pass<'a> {
    now: Timestamp,
    tables: &'a BTreeSet<TableName>,
    /// The parameters of the lambdas around, innermost last.
    lambdas: Vec<Vec<String>>,
}

impl VisitorMut for Pass<'_> {
    type Break = Error;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        if let Expr::Lambda(lambda) = expr {
            for it in parameters(lambda) {
                it.name = lowered(&it.name);
            }
            let names = parameters(lambda).map(|it| it.name.value.clone()).collect();
            self.lambdas.push(names);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        if matches!(expr, Expr::Lambda(_)) {
            self.lambdas.pop();
            return ControlFlow::Continue(());
        }
        let taken = std::mem::replace(expr, Expr::Tuple(Vec::new()));
        match self.expr(taken) {
            Ok(done) => {
                *expr = done;
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

fn parameters(lambda: &mut LambdaFunction) -> impl Iterator<Item = &mut LambdaFunctionParameter> {
    match &mut lambda.params {
        OneOrManyWithParens::One(one) => std::slice::from_mut(one).iter_mut(),
        OneOrManyWithParens::Many(many) => many.as_mut_slice().iter_mut(),
    }
}

impl Pass<'_> {
    fn expr(&self, expr: Expr) -> Result<Expr, Error> {
        Ok(match expr {
            Expr::Identifier(it) => Expr::Identifier(lowered(&it)),
            Expr::CompoundIdentifier(parts) => self.compound(parts),
            Expr::CompoundFieldAccess { root, access_chain } => access(*root, access_chain)?,
            Expr::Cast { kind, expr, data_type, array: _, format: None } => {
                let lenient = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
                let function = if lenient { internal::TRY_CAST } else { internal::CAST };
                call(function, vec![*expr, text(&type_text(&data_type))])
            }
            Expr::TypedString(it) => {
                call(internal::CAST, vec![Expr::Value(it.value), text(&type_text(&it.data_type))])
            }
            Expr::Extract { field, expr, .. } => call(&field_function(&field)?, vec![*expr]),
            Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                call("ceil", vec![*expr])
            }
            Expr::Floor {
                expr,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => call("floor", vec![*expr]),
            Expr::Position { expr, r#in } => call("strpos", vec![*r#in, *expr]),
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let mut args = vec![*expr];
                args.push(substring_from.map_or_else(|| number(1), |it| *it));
                args.extend(substring_for.map(|it| *it));
                call("substr", args)
            }
            Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
                let function = match trim_where {
                    None | Some(TrimWhereField::Both) => "trim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                let mut args = vec![*expr];
                args.extend(trim_what.map(|it| *it));
                args.extend(trim_characters.into_iter().flatten());
                call(function, args)
            }
            Expr::AtTimeZone { timestamp, time_zone } => {
                call("at_timezone", vec![*timestamp, *time_zone])
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                like(negated, expr, pattern, escape_char.map(Expr::Value))
            }
            Expr::Between { expr, negated, low, high } if simple(&expr) => {
                between(*expr, negated, *low, *high)
            }
            Expr::Tuple(parts) if parts.len() > 1 => call("row", parts),
            Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
                call("concat", vec![*left, *right])
            }
            Expr::Function(it) => self.function(it)?,
            other => other,
        })
    }

    /// `db.table.column` becomes `table.column`, a lambda's `x.field` an access to a field.
    fn compound(&self, mut parts: Vec<Ident>) -> Expr {
        for part in &mut parts {
            *part = lowered(part);
        }
        let Some((first, rest)) = parts.split_first() else {
            return Expr::CompoundIdentifier(parts);
        };
        if self.lambdas.iter().flatten().any(|it| *it == first.value) {
            let root = Expr::Identifier(first.clone());
            return rest
                .iter()
                .fold(root, |at, field| call(internal::DEREFERENCE, vec![at, text(&field.value)]));
        }
        for table in self.tables.iter().filter(|it| it.parts.len() > 1 || it.spelt != it.full) {
            let width = table.parts.len();
            let matches =
                parts.len() > width && table.parts.iter().zip(&parts).all(|(a, b)| *a == b.value);
            if matches {
                parts.drain(..width);
                parts.insert(0, name(&table.spelt));
                break;
            }
        }
        Expr::CompoundIdentifier(parts)
    }

    fn function(&self, mut function: Function) -> Result<Expr, Error> {
        let Some(called) = function.name.0.last().and_then(|it| it.as_ident()) else {
            return Ok(Expr::Function(function));
        };
        let called = called.value.to_lowercase();
        function.name = ObjectName::from(name(&called));
        let no_arguments = match &function.args {
            FunctionArguments::None => true,
            FunctionArguments::List(list) => list.args.is_empty(),
            FunctionArguments::Subquery(_) => false,
        };
        if no_arguments && let Some(instant) = self.clock(&called) {
            return Ok(instant);
        }
        if let Some(done) = super::aggregates::rewrite(&called, &mut function)? {
            return Ok(done);
        }
        if function.over.is_some() || function.filter.is_some() || !function.within_group.is_empty()
        {
            return Ok(Expr::Function(function));
        }
        let FunctionArguments::List(list) = &mut function.args else {
            return Ok(Expr::Function(function));
        };
        let lambda_at = |at: usize| {
            list.args.get(at).is_some_and(|it| {
                matches!(it, FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Lambda(_))))
            })
        };
        match (called.as_str(), list.args.len()) {
            ("if", 2 | 3) => {
                let mut args = arguments(list)?.into_iter();
                let (Some(condition), Some(result)) = (args.next(), args.next()) else {
                    return Err(Error::Invalid("IF takes a condition and a value".to_owned()));
                };
                Ok(case(condition, result, args.next()))
            }
            ("try", 1) => {
                let mut args = arguments(list)?;
                let Some(body) = args.pop() else {
                    return Err(Error::Invalid("TRY takes one value".to_owned()));
                };
                Ok(call(internal::TRY, vec![number(0), constant_lambda(body)]))
            }
            ("map", _) => {
                function.name = ObjectName::from(name(internal::MAP));
                Ok(Expr::Function(function))
            }
            ("rand", 0) => {
                function.name = ObjectName::from(name("random"));
                Ok(Expr::Function(function))
            }
            ("array_sort", 2) if lambda_at(1) => {
                function.name = ObjectName::from(name(internal::SORT_BY));
                Ok(Expr::Function(function))
            }
            _ => Ok(Expr::Function(function)),
        }
    }

    /// What a function of the clock returns for this query.
    fn clock(&self, called: &str) -> Option<Expr> {
        let now = self.now.to_string();
        let kind = match called {
            "current_timestamp" | "now" => "timestamp(3) with time zone",
            "localtimestamp" => "timestamp(3)",
            "current_date" => "date",
            "current_time" | "localtime" => "time",
            "current_timezone" => return Some(text("UTC")),
            _ => return None,
        };
        let now = now.get(..23).filter(|_| now.len() > 23).unwrap_or(now.trim_end_matches('Z'));
        Some(call(internal::CAST, vec![text(now), text(kind)]))
    }
}

/// `a[1]['x'].field` as calls, innermost first.
fn access(root: Expr, chain: Vec<AccessExpr>) -> Result<Expr, Error> {
    let mut at = root;
    for step in chain {
        at = match step {
            AccessExpr::Dot(Expr::Identifier(field)) => {
                call(internal::DEREFERENCE, vec![at, text(&field.value.to_lowercase())])
            }
            AccessExpr::Dot(Expr::CompoundIdentifier(fields)) => {
                fields.iter().fold(at, |at, field| {
                    call(internal::DEREFERENCE, vec![at, text(&field.value.to_lowercase())])
                })
            }
            AccessExpr::Dot(other) => {
                return Err(Error::Invalid(format!("`{other}` is no field")));
            }
            AccessExpr::Subscript(Subscript::Index { index }) => {
                call(internal::SUBSCRIPT, vec![at, index])
            }
            AccessExpr::Subscript(Subscript::Slice { .. }) => {
                return Err(Error::Invalid("use slice() for a part of an array".to_owned()));
            }
        };
    }
    Ok(at)
}

/// Names of columns and small constants: what may be evaluated twice at no cost.
fn simple(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_))
}

/// BETWEEN as two comparisons, so that coercions are those of comparisons.
fn between(expr: Expr, negated: bool, low: Expr, high: Expr) -> Expr {
    let (above, below, joined) = if negated {
        (BinaryOperator::Lt, BinaryOperator::Gt, BinaryOperator::Or)
    } else {
        (BinaryOperator::GtEq, BinaryOperator::LtEq, BinaryOperator::And)
    };
    let compare =
        |op, left: Expr, right| Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) };
    Expr::Nested(Box::new(compare(
        joined,
        compare(above, expr.clone(), low),
        compare(below, expr, high),
    )))
}

/// In Trino a backslash in a pattern means itself, and the escape is any character; the engine
/// below knows the backslash as escape alone.
fn like(negated: bool, expr: Box<Expr>, pattern: Box<Expr>, escape: Option<Expr>) -> Expr {
    let literal = |it: &Expr| match it {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    let translated = match (literal(&pattern), escape.as_ref().map(literal)) {
        (Some(pattern), None) => Some(pattern.replace('\\', "\\\\")),
        (Some(pattern), Some(Some(escape))) => {
            let escape = escape.chars().next();
            let mut out = String::new();
            let mut letters = pattern.chars();
            while let Some(c) = letters.next() {
                match c {
                    c if Some(c) == escape => {
                        out.push('\\');
                        out.extend(letters.next());
                    }
                    '\\' => out.push_str("\\\\"),
                    c => out.push(c),
                }
            }
            Some(out)
        }
        _ => None,
    };
    let pattern = match (translated, escape) {
        (Some(pattern), _) => Box::new(text(&pattern)),
        (None, escape) => {
            let mut args = vec![*pattern];
            args.extend(escape);
            Box::new(call(internal::LIKE_PATTERN, args))
        }
    };
    Expr::Like { negated, any: false, expr, pattern, escape_char: None }
}

pub(super) fn case(condition: Expr, result: Expr, otherwise: Option<Expr>) -> Expr {
    let token = sqlparser::ast::helpers::attached_token::AttachedToken::empty();
    Expr::Case {
        case_token: token.clone(),
        end_token: token,
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: otherwise.map(Box::new),
    }
}

/// The function that reads a field of a date or time.
fn field_function(field: &DateTimeField) -> Result<String, Error> {
    let called = field.to_string().to_lowercase();
    let known = [
        "year",
        "quarter",
        "month",
        "week",
        "day",
        "day_of_month",
        "day_of_week",
        "dow",
        "day_of_year",
        "doy",
        "year_of_week",
        "yow",
        "hour",
        "minute",
        "second",
        "millisecond",
        "timezone_hour",
        "timezone_minute",
    ];
    if known.contains(&called.as_str()) {
        Ok(called)
    } else {
        Err(Error::Invalid(format!("`{called}` is no field of a date or time")))
    }
}

fn arguments(list: &mut FunctionArgumentList) -> Result<Vec<Expr>, Error> {
    std::mem::take(&mut list.args)
        .into_iter()
        .map(|it| match it {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
            other => Err(Error::Invalid(format!("`{other}` is no value"))),
        })
        .collect()
}

/// A lambda that heeds its parameter nowhere.
fn constant_lambda(body: Expr) -> Expr {
    Expr::Lambda(LambdaFunction {
        params: OneOrManyWithParens::One(LambdaFunctionParameter {
            name: name("\u{1}unused"),
            data_type: None,
        }),
        body: Box::new(body),
        syntax: LambdaSyntax::Arrow,
    })
}

pub(super) fn call(function: &str, args: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(name(function)),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args
                .into_iter()
                .map(|it| FunctionArg::Unnamed(FunctionArgExpr::Expr(it)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// The type as written: `source` hands it over as one quoted word.
fn type_text(kind: &DataType) -> String {
    match kind {
        DataType::Custom(ObjectName(parts), _) => match parts.as_slice() {
            [ObjectNamePart::Identifier(only)] => only.value.clone(),
            _ => kind.to_string(),
        },
        other => other.to_string(),
    }
}

pub(super) fn text(value: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(value.to_owned()))
}

pub(super) fn number(value: i64) -> Expr {
    Expr::value(Value::Number(value.to_string(), false))
}
