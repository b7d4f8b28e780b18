//! Functions that take lambdas, and TRY, which is one underneath.
//!
//! A lambda is evaluated over all elements of a batch at once; what it captures is repeated to
//! match. Only `reduce` goes step by step, over all rows at each step.
//! Spec: Trino, "Lambda expressions", "Array functions", "Map functions".

mod elements;
mod entries;
mod reduce;
mod trial;

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, UInt64Array},
        compute,
        datatypes::{DataType, Field, FieldRef},
    },
    error::{DataFusionError, Result},
    logical_expr::{
        ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature,
        HigherOrderUDF, HigherOrderUDFImpl, LambdaArgument, LambdaParametersProgress,
        ValueOrLambda, Volatility,
    },
};

use super::scalar::{Kind, coerced};
use crate::types;

/// The types of a call's arguments; `None` for a lambda whose type is not known yet.
type Kinds = [ValueOrLambda<DataType, Option<DataType>>];

/// What a lambda's parameters are, or which must be known first.
enum Parameters {
    Known(Vec<Vec<DataType>>),
    Partly(Vec<Option<Vec<DataType>>>),
}

/// A function that takes lambdas.
struct Lambda {
    name: &'static str,
    /// The arguments that are values; the rest are lambdas, and follow them.
    values: &'static [Kind],
    lambdas: usize,
    parameters: fn(usize, &Kinds) -> Result<Parameters>,
    /// The type of the result, from the types of values and of what the lambdas return.
    result: fn(&[DataType], &[DataType]) -> Result<DataType>,
    run: fn(&Call<'_>) -> Result<ArrayRef>,
}

/// All of them.
pub(super) fn all() -> Vec<Arc<HigherOrderUDF>> {
    elements::ALL
        .iter()
        .chain(entries::ALL)
        .chain(reduce::ALL)
        .chain(trial::ALL)
        .map(|it| Arc::new(HigherOrderUDF::new_from_impl(Known::of(it))))
        .collect()
}

/// A [`Lambda`] as the engine below wants it.
struct Known {
    function: &'static Lambda,
    signature: HigherOrderSignature,
}

impl Known {
    fn of(function: &'static Lambda) -> Self {
        let mut args = vec![ValueOrLambda::Value(()); function.values.len()];
        args.extend(vec![ValueOrLambda::Lambda(()); function.lambdas]);
        Self { function, signature: HigherOrderSignature::exact(args, Volatility::Immutable) }
    }
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lambda").field(&self.function.name).finish()
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}

impl Eq for Known {}

impl std::hash::Hash for Known {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

/// The arguments of one call.
struct Call<'a> {
    name: &'static str,
    values: Vec<ArrayRef>,
    lambdas: Vec<(&'a LambdaArgument, DataType)>,
    rows: usize,
    result: &'a DataType,
}

impl HigherOrderUDFImpl for Known {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn coerce_value_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        if args.len() != self.function.values.len() {
            return Err(self.misuse());
        }
        args.iter()
            .zip(self.function.values)
            .map(|(given, kind)| coerced(*kind, given).ok_or_else(|| self.misuse()))
            .collect()
    }

    fn lambda_parameters(
        &self,
        step: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        let kinds: Vec<ValueOrLambda<DataType, Option<DataType>>> = fields
            .iter()
            .map(|it| match it {
                ValueOrLambda::Value(it) => ValueOrLambda::Value(it.data_type().clone()),
                ValueOrLambda::Lambda(it) => {
                    ValueOrLambda::Lambda(it.as_ref().map(|it| it.data_type().clone()))
                }
            })
            .collect();
        let named = |kinds: Vec<DataType>| -> Vec<FieldRef> {
            kinds.into_iter().map(|it| Arc::new(Field::new("", it, true))).collect()
        };
        Ok(match (self.function.parameters)(step, &kinds)? {
            Parameters::Known(all) => {
                LambdaParametersProgress::Complete(all.into_iter().map(named).collect())
            }
            Parameters::Partly(all) => {
                LambdaParametersProgress::Partial(all.into_iter().map(|it| it.map(named)).collect())
            }
        })
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs<'_>) -> Result<FieldRef> {
        let (mut values, mut lambdas) = (Vec::new(), Vec::new());
        for it in args.arg_fields {
            match it {
                ValueOrLambda::Value(it) => values.push(it.data_type().clone()),
                ValueOrLambda::Lambda(it) => lambdas.push(it.data_type().clone()),
            }
        }
        let kind = (self.function.result)(&values, &lambdas)?;
        Ok(Arc::new(Field::new(self.function.name, kind, true)))
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let (mut values, mut lambdas) = (Vec::new(), Vec::new());
        for (it, field) in args.args.iter().zip(&args.arg_fields) {
            match (it, field) {
                (ValueOrLambda::Value(it), _) => values.push(it.to_array(args.number_rows)?),
                (ValueOrLambda::Lambda(it), ValueOrLambda::Lambda(field)) => {
                    lambdas.push((it, field.data_type().clone()));
                }
                (ValueOrLambda::Lambda(_), ValueOrLambda::Value(_)) => return Err(self.misuse()),
            }
        }
        let call = Call {
            name: self.function.name,
            values,
            lambdas,
            rows: args.number_rows,
            result: args.return_field.data_type(),
        };
        let out = (self.function.run)(&call)?;
        Ok(ColumnarValue::Array(super::cast::cast(&out, call.result, false)?))
    }

    /// TRY decides by itself what is evaluated, and when.
    fn short_circuits(&self) -> bool {
        self.function.name == super::internal::TRY
    }
}

impl Known {
    fn misuse(&self) -> DataFusionError {
        let name = self.function.name;
        let mut wanted: Vec<String> =
            self.function.values.iter().map(|it| format!("{it:?}").to_lowercase()).collect();
        wanted.extend(vec!["lambda".to_owned(); self.function.lambdas]);
        DataFusionError::Plan(format!("{name} expects {name}({})", wanted.join(", ")))
    }
}

impl Call<'_> {
    fn fail(&self, what: impl std::fmt::Display) -> DataFusionError {
        DataFusionError::Execution(format!("{}: {what}", self.name))
    }

    fn value(&self, at: usize) -> Result<&ArrayRef> {
        self.values.get(at).ok_or_else(|| self.fail("an argument is missing"))
    }

    /// Evaluates a lambda over `params`, whose n-th row belongs to row `of[n]` of the call.
    fn evaluate(&self, at: usize, params: &[ArrayRef], of: &UInt64Array) -> Result<ArrayRef> {
        let (lambda, _) = self.lambdas.get(at).ok_or_else(|| self.fail("a lambda is missing"))?;
        let closures: Vec<_> = params.iter().map(|it| move || Ok(Arc::clone(it))).collect();
        let given: Vec<&dyn Fn() -> Result<ArrayRef>> =
            closures.iter().map(|it| it as &dyn Fn() -> Result<ArrayRef>).collect();
        lambda
            .evaluate(&given, |captured| {
                captured.iter().map(|it| Ok(compute::take(it, of, None)?)).collect()
            })?
            .into_array(of.len())
    }

    /// The same, of truths.
    fn test(
        &self,
        at: usize,
        params: &[ArrayRef],
        of: &UInt64Array,
    ) -> Result<datafusion::arrow::array::BooleanArray> {
        let out = self.evaluate(at, params, of)?;
        let out = super::cast::cast(&out, &DataType::Boolean, false)?;
        Ok(datafusion::arrow::array::AsArray::as_boolean(&out).clone())
    }
}

/// For each element the row it belongs to, given how many each row has.
fn owners(lengths: impl IntoIterator<Item = usize>) -> UInt64Array {
    lengths
        .into_iter()
        .enumerate()
        .flat_map(|(row, length)| std::iter::repeat_n(u64::try_from(row).ok(), length))
        .collect()
}

/// The type of an array's elements.
fn element(kinds: &Kinds, at: usize) -> DataType {
    match kinds.get(at) {
        Some(ValueOrLambda::Value(DataType::List(field))) => field.data_type().clone(),
        _ => DataType::Null,
    }
}

/// What must be boolean, is.
fn truth(lambdas: &[DataType]) -> Result<()> {
    match lambdas.first() {
        Some(DataType::Boolean | DataType::Null) | None => Ok(()),
        Some(other) => Err(DataFusionError::Plan(format!(
            "the lambda must return boolean, not {}",
            types::name(other)
        ))),
    }
}
