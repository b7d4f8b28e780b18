//! Aggregates: those of the engine below that mean the same, and those that it lacks.
//!
//! Spec: Trino, "Aggregate functions".

mod best;
mod keyed;

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, AsArray as _, new_empty_array},
        compute,
        datatypes::{DataType, Field, FieldRef},
    },
    common::{ScalarValue, utils::SingleRowListArrayBuilder},
    error::{DataFusionError, Result},
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, Signature, TypeSignature, Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
    },
};

use crate::types;

/// Aggregates of the engine below. Some of them queries know by other names, which the rewriting
/// passes exchange.
const BORROWED: [&str; 25] = [
    "approx_distinct",
    "approx_percentile_cont",
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "first_value",
    "last_value",
    "max",
    "min",
    "nth_value",
    "regr_intercept",
    "regr_slope",
    "stddev",
    "stddev_pop",
    "string_agg",
    "sum",
    "var",
    "var_pop",
    "median",
    "grouping",
];

/// All of them.
pub(super) fn all() -> Vec<Arc<AggregateUDF>> {
    let borrowed = datafusion::functions_aggregate::all_default_aggregate_functions();
    let borrowed = borrowed.into_iter().filter(|it| BORROWED.contains(&it.name()));
    let own = best::ALL
        .iter()
        .chain(keyed::ALL)
        .map(|it| Arc::new(AggregateUDF::new_from_impl(it.clone())));
    borrowed.chain(own).collect()
}

/// Begins an aggregate over arguments of these types, with a result of that type.
type Start = fn(&[DataType], DataType) -> Result<Box<dyn Fold>>;

/// An aggregate of ours.
///
/// Its state is lists side by side, one for each of `state`'s types.
#[derive(Clone)]
struct Own {
    name: &'static str,
    /// How many arguments it takes, at least and at most.
    takes: (usize, usize),
    result: fn(&[DataType]) -> Result<DataType>,
    state: fn(&[DataType]) -> Vec<DataType>,
    start: Start,
}

/// What an aggregate keeps, row by row or state by state.
trait Fold: std::fmt::Debug + Send + Sync {
    /// Takes rows of arguments.
    fn update(&mut self, args: &[ArrayRef]) -> Result<()>;
    /// Takes what another kept: the columns of [`Fold::kept`].
    fn merge(&mut self, kept: &[ArrayRef]) -> Result<()>;
    /// What is kept, as columns of equal length.
    fn kept(&self) -> Result<Vec<ArrayRef>>;
    /// The result.
    fn result(&self) -> Result<ScalarValue>;
    /// Bytes that are held.
    fn bytes(&self) -> usize;
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Aggregate").field(&self.name).finish()
    }
}

impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Own {}

impl std::hash::Hash for Own {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

static SIGNATURE: Signature = Signature {
    type_signature: TypeSignature::UserDefined,
    volatility: Volatility::Immutable,
    parameter_names: None,
};

impl AggregateUDFImpl for Own {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        let (least, most) = self.takes;
        if args.len() < least || args.len() > most {
            return Err(DataFusionError::Plan(format!(
                "{} takes {least} to {most} arguments",
                self.name
            )));
        }
        Ok(args.iter().map(types::canonical).collect())
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        (self.result)(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return Err(DataFusionError::Plan(format!("{} takes no DISTINCT", self.name)));
        }
        let kinds: Vec<DataType> =
            args.expr_fields.iter().map(|it| it.data_type().clone()).collect();
        let fold = (self.start)(&kinds, args.return_type().clone())?;
        Ok(Box::new(Folding { fold, state: (self.state)(&kinds) }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let kinds: Vec<DataType> =
            args.input_fields.iter().map(|it| it.data_type().clone()).collect();
        Ok((self.state)(&kinds)
            .into_iter()
            .enumerate()
            .map(|(at, kind)| {
                Arc::new(Field::new(format!("{}[{at}]", args.name), types::array(kind), true))
            })
            .collect())
    }
}

#[derive(Debug)]
struct Folding {
    fold: Box<dyn Fold>,
    state: Vec<DataType>,
}

impl Accumulator for Folding {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.fold.update(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.fold.result()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.fold.bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.fold
            .kept()?
            .into_iter()
            .zip(&self.state)
            .map(|(column, kind)| {
                let column = compute::cast(&column, kind)?;
                let field = Arc::new(Field::new("item", kind.clone(), true));
                Ok(SingleRowListArrayBuilder::new(column).with_field(&field).build_list_scalar())
            })
            .collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |it| it.len());
        for row in 0..rows {
            let kept = states
                .iter()
                .zip(&self.state)
                .map(|(column, kind)| {
                    let list = column.as_list::<i32>();
                    if list.is_valid(row) { list.value(row) } else { new_empty_array(kind) }
                })
                .collect::<Vec<_>>();
            self.fold.merge(&kept)?;
        }
        Ok(())
    }
}

/// A column of values, or an empty one.
fn column(values: &[ScalarValue], kind: &DataType) -> Result<ArrayRef> {
    if values.is_empty() {
        return Ok(new_empty_array(kind));
    }
    let column = ScalarValue::iter_to_array(values.iter().cloned())?;
    Ok(if column.data_type() == kind { column } else { compute::cast(&column, kind)? })
}

/// A list of a column's values, as one value of `kind`.
fn list_value(column: &ArrayRef, kind: &DataType) -> Result<ScalarValue> {
    let DataType::List(field) = kind else {
        return Err(DataFusionError::Internal("no list to make".to_owned()));
    };
    let column = compute::cast(column, field.data_type())?;
    Ok(SingleRowListArrayBuilder::new(column).with_field(field).build_list_scalar())
}
