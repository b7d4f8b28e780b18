//! JSON: paths into text, and text into types.
//!
//! Spec: Trino, "JSON functions and operators".

mod convert;
mod scan;

use std::borrow::Cow;

use datafusion::{
    arrow::{array::ArrayRef, datatypes::DataType},
    error::Result,
};

pub(super) use convert::cast;
use scan::Step;

use super::scalar::{self, Call, Kind, Scalar, fixed, optional};

pub(super) const ALL: &[Scalar] = &[
    fixed("is_json_scalar", &[Kind::Json], scalar::boolean, |call| {
        let json = call.text(0)?;
        call.booleans(|row| {
            let Some(text) = json.get(row) else { return Ok(None) };
            let text = scan::canonical(text).ok_or_else(|| call.fail("invalid JSON"))?;
            Ok(Some(!text.starts_with(['{', '['])))
        })
    }),
    fixed("json_array_contains", &[Kind::Json, Kind::Any], scalar::boolean, contains),
    fixed("json_array_get", &[Kind::Json, Kind::Int], scalar::json, |call| {
        let (json, index) = (call.text(0)?, call.int(1)?);
        call.strings(|row| {
            let (Some(text), Some(index)) = (json.get(row), index.get(row)) else {
                return Ok(None);
            };
            let Some(all) = scan::elements(text) else { return Ok(None) };
            let found = from_either_end(index, all.len()).and_then(|at| all.get(at).copied());
            // A string comes without its quotes: so it does in Trino, though it is no JSON then.
            Ok(found
                .filter(|it| *it != "null")
                .map(|it| scan::unquote(it).unwrap_or_else(|| scan::compact(Cow::Borrowed(it)))))
        })
    }),
    fixed("json_array_length", &[Kind::Json], scalar::bigint, |call| {
        let json = call.text(0)?;
        call.ints(|row| {
            Ok(json.get(row).and_then(scan::elements).and_then(|it| i64::try_from(it.len()).ok()))
        })
    }),
    fixed("json_exists", &[Kind::Json, Kind::Text], scalar::boolean, |call| {
        let (json, paths) = (call.text(0)?, Paths::with(call, standard_path)?);
        call.booleans(|row| {
            let Some(text) = json.get(row) else { return Ok(None) };
            Ok(Some(paths.at(row, |steps| scan::find(text, steps).map(drop))?.is_some()))
        })
    }),
    fixed("json_extract", &[Kind::Json, Kind::Text], scalar::json, |call| {
        extract(call, scan::path, |found| Some(scan::compact(found)))
    }),
    fixed("json_extract_scalar", &[Kind::Json, Kind::Text], scalar::text, |call| {
        extract(call, scan::path, scalar_of)
    }),
    fixed("json_format", &[Kind::Json], scalar::text, |call| {
        let json = call.text(0)?;
        call.strings(|row| Ok(json.get(row).map(Cow::Borrowed)))
    }),
    fixed("json_parse", &[Kind::Json], scalar::json, |call| {
        let json = call.text(0)?;
        call.strings(|row| {
            let Some(text) = json.get(row) else { return Ok(None) };
            let parsed = scan::canonical(text).ok_or_else(|| {
                call.fail(format_args!("cannot convert '{}' to JSON", shown(text)))
            })?;
            Ok(Some(Cow::Owned(parsed)))
        })
    }),
    fixed("json_query", &[Kind::Json, Kind::Text], scalar::text, |call| {
        extract(call, standard_path, |found| Some(scan::compact(found)))
    }),
    optional("json_size", &[Kind::Json, Kind::Text], 1, scalar::bigint, |call| {
        let json = call.text(0)?;
        let paths = if call.has(1) { Some(Paths::of(call)?) } else { None };
        call.ints(|row| {
            let Some(text) = json.get(row) else { return Ok(None) };
            let found = match &paths {
                None => scan::find(text, &[]),
                Some(paths) => paths.at(row, |steps| scan::find(text, steps))?,
            };
            Ok(found.map(|it| {
                let size = scan::elements(&it)
                    .map(|it| it.len())
                    .or_else(|| scan::members(&it).map(|it| it.len()));
                i64::try_from(size.unwrap_or(0)).unwrap_or(i64::MAX)
            }))
        })
    }),
    fixed("json_value", &[Kind::Json, Kind::Text], scalar::text, |call| {
        extract(call, standard_path, scalar_of)
    }),
];

/// A path of the SQL standard: as any other, behind the mode. What is not there is null in both modes,
/// as where Trino is told nothing else.
fn standard_path(text: &str) -> std::result::Result<Vec<Step>, String> {
    let path = text.trim_start();
    let path = path.strip_prefix("lax ").or_else(|| path.strip_prefix("strict "));
    scan::path(
        path.ok_or_else(|| format!("invalid JSON path: '{text}' has no mode, lax or strict"))?,
    )
}

fn scalar_of(found: Cow<'_, str>) -> Option<Cow<'_, str>> {
    match found {
        Cow::Borrowed(text) => scan::scalar(text),
        Cow::Owned(text) => scan::scalar(&text).map(|it| Cow::Owned(it.into_owned())),
    }
}

/// The beginning of a text, for an error.
fn shown(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(60) {
        Some((at, _)) => Cow::Owned(format!("{}…", text.get(..at).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// Where index `at` lies among `length`, counted from the end if negative.
fn from_either_end(at: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let at = if at < 0 { length + at } else { at };
    usize::try_from(at).ok().filter(|_| at < length)
}

type ReadPath = fn(&str) -> std::result::Result<Vec<Step>, String>;

/// The paths of a call, read once where they are constant.
struct Paths<'a> {
    read: ReadPath,
    once: Option<Vec<Step>>,
    each: scalar::Column<datafusion::arrow::array::StringArray>,
    call: &'a Call<'a>,
}

impl<'a> Paths<'a> {
    fn of(call: &'a Call<'a>) -> Result<Self> {
        Self::with(call, scan::path)
    }

    fn with(call: &'a Call<'a>, read: ReadPath) -> Result<Self> {
        let each = call.text(1)?;
        let once = each.literal().map(read).transpose().map_err(|it| call.fail(it))?;
        Ok(Self { read, once, each, call })
    }

    fn at<T>(&self, row: usize, find: impl FnOnce(&[Step]) -> Option<T>) -> Result<Option<T>> {
        if let Some(steps) = &self.once {
            return Ok(find(steps));
        }
        let Some(text) = self.each.get(row) else { return Ok(None) };
        let steps = (self.read)(text).map_err(|it| self.call.fail(it))?;
        Ok(find(&steps))
    }
}

fn extract(
    call: &Call<'_>,
    read: ReadPath,
    take: impl for<'t> Fn(Cow<'t, str>) -> Option<Cow<'t, str>>,
) -> Result<ArrayRef> {
    let json = call.text(0)?;
    let paths = Paths::with(call, read)?;
    call.strings(|row| {
        let Some(text) = json.get(row) else { return Ok(None) };
        paths.at(row, |steps| scan::find(text, steps).and_then(&take))
    })
}

fn contains(call: &Call<'_>) -> Result<ArrayRef> {
    let json = call.text(0)?;
    let wanted = call.array(1)?;
    let is_text = matches!(call.kind(1), DataType::Utf8 | DataType::LargeUtf8);
    let mut text = String::new();
    call.booleans(|row| {
        let Some(all) = json.get(row).and_then(scan::elements) else { return Ok(None) };
        if datafusion::arrow::array::Array::is_null(&wanted, row) {
            return Ok(None);
        }
        text.clear();
        crate::text::write_value(&mut text, wanted.as_ref(), row, "null");
        let number: Option<f64> = if is_text { None } else { text.parse().ok() };
        Ok(Some(all.into_iter().any(|it| match it.as_bytes().first() {
            Some(b'"') => is_text && scan::unquote(it).is_some_and(|it| it == text),
            _ if is_text => false,
            _ => it == text || number.is_some() && it.parse::<f64>().ok() == number,
        })))
    })
}

/// One member of JSON text, for `value.member` on a column that holds JSON.
pub(super) fn member<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let exact = scan::find(text, &[Step::Key(key.to_owned())]);
    if let Some(Cow::Borrowed(found)) = exact {
        return Some(found);
    }
    // Names of fields do not heed case, and come here in lower case.
    scan::members(text)?
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
        .map(|(_, value)| value)
}

/// A JSON value as varchar: a string without quotes, anything else as it is written.
pub(super) fn plain(text: &str) -> Option<Cow<'_, str>> {
    if text == "null" {
        return None;
    }
    Some(scan::unquote(text).unwrap_or(Cow::Borrowed(text)))
}
