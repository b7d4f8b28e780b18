//! How deep and how large a statement may be, and long chains of AND and OR made shallow.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Query, Statement, Visit, VisitMut, Visitor, VisitorMut,
};

use crate::{Error, Limits};

/// Counts expressions and queries, and how deep they lie in each other.
///
/// # Errors
///
/// [`Error::TooComplex`].
pub(crate) fn check(statement: &Statement, limits: &Limits) -> Result<(), Error> {
    struct Count<'a> {
        limits: &'a Limits,
        nodes: usize,
        depth: usize,
    }
    impl Count<'_> {
        fn enter(&mut self) -> ControlFlow<Error> {
            self.nodes += 1;
            self.depth += 1;
            if self.nodes > self.limits.nodes {
                let limit = self.limits.nodes;
                return ControlFlow::Break(Error::TooComplex { what: "parts", limit });
            }
            // Each level of the text makes a node of its own, and its parentheses another.
            if self.depth > self.limits.depth.saturating_mul(2) {
                let limit = self.limits.depth;
                return ControlFlow::Break(Error::TooComplex { what: "levels", limit });
            }
            ControlFlow::Continue(())
        }

        fn leave(&mut self) -> ControlFlow<Error> {
            self.depth = self.depth.saturating_sub(1);
            ControlFlow::Continue(())
        }
    }
    impl Visitor for Count<'_> {
        type Break = Error;
        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<Error> {
            self.enter()
        }
        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Error> {
            self.leave()
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
            // `a.b.c` and `a[1][2]` are flat here, and calls within calls later.
            let chain = match expr {
                Expr::CompoundIdentifier(parts) => parts.len(),
                Expr::CompoundFieldAccess { access_chain, .. } => access_chain.len(),
                _ => 0,
            };
            if chain > self.limits.depth {
                let limit = self.limits.depth;
                return ControlFlow::Break(Error::TooComplex { what: "levels", limit });
            }
            self.enter()
        }
        fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<Error> {
            self.leave()
        }
    }
    match statement.visit(&mut Count { limits, nodes: 0, depth: 0 }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Turns `a OR b OR c OR …`, which the parser hangs to the left, into a tree of small depth.
pub(crate) fn balance(statement: &mut Statement) {
    struct Balance;
    impl VisitorMut for Balance {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Some(op) = chain(expr, CHAIN_MIN) {
                let whole = std::mem::replace(expr, Expr::Tuple(Vec::new()));
                let mut parts = flatten(whole, &op);
                *expr = tree(&mut parts, &op);
            }
            ControlFlow::Continue(())
        }
    }
    let _ = VisitMut::visit(statement, &mut Balance);
}

/// A chain shorter than this stays as it is.
const CHAIN_MIN: usize = 6;

/// The operator of a chain of at least `min` links that hangs to the left.
fn chain(expr: &Expr, min: usize) -> Option<BinaryOperator> {
    let Expr::BinaryOp { op, .. } = expr else { return None };
    if !matches!(op, BinaryOperator::And | BinaryOperator::Or) {
        return None;
    }
    let mut at = expr;
    for _ in 0..min {
        match at {
            Expr::BinaryOp { left, op: it, .. } if it == op => at = left,
            _ => return None,
        }
    }
    Some(op.clone())
}

fn flatten(mut expr: Expr, op: &BinaryOperator) -> Vec<Expr> {
    let mut parts = Vec::new();
    loop {
        match expr {
            Expr::BinaryOp { left, op: it, right } if it == *op => {
                parts.push(*right);
                expr = *left;
            }
            other => {
                parts.push(other);
                break;
            }
        }
    }
    parts.reverse();
    parts
}

fn tree(parts: &mut Vec<Expr>, op: &BinaryOperator) -> Expr {
    if parts.len() > 1 {
        let mut right = parts.split_off(parts.len() / 2);
        return Expr::BinaryOp {
            left: Box::new(tree(parts, op)),
            op: op.clone(),
            right: Box::new(tree(&mut right, op)),
        };
    }
    parts.pop().unwrap_or_else(|| Expr::Tuple(Vec::new()))
}
