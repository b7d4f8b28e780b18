//! Trino's functions: which there are, and how they are made known to the engine below.
//!
//! One table ([`FUNCTIONS`]) names all that a query may call. Each family has a module; `scalar`
//! is what they are written in. Functions of the engine below are taken where they mean the same.

mod aggregate;
mod arrays;
mod binary;
pub(crate) mod cast;
mod conditional;
mod dates;
pub(crate) mod internal;
mod json;
mod lambdas;
mod maps;
mod math;
mod patterns;
mod printf;
mod regex;
mod scalar;
mod strings;
mod table;
mod unnest;
mod url;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF};

pub use table::{FUNCTIONS, Family, Function};

/// All functions of one value per row.
pub(crate) fn scalars() -> Vec<Arc<ScalarUDF>> {
    let own = arrays::ALL.iter().copied().chain([
        binary::ALL,
        conditional::ALL,
        dates::ALL,
        json::ALL,
        maps::ALL,
        math::ALL,
        regex::ALL,
        strings::ALL,
        url::ALL,
    ]);
    let mut all: Vec<Arc<ScalarUDF>> =
        own.flatten().map(|it| Arc::new(ScalarUDF::new_from_impl(it.clone()))).collect();
    all.push(Arc::new(ScalarUDF::new_from_impl(dates::AT_TIMEZONE.clone())));
    all.extend(internal::scalars());
    all.extend(borrowed());
    all
}

/// Functions that take lambdas.
pub(crate) fn higher_order() -> Vec<Arc<HigherOrderUDF>> {
    lambdas::all()
}

/// Aggregates, each also a window function.
pub(crate) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    aggregate::all()
}

/// Window functions proper.
pub(crate) fn windows() -> Vec<Arc<WindowUDF>> {
    datafusion::functions_window::all_default_window_functions()
        .into_iter()
        .filter(|it| FUNCTIONS.iter().any(|own| own.name == it.name()))
        .collect()
}

/// Functions of the engine below that mean what Trino means by them.
fn borrowed() -> impl Iterator<Item = Arc<ScalarUDF>> {
    let mut there = datafusion::functions::all_default_functions();
    there.extend(datafusion::functions_nested::all_default_nested_functions());
    there.into_iter().filter(|it| table::BORROWED.contains(&it.name()))
}
