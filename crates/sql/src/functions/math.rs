//! Numbers.
//!
//! Spec: Trino, "Mathematical functions and operators".

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray as _},
        datatypes::{DataType, Decimal128Type},
    },
    error::{DataFusionError, Result},
};

use super::scalar::{self, Call, Kind, Scalar, fixed, optional};

const ONE: &[Kind] = &[Kind::Double];
const TWO: &[Kind] = &[Kind::Double, Kind::Double];
const NUMBER: &[Kind] = &[Kind::Number];

pub(super) const ALL: &[Scalar] = &[
    fixed("abs", NUMBER, number_type, |call| {
        keep(call, |it| it.checked_abs(), f64::abs, i128::abs)
    }),
    fixed("acos", ONE, scalar::double, |call| each(call, f64::acos)),
    fixed("asin", ONE, scalar::double, |call| each(call, f64::asin)),
    fixed("atan", ONE, scalar::double, |call| each(call, f64::atan)),
    fixed("atan2", TWO, scalar::double, |call| pair(call, f64::atan2)),
    fixed("cbrt", ONE, scalar::double, |call| each(call, f64::cbrt)),
    fixed("ceil", NUMBER, number_type, |call| rounded(call, f64::ceil)),
    fixed("ceiling", NUMBER, number_type, |call| rounded(call, f64::ceil)),
    fixed("cos", ONE, scalar::double, |call| each(call, f64::cos)),
    fixed("degrees", ONE, scalar::double, |call| each(call, f64::to_degrees)),
    fixed("e", &[], scalar::double, |call| call.doubles(|_| Ok(Some(std::f64::consts::E)))),
    fixed("exp", ONE, scalar::double, |call| each(call, f64::exp)),
    fixed("floor", NUMBER, number_type, |call| rounded(call, f64::floor)),
    optional("from_base", &[Kind::Text, Kind::Int], 2, scalar::bigint, |call| {
        let (text, radix) = (call.text(0)?, call.int(1)?);
        call.ints(|row| {
            let (Some(text), Some(radix)) = (text.get(row), radix.get(row)) else {
                return Ok(None);
            };
            let radix = base(call, radix)?;
            i64::from_str_radix(text, radix)
                .map(Some)
                .map_err(|_| call.fail(format_args!("not a valid base-{radix} number: {text}")))
        })
    }),
    fixed("infinity", &[], scalar::double, |call| call.doubles(|_| Ok(Some(f64::INFINITY)))),
    fixed("is_finite", ONE, scalar::boolean, |call| test(call, f64::is_finite)),
    fixed("is_infinite", ONE, scalar::boolean, |call| test(call, f64::is_infinite)),
    fixed("is_nan", ONE, scalar::boolean, |call| test(call, f64::is_nan)),
    fixed("ln", ONE, scalar::double, |call| each(call, f64::ln)),
    fixed("log", TWO, scalar::double, |call| pair(call, |base, it| it.ln() / base.ln())),
    fixed("log10", ONE, scalar::double, |call| each(call, f64::log10)),
    fixed("log2", ONE, scalar::double, |call| each(call, f64::log2)),
    fixed("mod", &[Kind::Number, Kind::Number], both_type, |call| {
        if call.result.is_integer() {
            let (a, b) = (call.int(0)?, call.int(1)?);
            return call.ints(|row| {
                let Some((a, b)) = a.get(row).zip(b.get(row)) else { return Ok(None) };
                a.checked_rem(b).map(Some).ok_or_else(|| call.fail("division by zero"))
            });
        }
        pair(call, |a, b| a % b)
    }),
    fixed("nan", &[], scalar::double, |call| call.doubles(|_| Ok(Some(f64::NAN)))),
    fixed("pi", &[], scalar::double, |call| call.doubles(|_| Ok(Some(std::f64::consts::PI)))),
    fixed("pow", TWO, scalar::double, |call| pair(call, f64::powf)),
    fixed("power", TWO, scalar::double, |call| pair(call, f64::powf)),
    fixed("radians", ONE, scalar::double, |call| each(call, f64::to_radians)),
    optional("round", &[Kind::Number, Kind::Int], 1, number_type, |call| {
        let digits = if call.has(1) { Some(call.int(1)?) } else { None };
        let at = |row| digits.as_ref().map_or(Some(0), |it| it.get(row));
        match call.result {
            it if it.is_integer() => {
                let value = call.int(0)?;
                call.ints(|row| {
                    let (Some(value), Some(digits)) = (value.get(row), at(row)) else {
                        return Ok(None);
                    };
                    let unit = u32::try_from(-digits)
                        .ok()
                        .filter(|it| *it > 0)
                        .map(|it| 10_i64.checked_pow(it));
                    Ok(Some(match unit {
                        None => value,
                        Some(None) => 0,
                        Some(Some(unit)) => (value + value.signum() * unit / 2) / unit * unit,
                    }))
                })
            }
            _ => {
                let value = call.double(0)?;
                let out = call.doubles(|row| {
                    Ok(value.get(row).zip(at(row)).map(|(value, digits)| round_to(value, digits)))
                })?;
                Ok(super::cast::cast(&out, call.result, false)?)
            }
        }
    }),
    fixed("sign", NUMBER, number_type, |call| {
        keep(
            call,
            |it| Some(it.signum()),
            |it| if it == 0.0 || it.is_nan() { it } else { it.signum() },
            i128::signum,
        )
    }),
    fixed("sin", ONE, scalar::double, |call| each(call, f64::sin)),
    fixed("sqrt", ONE, scalar::double, |call| each(call, f64::sqrt)),
    fixed("tan", ONE, scalar::double, |call| each(call, f64::tan)),
    fixed("to_base", &[Kind::Int, Kind::Int], scalar::text, |call| {
        let (value, radix) = (call.int(0)?, call.int(1)?);
        call.strings(|row| {
            let (Some(value), Some(radix)) = (value.get(row), radix.get(row)) else {
                return Ok(None);
            };
            let radix = u64::from(base(call, radix)?);
            let mut rest = value.unsigned_abs();
            let mut digits: Vec<char> = Vec::new();
            loop {
                let digit =
                    u32::try_from(rest % radix).ok().and_then(|it| char::from_digit(it, 36));
                digits.extend(digit);
                rest /= radix;
                if rest == 0 {
                    break;
                }
            }
            if value < 0 {
                digits.push('-');
            }
            Ok(Some(digits.into_iter().rev().collect::<String>().into()))
        })
    }),
    optional("truncate", &[Kind::Double, Kind::Int], 1, scalar::double, |call| {
        let value = call.double(0)?;
        let digits = if call.has(1) { Some(call.int(1)?) } else { None };
        call.doubles(|row| {
            let digits = digits.as_ref().map_or(Some(0), |it| it.get(row));
            Ok(value.get(row).zip(digits).map(|(value, digits)| {
                let unit = scale(digits);
                (value * unit).trunc() / unit
            }))
        })
    }),
    fixed(
        "width_bucket",
        &[Kind::Double, Kind::Double, Kind::Double, Kind::Int],
        scalar::bigint,
        |call| {
            let (value, low, high, count) =
                (call.double(0)?, call.double(1)?, call.double(2)?, call.int(3)?);
            call.ints(|row| {
                let (Some(value), Some(low), Some(high), Some(count)) =
                    (value.get(row), low.get(row), high.get(row), count.get(row))
                else {
                    return Ok(None);
                };
                if count <= 0 || low == high {
                    return Err(
                        call.fail("bucketCount must be greater than 0, and the bounds differ")
                    );
                }
                let (at, span) =
                    if low < high { (value - low, high - low) } else { (low - value, low - high) };
                if at < 0.0 {
                    return Ok(Some(0));
                }
                if at >= span {
                    return Ok(Some(count + 1));
                }
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    reason = "a bucket lies between one and their count"
                )]
                let bucket = (at / span * count as f64) as i64 + 1;
                Ok(Some(bucket))
            })
        },
    ),
];

fn base(call: &Call<'_>, radix: i64) -> Result<u32> {
    let radix = u32::try_from(radix).ok().filter(|it| (2..=36).contains(it));
    radix.ok_or_else(|| call.fail("radix must be between 2 and 36"))
}

/// bigint for whole numbers, the same decimal for decimals, else double.
fn number_type(args: &[DataType]) -> Result<DataType> {
    Ok(match args.first() {
        Some(it) if it.is_integer() => DataType::Int64,
        Some(it @ DataType::Decimal128(..)) => it.clone(),
        _ => DataType::Float64,
    })
}

fn both_type(args: &[DataType]) -> Result<DataType> {
    let whole = args.iter().all(DataType::is_integer);
    if args.len() != 2 {
        return Err(DataFusionError::Plan("mod takes two numbers".to_owned()));
    }
    Ok(if whole { DataType::Int64 } else { DataType::Float64 })
}

fn each(call: &Call<'_>, of: impl Fn(f64) -> f64) -> Result<ArrayRef> {
    let value = call.double(0)?;
    call.doubles(|row| Ok(value.get(row).map(&of)))
}

fn pair(call: &Call<'_>, of: impl Fn(f64, f64) -> f64) -> Result<ArrayRef> {
    let (a, b) = (call.double(0)?, call.double(1)?);
    call.doubles(|row| Ok(a.get(row).zip(b.get(row)).map(|(a, b)| of(a, b))))
}

fn test(call: &Call<'_>, of: impl Fn(f64) -> bool) -> Result<ArrayRef> {
    let value = call.double(0)?;
    call.booleans(|row| Ok(value.get(row).map(&of)))
}

/// A number of the type that came in.
fn keep(
    call: &Call<'_>,
    whole: impl Fn(i64) -> Option<i64>,
    broken: impl Fn(f64) -> f64,
    decimal: impl Fn(i128) -> i128,
) -> Result<ArrayRef> {
    match call.result {
        DataType::Int64 => {
            let value = call.int(0)?;
            call.ints(|row| match value.get(row) {
                None => Ok(None),
                Some(it) => whole(it).map(Some).ok_or_else(|| call.fail("value is out of range")),
            })
        }
        DataType::Decimal128(precision, scale) => {
            let value = call.array(0)?;
            let out = value.as_primitive::<Decimal128Type>().unary::<_, Decimal128Type>(decimal);
            Ok(Arc::new(out.with_precision_and_scale(*precision, *scale)?))
        }
        _ => each(call, broken),
    }
}

fn rounded(call: &Call<'_>, of: impl Fn(f64) -> f64) -> Result<ArrayRef> {
    if call.result.is_integer() {
        let value = call.int(0)?;
        return call.ints(|row| Ok(value.get(row)));
    }
    let out = each(call, of)?;
    super::cast::cast(&out, call.result, false)
}

fn scale(digits: i64) -> f64 {
    10_f64.powi(i32::try_from(digits.clamp(-400, 400)).unwrap_or(0))
}

fn round_to(value: f64, digits: i64) -> f64 {
    if digits == 0 {
        return value.round();
    }
    // By way of the shortest decimal, so that 1.005 to two digits is what its digits say.
    let unit = scale(digits);
    let scaled = value * unit;
    if !scaled.is_finite() {
        return value;
    }
    scaled.round() / unit
}
