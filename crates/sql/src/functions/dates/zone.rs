//! Time zones: the wall clock of an instant, and `AT TIME ZONE`.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeZone as _};
use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, AsArray as _, timezone::Tz},
        compute,
        datatypes::{DataType, Field, FieldRef, TimeUnit, TimestampMillisecondType},
    },
    common::ScalarValue,
    error::{DataFusionError, Result},
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature,
        TypeSignature, Volatility,
    },
};

use crate::{text, types};

/// The zone whose wall clock counts.
#[derive(Debug)]
pub(super) enum Zone {
    Utc,
    Named(Tz, String),
}

impl Zone {
    /// The zone of a type; UTC where there is none.
    pub(super) fn of(kind: &DataType) -> Self {
        match kind {
            DataType::Timestamp(_, Some(zone)) if !text::is_utc(zone) => {
                zone.parse().map_or(Self::Utc, |it| Self::Named(it, zone.to_string()))
            }
            _ => Self::Utc,
        }
    }

    /// The wall clock at an instant.
    pub(super) fn local(&self, at: i64) -> Option<NaiveDateTime> {
        let utc = DateTime::from_timestamp_millis(at)?;
        Some(match self {
            Self::Utc => utc.naive_utc(),
            Self::Named(zone, _) => utc.with_timezone(zone).naive_local(),
        })
    }

    /// The instant of a wall clock: the first, where it strikes twice.
    pub(super) fn utc(&self, at: NaiveDateTime) -> Option<i64> {
        Some(match self {
            Self::Utc => at.and_utc().timestamp_millis(),
            Self::Named(zone, _) => zone
                .from_local_datetime(&at)
                .earliest()
                .map_or_else(|| at.and_utc().timestamp_millis(), |it| it.timestamp_millis()),
        })
    }

    /// Seconds east of UTC at an instant.
    pub(super) fn offset(&self, at: i64) -> i64 {
        match (self, DateTime::from_timestamp_millis(at)) {
            (Self::Named(zone, _), Some(at)) => {
                i64::from(at.with_timezone(zone).offset().fix().local_minus_utc())
            }
            _ => 0,
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Utc => "UTC",
            Self::Named(_, name) => name,
        }
    }
}

/// `at_timezone(ts, zone)`: the same instant at another wall clock.
pub(in crate::functions) static AT_TIMEZONE: AtTimezone = AtTimezone;

/// See [`AT_TIMEZONE`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(in crate::functions) struct AtTimezone;

static SIGNATURE: Signature = Signature {
    type_signature: TypeSignature::UserDefined,
    volatility: Volatility::Immutable,
    parameter_names: None,
};

impl ScalarUDFImpl for AtTimezone {
    fn name(&self) -> &str {
        "at_timezone"
    }

    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        match args {
            [
                DataType::Timestamp(..)
                | DataType::Date32
                | DataType::Null
                | DataType::Utf8
                | DataType::Utf8View,
                zone,
            ] if types::is_text(zone) => Ok(vec![types::zoned(), types::TEXT]),
            _ => Err(DataFusionError::Plan("AT TIME ZONE takes a timestamp and a zone".to_owned())),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal("the zone lies in the arguments".to_owned()))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let Some(Some(ScalarValue::Utf8(Some(zone)))) = args.scalar_arguments.get(1) else {
            return Err(DataFusionError::Plan("the zone must be a literal".to_owned()));
        };
        if !text::is_utc(zone) && zone.parse::<Tz>().is_err() {
            return Err(DataFusionError::Plan(format!("'{zone}' is not a time zone")));
        }
        let kind = DataType::Timestamp(TimeUnit::Millisecond, Some(zone.as_str().into()));
        Ok(Arc::new(Field::new(self.name(), kind, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(value) = args.args.first() else {
            return Err(DataFusionError::Internal("no timestamp".to_owned()));
        };
        let constant = matches!(value, ColumnarValue::Scalar(_));
        let array = match value {
            ColumnarValue::Scalar(value) => value.to_array()?,
            ColumnarValue::Array(array) => Arc::clone(array),
        };
        let array = compute::cast(&array, &types::zoned())?;
        let DataType::Timestamp(_, Some(zone)) = args.return_field.data_type() else {
            return Err(DataFusionError::Internal("no zone".to_owned()));
        };
        let out = array
            .as_primitive::<TimestampMillisecondType>()
            .clone()
            .with_timezone(Arc::clone(zone));
        let out: ArrayRef = Arc::new(out);
        Ok(if constant && out.len() == 1 {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?)
        } else {
            ColumnarValue::Array(out)
        })
    }
}
