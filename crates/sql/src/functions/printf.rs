//! `format`: Java's format strings, as far as queries use them.
//!
//! `%s`, `%d`, `%f`, `%e`, `%x`, `%X`, `%o`, `%b`, `%c`, `%n` and `%%`, with an argument's position,
//! flags, width and precision.

use std::borrow::Cow;

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, AsArray as _},
        compute,
        datatypes::{DataType, Float64Type, Int64Type},
    },
    error::Result,
};

use super::scalar::Call;
use crate::text;

/// Characters that one argument may be widened to.
const WIDTH_MAX: usize = 1_000;

/// One `%` of a format.
#[derive(Debug)]
struct Spec {
    position: Option<usize>,
    left: bool,
    zero: bool,
    comma: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
    letter: char,
}

enum Part {
    Literal(String),
    Value(Spec),
}

pub(super) fn run(call: &Call<'_>) -> Result<ArrayRef> {
    let format = call.text(0)?;
    let values = (1..call.len()).map(|at| call.array(at)).collect::<Result<Vec<_>>>()?;
    let wrong = |it: &str| call.fail(format_args!("invalid format string: {it}"));
    let once = format.literal().map(|it| parts(it).ok_or_else(|| wrong(it))).transpose()?;
    call.strings(|row| {
        let Some(text) = format.get(row) else { return Ok(None) };
        let own;
        let parts = match &once {
            Some(it) => it,
            None => {
                own = parts(text).ok_or_else(|| wrong(text))?;
                &own
            }
        };
        let mut out = String::new();
        let mut next = 0;
        for part in parts {
            let spec = match part {
                Part::Literal(text) => {
                    out.push_str(text);
                    continue;
                }
                Part::Value(spec) => spec,
            };
            let at = spec.position.unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            let value = values.get(at).ok_or_else(|| wrong("an argument is missing"))?;
            let shown = shown(spec, value, row)?.ok_or_else(|| {
                wrong(&format!(
                    "%{} does not take {}",
                    spec.letter,
                    text::type_name(value.data_type())
                ))
            })?;
            pad(&mut out, spec, &shown);
        }
        Ok(Some(Cow::Owned(out)))
    })
}

fn parts(format: &str) -> Option<Vec<Part>> {
    let mut out = Vec::new();
    let mut literal = String::new();
    let mut letters = format.chars().peekable();
    while let Some(c) = letters.next() {
        if c != '%' {
            literal.push(c);
            continue;
        }
        let mut spec = Spec {
            position: None,
            left: false,
            zero: false,
            comma: false,
            plus: false,
            width: 0,
            precision: None,
            letter: 's',
        };
        let mut digits = String::new();
        loop {
            match letters.next()? {
                '-' => spec.left = true,
                '+' => spec.plus = true,
                ',' => spec.comma = true,
                '0' if digits.is_empty() => spec.zero = true,
                digit @ '0'..='9' => digits.push(digit),
                '$' => {
                    spec.position = Some(digits.parse::<usize>().ok()?.checked_sub(1)?);
                    digits.clear();
                }
                '.' => {
                    let mut precision = String::new();
                    while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                        precision.push(digit);
                    }
                    spec.precision = Some(precision.parse().ok().filter(|it| *it <= WIDTH_MAX)?);
                }
                letter => {
                    spec.letter = letter;
                    break;
                }
            }
        }
        if !digits.is_empty() {
            spec.width = digits.parse().ok().filter(|it| *it <= WIDTH_MAX)?;
        }
        match spec.letter {
            '%' => literal.push('%'),
            'n' => literal.push('\n'),
            's' | 'S' | 'd' | 'f' | 'e' | 'x' | 'X' | 'o' | 'b' | 'c' => {
                out.push(Part::Literal(std::mem::take(&mut literal)));
                out.push(Part::Value(spec));
            }
            _ => return None,
        }
    }
    out.push(Part::Literal(literal));
    Some(out)
}

fn shown(spec: &Spec, value: &ArrayRef, row: usize) -> Result<Option<String>> {
    if value.is_null(row) {
        return Ok(Some("null".to_owned()));
    }
    let whole = || -> Result<i64> {
        let it = compute::cast(value, &DataType::Int64)?;
        Ok(it.as_primitive::<Int64Type>().value(row))
    };
    let is_whole = value.data_type().is_integer();
    Ok(Some(match spec.letter {
        's' | 'b' => clipped(text::value(value.as_ref(), row, "null"), spec.precision),
        'S' => clipped(text::value(value.as_ref(), row, "null"), spec.precision).to_uppercase(),
        'c' => text::value(value.as_ref(), row, "null").chars().take(1).collect(),
        'd' if is_whole => signed(spec, &whole()?.to_string()),
        'x' if is_whole => format!("{:x}", whole()?),
        'X' if is_whole => format!("{:X}", whole()?),
        'o' if is_whole => format!("{:o}", whole()?),
        'f' | 'e' if value.data_type().is_numeric() => {
            let it = compute::cast(value, &DataType::Float64)?;
            let it = it.as_primitive::<Float64Type>().value(row);
            let precision = spec.precision.unwrap_or(6);
            if spec.letter == 'f' {
                signed(spec, &format!("{it:.precision$}"))
            } else {
                signed(spec, &format!("{it:.precision$e}"))
            }
        }
        _ => return Ok(None),
    }))
}

fn clipped(text: String, precision: Option<usize>) -> String {
    match precision {
        Some(most) => text.chars().take(most).collect(),
        None => text,
    }
}

/// A number with its flags: `+`, and commas between thousands.
fn signed(spec: &Spec, number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let sign = if sign.is_empty() && spec.plus { "+" } else { sign };
    if !spec.comma {
        return format!("{sign}{rest}");
    }
    let (whole, part) =
        rest.split_at_checked(rest.find('.').unwrap_or(rest.len())).unwrap_or((rest, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{part}")
}

fn pad(out: &mut String, spec: &Spec, shown: &str) {
    let missing = spec.width.saturating_sub(shown.chars().count());
    if spec.left {
        out.push_str(shown);
        out.extend(std::iter::repeat_n(' ', missing));
    } else if spec.zero {
        let (sign, rest) = match shown.strip_prefix(['-', '+']) {
            Some(rest) => (shown.get(..1).unwrap_or_default(), rest),
            None => ("", shown),
        };
        out.push_str(sign);
        out.extend(std::iter::repeat_n('0', missing));
        out.push_str(rest);
    } else {
        out.extend(std::iter::repeat_n(' ', missing));
        out.push_str(shown);
    }
}
