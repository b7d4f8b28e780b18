//! What is changed in a parsed query before DataFusion plans it: Trino's ways of saying things that
//! DataFusion says otherwise.

use std::{collections::BTreeSet, ops::ControlFlow};

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CastKind, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, GroupByExpr, Ident, LimitClause, ObjectName,
    ObjectNamePart, OneOrManyWithParens, Query, Select, SelectItem, SetExpr, Subscript,
    UnaryOperator, Value, Visit as _, VisitMut, Visitor, VisitorMut, visit_expressions,
    visit_relations,
};

use crate::{Error, labels, unnest};

/// Every identifier, in lower case.
pub(crate) fn identifiers(query: &Query) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |it: &Ident| names.insert(it.value.to_lowercase());
    let _all = visit_expressions(query, |expr| {
        match expr {
            Expr::Identifier(name) => {
                add(name);
            }
            Expr::CompoundIdentifier(parts) => parts.iter().for_each(|it| {
                add(it);
            }),
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    names
}

/// Tables that are not defined within the query.
pub(crate) fn tables(query: &Query) -> BTreeSet<String> {
    struct Defined(BTreeSet<String>);
    impl Visitor for Defined {
        type Break = ();

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            let defined = query.with.iter().flat_map(|it| &it.cte_tables);
            self.0.extend(defined.map(|it| it.alias.name.value.to_lowercase()));
            ControlFlow::Continue(())
        }
    }
    let mut defined = Defined(BTreeSet::new());
    let _all = query.visit(&mut defined);
    let mut names = BTreeSet::new();
    let _all = visit_relations(query, |name| {
        let last = name.0.last().and_then(ObjectNamePart::as_ident);
        names.extend(last.map(|it| it.value.to_lowercase()).filter(|it| !defined.0.contains(it)));
        ControlFlow::<()>::Continue(())
    });
    names
}

/// Changes the query.
pub(crate) fn rewrite(query: &mut Query) -> Result<(), Error> {
    let mut rewriter = Rewriter { lambdas: Vec::new(), nodes: 0, tries: 0, error: None };
    if query.visit(&mut rewriter).is_break() {
        return Err(rewriter.error.unwrap_or(Error::NotSelect));
    }
    name_items(query, true);
    Ok(())
}

#[derive(Debug)]
struct Rewriter {
    /// Parameters of the lambdas that we are in.
    lambdas: Vec<Vec<String>>,
    nodes: usize,
    /// How many `TRY` we are in.
    tries: usize,
    error: Option<Error>,
}

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        group_maps(query);
        if let (Some(fetch), None) = (&query.fetch, &query.limit_clause) {
            let limit = fetch.quantity.clone();
            query.limit_clause =
                Some(LimitClause::LimitOffset { limit, offset: None, limit_by: Vec::new() });
            query.fetch = None;
        }
        if let Err(error) = unnest::rewrite(query) {
            self.error = Some(error);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<()> {
        // Only the last part says which table it is.
        if let Some(ObjectNamePart::Identifier(last)) = name.0.pop() {
            name.0 =
                vec![ObjectNamePart::Identifier(Ident::with_quote('"', last.value.to_lowercase()))];
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            self.error = Some(Error::TooLarge(format!("it has more than {NODES_MAX} expressions")));
            return ControlFlow::Break(());
        }
        match expr {
            Expr::Lambda(lambda) => {
                let names = match &lambda.params {
                    OneOrManyWithParens::One(one) => vec![one.name.value.to_lowercase()],
                    OneOrManyWithParens::Many(many) => {
                        many.iter().map(|it| it.name.value.to_lowercase()).collect()
                    }
                };
                self.lambdas.push(names);
            }
            Expr::Function(call) if is(call, "try") => self.tries += 1,
            _ => self.name(expr),
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Lambda(_) => {
                self.lambdas.pop();
            }
            Expr::Cast { kind, expr: inner, data_type, .. } => {
                let tries =
                    self.tries > 0 || matches!(kind, CastKind::TryCast | CastKind::SafeCast);
                let name = if tries { "trino_try_cast" } else { "trino_cast" };
                let wanted = text_value(&data_type.to_string());
                *expr = call(name, vec![take(inner), wanted]);
            }
            Expr::Function(function) => {
                if is(function, "try") {
                    self.tries = self.tries.saturating_sub(1);
                }
                if let Some(other) = rewrite_call(function) {
                    *expr = other;
                }
            }
            Expr::BinaryOp { left, op, right } if is_comparison(op) => {
                match (truth(left), truth(right)) {
                    (None, Some(function)) => **left = call(function, vec![take(left)]),
                    (Some(function), None) => **right = call(function, vec![take(right)]),
                    (Some("trino_word"), Some(function @ "trino_truth")) => {
                        **left = call(function, vec![take(left)]);
                    }
                    (Some(function @ "trino_truth"), Some("trino_word")) => {
                        **right = call(function, vec![take(right)]);
                    }
                    _ => {}
                }
            }
            Expr::Substring { expr: text, substring_from, substring_for, .. } => {
                let parts = [Some(take(text))]
                    .into_iter()
                    .chain([substring_from, substring_for].map(|it| it.as_deref_mut().map(take)));
                *expr = call("trino_substr", parts.flatten().collect());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Rewriter {
    /// Names: case does not matter, fields of what lambdas are given, members of JSON.
    fn name(&self, expr: &mut Expr) {
        match expr {
            Expr::Identifier(name) => lower(name),
            Expr::CompoundIdentifier(names) => {
                let written: Vec<String> = names.iter().map(|it| it.value.clone()).collect();
                names.iter_mut().for_each(lower);
                let first = names.first().map(|it| it.value.clone()).unwrap_or_default();
                if self.lambdas.iter().flatten().any(|it| *it == first) {
                    *expr = fields(names);
                    return;
                }
                let json = names.iter().position(|it| JSON.contains(&it.value.as_str()));
                if let Some(at) = json.filter(|it| it + 1 < names.len()) {
                    let column = names.get(..=at).unwrap_or_default().to_vec();
                    let column = match <[Ident; 1]>::try_from(column) {
                        Ok([name]) => Expr::Identifier(name),
                        Err(names) => Expr::CompoundIdentifier(names),
                    };
                    let path = written.get(at + 1..).unwrap_or_default().join(".");
                    *expr = call("json_member", vec![column, text_value(&path)]);
                }
            }
            Expr::CompoundFieldAccess { access_chain, .. } => {
                for access in access_chain {
                    if let AccessExpr::Dot(Expr::Identifier(name)) = access {
                        *access = field(name);
                    }
                }
            }
            _ => {}
        }
    }
}

fn lower(name: &mut Ident) {
    name.value = name.value.to_lowercase();
    name.quote_style = Some('"');
}

/// `x.a.b` as `x['a']['b']`, which is what DataFusion knows of variables of lambdas.
fn fields(names: &[Ident]) -> Expr {
    let (first, rest) = match names.split_first() {
        Some((first, rest)) => (first.clone(), rest),
        None => (Ident::new(""), names),
    };
    Expr::CompoundFieldAccess {
        root: Box::new(Expr::Identifier(first)),
        access_chain: rest.iter().map(field).collect(),
    }
}

/// A field of a row, which DataFusion knows by its text.
fn field(name: &Ident) -> AccessExpr {
    AccessExpr::Subscript(Subscript::Index { index: text_value(&name.value.to_lowercase()) })
}

/// What a function of Trino is here, if it is another.
fn rewrite_call(function: &mut Function) -> Option<Expr> {
    let name = function.name.0.last()?.as_ident()?.value.to_lowercase();
    let rename = |function: &mut Function, to: &str| {
        function.name = ObjectName::from(vec![Ident::new(to)]);
    };
    if name == "listagg"
        && let Some(order) =
            Some(std::mem::take(&mut function.within_group)).filter(|it| !it.is_empty())
        && let FunctionArguments::List(list) = &mut function.args
    {
        list.clauses.push(FunctionArgumentClause::OrderBy(order));
    }
    if let Some((_, to)) = RENAMED.iter().find(|(from, _)| *from == name) {
        rename(function, to);
        return None;
    }
    let mut arguments = arguments(function)?;
    let count = arguments.len();
    match (name.as_str(), count) {
        ("try", 1) => arguments.pop(),
        ("if", 2 | 3) => {
            let mut parts = arguments.into_iter();
            let (condition, result) = (parts.next()?, parts.next()?);
            Some(Expr::Case {
                case_token: sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
                end_token: sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
                operand: None,
                conditions: vec![CaseWhen { condition, result }],
                else_result: parts.next().map(Box::new),
            })
        }
        ("concat", 2..) => arguments.into_iter().reduce(|left, right| Expr::BinaryOp {
            left: Box::new(left),
            op: BinaryOperator::StringConcat,
            right: Box::new(right),
        }),
        ("replace", 2) => {
            arguments.push(text_value(""));
            Some(call("replace", arguments))
        }
        ("greatest" | "least", _) => {
            // Null if any of them is.
            let nulls = arguments.iter().cloned().map(|it| Expr::IsNull(Box::new(it)));
            let any = nulls.reduce(or)?;
            Some(Expr::Case {
                case_token: sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
                end_token: sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
                operand: None,
                conditions: vec![CaseWhen {
                    condition: Expr::UnaryOp {
                        op: UnaryOperator::Not,
                        expr: Box::new(Expr::Nested(Box::new(any))),
                    },
                    result: call(&name, arguments),
                }],
                else_result: None,
            })
        }
        ("count_if", 1) => {
            let one = Expr::Value(Value::Number("1".to_owned(), false).into());
            let condition = arguments.pop()?;
            let counted = Expr::Case {
                case_token: sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
                end_token: sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
                operand: None,
                conditions: vec![CaseWhen { condition, result: one }],
                else_result: None,
            };
            rename(function, "count");
            set_arguments(function, vec![counted]);
            None
        }
        ("max_by" | "min_by", 2) => {
            let by = arguments.pop()?;
            let order = sqlparser::ast::OrderByExpr {
                expr: by.clone(),
                options: sqlparser::ast::OrderByOptions {
                    asc: Some(name == "min_by"),
                    nulls_first: Some(false),
                },
                with_fill: None,
            };
            rename(function, "first_value");
            set_arguments(function, arguments);
            if let FunctionArguments::List(list) = &mut function.args {
                list.clauses.push(FunctionArgumentClause::OrderBy(vec![order]));
            }
            None
        }
        ("set_agg", 1) => {
            rename(function, "array_agg");
            if let FunctionArguments::List(list) = &mut function.args {
                list.duplicate_treatment = Some(sqlparser::ast::DuplicateTreatment::Distinct);
            }
            None
        }
        ("map_agg", 2) => {
            let values = arguments.pop()?;
            let names = arguments.pop()?;
            let gather = |it| call("array_agg", vec![it]);
            Some(call("trino_map", vec![gather(names), gather(values)]))
        }
        ("all_match", 2) => not_any(arguments, true),
        ("none_match", 2) => not_any(arguments, false),
        ("slice", 3) => Some(call("trino_slice", arguments)),
        ("date", 1) => {
            arguments.push(text_value("DATE"));
            Some(call("trino_cast", arguments))
        }
        _ => {
            let (_, field) = PARTS.iter().find(|(from, _)| *from == name)?;
            let parts = [text_value(field)].into_iter().chain(arguments).collect();
            Some(call("trino_part", parts))
        }
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq)
}

/// What makes the other side fit, where one is a constant of truth: booleans are compared with their
/// words and words with booleans, as people write it.
fn truth(expr: &Expr) -> Option<&'static str> {
    let Expr::Value(value) = expr else { return None };
    match &value.value {
        Value::Boolean(_) => Some("trino_truth"),
        Value::SingleQuotedString(word) if matches!(word.as_str(), "true" | "false") => {
            Some("trino_word")
        }
        _ => None,
    }
}

/// `all_match(a, x -> c)` as `NOT any_match(a, x -> NOT c)`, and `none_match` without the inner one.
fn not_any(mut arguments: Vec<Expr>, inner: bool) -> Option<Expr> {
    if inner && let Some(Expr::Lambda(lambda)) = arguments.last_mut() {
        let body = take(&mut lambda.body);
        *lambda.body =
            Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(body))) };
    }
    Some(Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(call("any_match", arguments)) })
}

fn or(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::Or, right: Box::new(right) }
}

/// A grouping by a column of maps, which cannot be compared: by its text, and where the column itself
/// is spoken of, one of the equal maps stands for it.
fn group_maps(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let Select { group_by: GroupByExpr::Expressions(keys, _), .. } = select.as_mut() else {
        return;
    };
    let mut grouped = BTreeSet::new();
    for key in keys.iter_mut() {
        if let Expr::Identifier(name) = key
            && MAPS.contains(&name.value.to_lowercase().as_str())
        {
            grouped.insert(name.value.to_lowercase());
            *key = call("map_text", vec![take(key)]);
        }
    }
    if grouped.is_empty() {
        return;
    }
    struct One(BTreeSet<String>);
    impl VisitorMut for One {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Identifier(name) = expr
                && self.0.contains(&name.value.to_lowercase())
            {
                *expr = call("first_value", vec![take(expr)]);
            }
            ControlFlow::Continue(())
        }
    }
    let mut one = One(grouped);
    for item in &mut select.projection {
        let _all = item.visit(&mut one);
    }
    if let Some(having) = &mut select.having {
        let _all = having.visit(&mut one);
    }
    if let Some(order) = &mut query.order_by {
        let _all = order.visit(&mut one);
    }
}

/// Gives items of a `SELECT` the names by which others may speak of them; at the top each one a name
/// of its own, since two of the same are allowed there.
fn name_items(query: &mut Query, is_top: bool) {
    if let Some(with) = &mut query.with {
        for table in &mut with.cte_tables {
            name_items(&mut table.query, false);
        }
    }
    name_set(query.body.as_mut(), is_top);
}

fn name_set(body: &mut SetExpr, is_top: bool) {
    match body {
        SetExpr::Select(select) => name_select(select, is_top),
        SetExpr::Query(query) => name_items(query, is_top),
        SetExpr::SetOperation { left, right, .. } => {
            name_set(left, is_top);
            name_set(right, is_top);
        }
        _ => {}
    }
}

fn name_select(select: &mut Select, is_top: bool) {
    let mut taken = BTreeSet::new();
    for (at, item) in select.projection.iter_mut().enumerate() {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let plain = matches!(expr, Expr::Identifier(_));
                let name = labels::name(expr).map(|it| it.to_lowercase());
                let name = name.filter(|it| plain || !is_top || !taken.contains(it));
                if plain && name.as_ref().is_some_and(|it| taken.insert(it.clone())) {
                    continue;
                }
                let name =
                    name.filter(|it| !taken.contains(it)).unwrap_or_else(|| format!("_col{at}"));
                taken.insert(name.clone());
                let alias = Ident::with_quote('"', name);
                *item = SelectItem::ExprWithAlias { expr: take(expr), alias };
            }
            SelectItem::ExprWithAlias { alias, .. } => {
                alias.value = alias.value.to_lowercase();
                if !taken.insert(alias.value.clone()) {
                    alias.value = format!("_col{at}");
                }
                alias.quote_style = Some('"');
            }
            _ => {}
        }
    }
    for table in &mut select.from {
        let joined = table.joins.iter_mut().map(|it| &mut it.relation);
        for factor in std::iter::once(&mut table.relation).chain(joined) {
            if let sqlparser::ast::TableFactor::Derived { subquery, .. } = factor {
                name_items(subquery, false);
            }
        }
    }
}

pub(crate) fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Value(Value::Null.into()))
}

fn is(function: &Function, name: &str) -> bool {
    let last = function.name.0.last().and_then(ObjectNamePart::as_ident);
    last.is_some_and(|it| it.value.eq_ignore_ascii_case(name))
}

/// The arguments, if they are plain ones.
fn arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let plain = |it: &FunctionArg| match it {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    list.args.iter().map(plain).collect()
}

fn set_arguments(function: &mut Function, arguments: Vec<Expr>) {
    if let FunctionArguments::List(list) = &mut function.args {
        list.args = arguments.into_iter().map(argument).collect();
    }
}

fn argument(expr: Expr) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
}

/// A call of a function.
pub(crate) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(sqlparser::ast::FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.into_iter().map(argument).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

pub(crate) fn text_value(text: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.to_owned()).into())
}

/// Functions that are here under another name.
const RENAMED: [(&str, &str); 18] = [
    ("filter", "array_filter"),
    ("transform", "array_transform"),
    ("arbitrary", "first_value"),
    ("any_value", "first_value"),
    ("every", "bool_and"),
    ("approx_percentile", "approx_percentile_cont"),
    ("listagg", "string_agg"),
    ("localtimestamp", "now"),
    ("sequence", "generate_series"),
    ("json_array_size", "json_array_length"),
    ("ceiling", "ceil"),
    ("pow", "power"),
    ("mod", "trino_mod"),
    ("rand", "random"),
    ("substring", "trino_substr"),
    ("substr", "trino_substr"),
    ("char_length", "length"),
    ("position", "strpos"),
];

/// Functions that take a part of a time, and which.
const PARTS: [(&str, &str); 20] = [
    ("year", "year"),
    ("quarter", "quarter"),
    ("month", "month"),
    ("week", "week"),
    ("week_of_year", "week"),
    ("day", "day"),
    ("day_of_month", "day"),
    ("day_of_week", "isodow"),
    ("dow", "isodow"),
    ("day_of_year", "doy"),
    ("doy", "doy"),
    ("year_of_week", "isoyear"),
    ("yow", "isoyear"),
    ("hour", "hour"),
    ("minute", "minute"),
    ("second", "second"),
    ("millisecond", "millisecond"),
    ("timezone_hour", "timezone_hour"),
    ("timezone_minute", "timezone_minute"),
    ("weekday", "isodow"),
];

/// Columns that hold objects: maps in Lake, texts of JSON in Athena. Both let one speak of a member
/// by a dot, as people do.
const JSON: [&str; 7] = [
    "requestparameters",
    "responseelements",
    "additionaleventdata",
    "serviceeventdetails",
    "addendum",
    "edgedevicedetails",
    "insightdetails",
];

/// Columns of maps by which people group.
const MAPS: [&str; 7] = JSON;

/// Expressions of a query.
const NODES_MAX: usize = 20_000;
