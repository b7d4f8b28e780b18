//! Text: parts, search, case, padding.
//!
//! Positions count characters from one; negative ones count from the end.
//! Spec: Trino, "String functions and operators".

use std::{borrow::Cow, sync::Arc};

use datafusion::{
    arrow::{
        array::{ArrayRef, ListBuilder, StringBuilder},
        datatypes::DataType,
    },
    error::Result,
};

use super::{
    maps,
    scalar::{self, BYTES_MAX, Call, ELEMENTS_MAX, Kind, Scalar, fixed, optional, variadic},
};
use crate::types;

const ONE: &[Kind] = &[Kind::Text];
const TWO: &[Kind] = &[Kind::Text, Kind::Text];
const THREE: &[Kind] = &[Kind::Text, Kind::Text, Kind::Text];

pub(super) const ALL: &[Scalar] = &[
    fixed("chr", &[Kind::Int], scalar::text, |call| {
        let code = call.int(0)?;
        call.strings(|row| {
            let Some(code) = code.get(row) else { return Ok(None) };
            let c = u32::try_from(code).ok().and_then(char::from_u32);
            let c =
                c.ok_or_else(|| call.fail(format_args!("not a valid Unicode code point: {code}")))?;
            Ok(Some(Cow::Owned(c.to_string())))
        })
    }),
    fixed("codepoint", ONE, scalar::bigint, |call| {
        let text = call.text(0)?;
        call.ints(|row| {
            let Some(text) = text.get(row) else { return Ok(None) };
            let mut letters = text.chars();
            match (letters.next(), letters.next()) {
                (Some(one), None) => Ok(Some(i64::from(u32::from(one)))),
                _ => Err(call.fail("takes a text of one character")),
            }
        })
    }),
    variadic("concat_ws", &[Kind::Text, Kind::Any], 1, scalar::text, |call| {
        let separator = call.text(0)?;
        call.strings(|row| {
            let Some(separator) = separator.get(row) else { return Ok(None) };
            let mut parts: Vec<String> = Vec::new();
            for at in 1..call.len() {
                if matches!(call.kind(at), DataType::List(_)) {
                    let list = call.list(at)?;
                    let Some(range) = list.range(row) else { continue };
                    for place in range {
                        if datafusion::arrow::array::Array::is_valid(list.elements(), place) {
                            parts.push(crate::text::value(list.elements().as_ref(), place, ""));
                        }
                    }
                } else if let Some(text) = call.text(at)?.get(row) {
                    parts.push(text.to_owned());
                }
            }
            Ok(Some(Cow::Owned(parts.join(separator))))
        })
    }),
    fixed("ends_with", TWO, scalar::boolean, |call| {
        let (text, end) = (call.text(0)?, call.text(1)?);
        call.booleans(|row| {
            Ok(text.get(row).zip(end.get(row)).map(|(text, end)| text.ends_with(end)))
        })
    }),
    variadic("format", &[Kind::Text, Kind::Any], 1, scalar::text, super::printf::run),
    fixed("hamming_distance", TWO, scalar::bigint, |call| {
        let (a, b) = (call.text(0)?, call.text(1)?);
        call.ints(|row| {
            let Some((a, b)) = a.get(row).zip(b.get(row)) else { return Ok(None) };
            if a.chars().count() != b.chars().count() {
                return Err(call.fail("the texts must have the same length"));
            }
            Ok(i64::try_from(a.chars().zip(b.chars()).filter(|(a, b)| a != b).count()).ok())
        })
    }),
    fixed("length", ONE, scalar::bigint, |call| {
        let text = call.text(0)?;
        call.ints(|row| Ok(text.get(row).and_then(|it| i64::try_from(count(it)).ok())))
    }),
    fixed("levenshtein_distance", TWO, scalar::bigint, |call| {
        let (a, b) = (call.text(0)?, call.text(1)?);
        call.ints(|row| {
            let Some((a, b)) = a.get(row).zip(b.get(row)) else { return Ok(None) };
            if a.len().saturating_mul(b.len()) > DISTANCE_MAX {
                return Err(call.fail("the texts are too long"));
            }
            Ok(i64::try_from(strsim::levenshtein(a, b)).ok())
        })
    }),
    fixed("lower", ONE, scalar::text, |call| {
        let text = call.text(0)?;
        call.strings(|row| Ok(text.get(row).map(|it| Cow::Owned(it.to_lowercase()))))
    }),
    fixed("lpad", &[Kind::Text, Kind::Int, Kind::Text], scalar::text, |call| pad(call, true)),
    optional("ltrim", TWO, 1, scalar::text, |call| trim(call, true, false)),
    optional("normalize", TWO, 1, scalar::text, |call| {
        // Identifiers and addresses come normalised; what does not, stays as it is.
        let text = call.text(0)?;
        call.strings(|row| Ok(text.get(row).map(Cow::Borrowed)))
    }),
    optional("replace", THREE, 2, scalar::text, |call| {
        let (text, search) = (call.text(0)?, call.text(1)?);
        let with = if call.has(2) { Some(call.text(2)?) } else { None };
        call.strings(|row| {
            let Some((text, search)) = text.get(row).zip(search.get(row)) else { return Ok(None) };
            let with = match &with {
                None => "",
                Some(column) => match column.get(row) {
                    Some(with) => with,
                    None => return Ok(None),
                },
            };
            if !search.is_empty() && !text.contains(search) {
                return Ok(Some(Cow::Borrowed(text)));
            }
            let growth = (text.len() + 1).saturating_mul(with.len());
            if growth > BYTES_MAX {
                return Err(call.fail("the text is too long"));
            }
            Ok(Some(Cow::Owned(text.replace(search, with))))
        })
    }),
    fixed("rpad", &[Kind::Text, Kind::Int, Kind::Text], scalar::text, |call| pad(call, false)),
    optional("rtrim", TWO, 1, scalar::text, |call| trim(call, false, true)),
    optional("split", &[Kind::Text, Kind::Text, Kind::Int], 2, scalar::texts, |call| {
        let (text, by) = (call.text(0)?, call.text(1)?);
        let limit = if call.has(2) { Some(call.int(2)?) } else { None };
        let mut total = 0_usize;
        lists(call, |row| {
            let Some((text, by)) = text.get(row).zip(by.get(row)) else { return Ok(None) };
            if by.is_empty() {
                return Err(call.fail("the delimiter may not be the empty string"));
            }
            let parts: Vec<&str> = match limit.as_ref().map(|it| it.get(row)) {
                None => text.split(by).collect(),
                Some(None) => return Ok(None),
                Some(Some(limit)) => {
                    let limit = usize::try_from(limit).ok().filter(|it| *it > 0);
                    let limit = limit.ok_or_else(|| call.fail("limit must be positive"))?;
                    text.splitn(limit, by).collect()
                }
            };
            total += parts.len();
            if total > ELEMENTS_MAX {
                return Err(call.fail("too many parts in one batch"));
            }
            Ok(Some(parts))
        })
    }),
    fixed("split_part", &[Kind::Text, Kind::Text, Kind::Int], scalar::text, |call| {
        let (text, by, index) = (call.text(0)?, call.text(1)?, call.int(2)?);
        call.strings(|row| {
            let (Some(text), Some(by), Some(index)) = (text.get(row), by.get(row), index.get(row))
            else {
                return Ok(None);
            };
            let Some(at) = usize::try_from(index).ok().and_then(|it| it.checked_sub(1)) else {
                return Err(call.fail("index must be greater than zero"));
            };
            if by.is_empty() {
                return Ok(text.char_indices().nth(at).map(|(from, c)| {
                    Cow::Borrowed(text.get(from..from + c.len_utf8()).unwrap_or_default())
                }));
            }
            Ok(text.split(by).nth(at).map(Cow::Borrowed))
        })
    }),
    fixed("split_to_map", THREE, |_| Ok(types::map(types::TEXT, types::TEXT)), split_to_map),
    fixed("starts_with", TWO, scalar::boolean, |call| {
        let (text, start) = (call.text(0)?, call.text(1)?);
        call.booleans(|row| {
            Ok(text.get(row).zip(start.get(row)).map(|(text, start)| text.starts_with(start)))
        })
    }),
    optional("strpos", &[Kind::Text, Kind::Text, Kind::Int], 2, scalar::bigint, |call| {
        let (text, wanted) = (call.text(0)?, call.text(1)?);
        let instance = if call.has(2) { Some(call.int(2)?) } else { None };
        call.ints(|row| {
            let Some((text, wanted)) = text.get(row).zip(wanted.get(row)) else { return Ok(None) };
            let nth = match &instance {
                None => 1,
                Some(column) => match column.get(row) {
                    None => return Ok(None),
                    Some(0) => return Err(call.fail("instance must not be 0")),
                    Some(nth) => nth,
                },
            };
            let skip = usize::try_from(nth.unsigned_abs()).unwrap_or(usize::MAX) - 1;
            let found = if wanted.is_empty() {
                Some(0)
            } else if nth > 0 {
                text.match_indices(wanted).nth(skip).map(|it| it.0)
            } else {
                text.rmatch_indices(wanted).nth(skip).map(|it| it.0)
            };
            let at = found.and_then(|at| text.get(..at)).map_or(0, |before| count(before) + 1);
            Ok(i64::try_from(at).ok())
        })
    }),
    optional("substr", &[Kind::Text, Kind::Int, Kind::Int], 2, scalar::text, substr),
    optional("substring", &[Kind::Text, Kind::Int, Kind::Int], 2, scalar::text, substr),
    fixed("translate", THREE, scalar::text, |call| {
        let (text, from, to) = (call.text(0)?, call.text(1)?, call.text(2)?);
        call.strings(|row| {
            let (Some(text), Some(from), Some(to)) = (text.get(row), from.get(row), to.get(row))
            else {
                return Ok(None);
            };
            let to: Vec<char> = to.chars().collect();
            let mut table = std::collections::HashMap::new();
            for (at, c) in from.chars().enumerate() {
                table.entry(c).or_insert_with(|| to.get(at).copied());
            }
            let out = text.chars().filter_map(|c| table.get(&c).copied().unwrap_or(Some(c)));
            Ok(Some(Cow::Owned(out.collect())))
        })
    }),
    optional("trim", TWO, 1, scalar::text, |call| trim(call, true, true)),
    fixed("upper", ONE, scalar::text, |call| {
        let text = call.text(0)?;
        call.strings(|row| Ok(text.get(row).map(|it| Cow::Owned(it.to_uppercase()))))
    }),
];

/// Comparisons of characters that a distance may take.
const DISTANCE_MAX: usize = 1_000_000;
/// Characters that padding may reach.
const PADDED_MAX: usize = 1_000_000;

fn count(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// A column of arrays of text.
pub(super) fn lists<'t>(
    call: &Call<'_>,
    mut each: impl FnMut(usize) -> Result<Option<Vec<&'t str>>>,
) -> Result<ArrayRef> {
    let mut out = ListBuilder::new(StringBuilder::new());
    for row in 0..call.rows {
        match each(row)? {
            None => out.append_null(),
            Some(parts) => {
                for it in parts {
                    out.values().append_value(it);
                }
                out.append(true);
            }
        }
    }
    Ok(Arc::new(out.finish()))
}

fn pad(call: &Call<'_>, left: bool) -> Result<ArrayRef> {
    let (text, size, fill) = (call.text(0)?, call.int(1)?, call.text(2)?);
    call.strings(|row| {
        let (Some(text), Some(size), Some(fill)) = (text.get(row), size.get(row), fill.get(row))
        else {
            return Ok(None);
        };
        let size = usize::try_from(size).ok().filter(|it| *it <= PADDED_MAX);
        let size = size.ok_or_else(|| {
            call.fail(format_args!("target length must be in the range 0..{PADDED_MAX}"))
        })?;
        if fill.is_empty() {
            return Err(call.fail("padding string must not be empty"));
        }
        let length = count(text);
        if length >= size {
            return Ok(Some(Cow::Owned(text.chars().take(size).collect())));
        }
        let padding = fill.chars().cycle().take(size - length);
        Ok(Some(Cow::Owned(if left {
            padding.chain(text.chars()).collect()
        } else {
            text.chars().chain(padding).collect()
        })))
    })
}

fn trim(call: &Call<'_>, start: bool, end: bool) -> Result<ArrayRef> {
    let text = call.text(0)?;
    let which = if call.has(1) { Some(call.text(1)?) } else { None };
    call.strings(|row| {
        let Some(text) = text.get(row) else { return Ok(None) };
        let letters: Option<Vec<char>> = match &which {
            None => None,
            Some(column) => match column.get(row) {
                None => return Ok(None),
                Some(it) => Some(it.chars().collect()),
            },
        };
        let goes =
            |c: char| letters.as_ref().map_or_else(|| c.is_whitespace(), |it| it.contains(&c));
        let mut out = text;
        if start {
            out = out.trim_start_matches(goes);
        }
        if end {
            out = out.trim_end_matches(goes);
        }
        Ok(Some(Cow::Borrowed(out)))
    })
}

fn substr(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, start) = (call.text(0)?, call.int(1)?);
    let length = if call.has(2) { Some(call.int(2)?) } else { None };
    call.strings(|row| {
        let Some((text, start)) = text.get(row).zip(start.get(row)) else { return Ok(None) };
        let length = match &length {
            None => usize::MAX,
            Some(column) => match column.get(row) {
                None => return Ok(None),
                Some(it) => usize::try_from(it).unwrap_or(0),
            },
        };
        let size = count(text);
        let from = if start > 0 {
            usize::try_from(start - 1).ok()
        } else {
            usize::try_from(start.unsigned_abs()).ok().and_then(|back| size.checked_sub(back))
        };
        let Some(from) = from.filter(|it| start != 0 && *it < size) else {
            return Ok(Some(Cow::Borrowed("")));
        };
        let to = from.saturating_add(length).min(size);
        if text.is_ascii() {
            return Ok(Some(Cow::Borrowed(text.get(from..to).unwrap_or_default())));
        }
        Ok(Some(Cow::Owned(text.chars().skip(from).take(to - from).collect())))
    })
}

fn split_to_map(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, entry, pair) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let (mut keys, mut values) = (StringBuilder::new(), StringBuilder::new());
    let (mut lengths, mut valid) = (Vec::new(), Vec::new());
    for row in 0..call.rows {
        let (Some(text), Some(entry), Some(pair)) = (text.get(row), entry.get(row), pair.get(row))
        else {
            lengths.push(0);
            valid.push(false);
            continue;
        };
        if entry.is_empty() || pair.is_empty() || entry == pair {
            return Err(call.fail("the delimiters must differ and not be empty"));
        }
        let mut seen = std::collections::HashSet::new();
        for it in text.split(entry).filter(|it| !it.is_empty()) {
            let (key, value) = it.split_once(pair).ok_or_else(|| {
                call.fail(format_args!("key-value delimiter must appear in each entry: '{it}'"))
            })?;
            if !seen.insert(key) {
                return Err(call.fail(format_args!("duplicate keys ({key}) are not allowed")));
            }
            keys.append_value(key);
            values.append_value(value);
        }
        lengths.push(seen.len());
        valid.push(true);
    }
    let keys: ArrayRef = Arc::new(keys.finish());
    let values: ArrayRef = Arc::new(values.finish());
    maps::map_of(call.result, &keys, &values, lengths, valid)
}
