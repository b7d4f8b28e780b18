//! What Trino's grammar says differently from the parser's defaults.

use std::any::TypeId;

use sqlparser::dialect::{Dialect, GenericDialect};

/// Trino's grammar, and a little more where published queries write more: backticks quote names.
#[derive(Debug)]
pub(crate) struct Trino;

impl Dialect for Trino {
    /// Checks of the parser by type stay those of the generic dialect: UNNEST as a table and others.
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_identifier_start(&self, c: char) -> bool {
        c.is_alphabetic() || c == '_'
    }

    fn is_identifier_part(&self, c: char) -> bool {
        c.is_alphanumeric() || matches!(c, '_' | '$' | '@')
    }

    fn is_delimited_identifier_start(&self, c: char) -> bool {
        matches!(c, '"' | '`')
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_within_after_array_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }
}
