//! Texts, bytes, regular expressions, URLs.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512, digest};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use datafusion::{
    arrow::{
        array::{
            Array as _, ArrayRef, AsArray as _, BinaryArray, BooleanArray, Int64Array, ListBuilder,
            StringArray, StringBuilder,
        },
        compute::cast,
        datatypes::{DataType, Field, Float64Type},
    },
    common::Result,
};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use regex::{Regex, RegexBuilder};
use url::Url;

use super::{Call, Function, Given, bigint, boolean, double, invalid, varchar};

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "split", arguments: (2, 3), gives: varchars, run: split },
    Function { name: "split_part", arguments: (3, 3), gives: varchar, run: split_part },
    Function { name: "trino_substr", arguments: (2, 3), gives: varchar, run: substr },
    Function { name: "regexp_like", arguments: (2, 2), gives: boolean, run: regexp_like },
    Function { name: "regexp_extract", arguments: (2, 3), gives: varchar, run: regexp_extract },
    Function {
        name: "regexp_extract_all",
        arguments: (2, 3),
        gives: varchars,
        run: regexp_extract_all,
    },
    Function { name: "regexp_replace", arguments: (2, 3), gives: varchar, run: regexp_replace },
    Function { name: "regexp_split", arguments: (2, 2), gives: varchars, run: regexp_split },
    Function { name: "regexp_count", arguments: (2, 2), gives: bigint, run: regexp_count },
    Function {
        name: "url_extract_host",
        arguments: (1, 1),
        gives: varchar,
        run: |it| url(it, |it| it.host_str().map(str::to_owned)),
    },
    Function {
        name: "url_extract_path",
        arguments: (1, 1),
        gives: varchar,
        run: |it| url(it, |it| Some(it.path().to_owned())),
    },
    Function {
        name: "url_extract_query",
        arguments: (1, 1),
        gives: varchar,
        run: |it| url(it, |it| Some(it.query().unwrap_or_default().to_owned())),
    },
    Function {
        name: "url_extract_protocol",
        arguments: (1, 1),
        gives: varchar,
        run: |it| url(it, |it| Some(it.scheme().to_owned())),
    },
    Function {
        name: "url_extract_parameter",
        arguments: (2, 2),
        gives: varchar,
        run: url_parameter,
    },
    Function { name: "url_encode", arguments: (1, 1), gives: varchar, run: url_encode },
    Function { name: "url_decode", arguments: (1, 1), gives: varchar, run: url_decode },
    Function { name: "to_utf8", arguments: (1, 1), gives: varbinary, run: to_utf8 },
    Function { name: "from_utf8", arguments: (1, 1), gives: varchar, run: from_utf8 },
    Function { name: "to_hex", arguments: (1, 1), gives: varchar, run: to_hex },
    Function {
        name: "from_hex",
        arguments: (1, 1),
        gives: varbinary,
        run: |it| bytes_of(it, |it| hex::decode(it).ok()),
    },
    Function { name: "to_base64", arguments: (1, 1), gives: varchar, run: to_base64 },
    Function {
        name: "from_base64",
        arguments: (1, 1),
        gives: varbinary,
        run: |it| bytes_of(it, |it| BASE64_STANDARD.decode(it).ok()),
    },
    Function {
        name: "sha1",
        arguments: (1, 1),
        gives: varbinary,
        run: |it| hash(it, &SHA1_FOR_LEGACY_USE_ONLY),
    },
    Function { name: "sha256", arguments: (1, 1), gives: varbinary, run: |it| hash(it, &SHA256) },
    Function { name: "sha512", arguments: (1, 1), gives: varbinary, run: |it| hash(it, &SHA512) },
    Function { name: "truncate", arguments: (1, 1), gives: double, run: truncate },
    Function { name: "trino_mod", arguments: (2, 2), gives: bigint, run: modulo },
];

fn varchars(_: &Given<'_>) -> Result<DataType> {
    Ok(DataType::List(Arc::new(Field::new("element", DataType::Utf8, true))))
}

fn varbinary(_: &Given<'_>) -> Result<DataType> {
    Ok(DataType::Binary)
}

/// A list of texts for each row, of the first two arguments; null where one of these is.
fn lists<'a>(
    call: &Call,
    texts: &'a [StringArray; 2],
    make: impl Fn(&'a str, &'a str, usize) -> Result<Vec<&'a str>>,
) -> Result<ArrayRef> {
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Field::new(
        "element",
        DataType::Utf8,
        true,
    ));
    let [first, second] = texts;
    for row in 0..call.rows {
        if first.is_null(row) || second.is_null(row) {
            lists.append_null();
            continue;
        }
        for part in make(first.value(row), second.value(row), row)? {
            lists.values().append_value(part);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn split(call: &Call) -> Result<ArrayRef> {
    let limits = if call.arguments.len() > 2 { Some(call.integers(2)?) } else { None };
    let texts = [call.texts(0)?, call.texts(1)?];
    lists(call, &texts, |text, between, row| {
        if between.is_empty() {
            return Err(invalid("The delimiter may not be the empty string"));
        }
        Ok(match &limits {
            Some(limits) => {
                let limit = usize::try_from(limits.value(row)).ok().filter(|it| *it > 0);
                let limit = limit.ok_or_else(|| invalid("Limit must be positive"))?;
                text.splitn(limit, between).collect()
            }
            None => text.split(between).collect(),
        })
    })
}

fn split_part(call: &Call) -> Result<ArrayRef> {
    let (texts, between, places) = (call.texts(0)?, call.texts(1)?, call.integers(2)?);
    let mut parts = Vec::with_capacity(call.rows);
    for ((text, between), place) in texts.iter().zip(between.iter()).zip(places.iter()) {
        let (Some(text), Some(between), Some(place)) = (text, between, place) else {
            parts.push(None);
            continue;
        };
        let place = usize::try_from(place).ok().filter(|it| *it > 0);
        let place = place.ok_or_else(|| invalid("Index must be greater than zero"))?;
        parts.push(match between {
            "" => text.get(..).filter(|_| place == 1),
            between => text.split(between).nth(place - 1),
        });
    }
    Ok(Arc::new(StringArray::from(parts)))
}

/// From 1 on, from the end where negative; empty where it begins outside.
fn substr(call: &Call) -> Result<ArrayRef> {
    let (texts, starts) = (call.texts(0)?, call.integers(1)?);
    let lengths = if call.arguments.len() > 2 { Some(call.integers(2)?) } else { None };
    let part = |row: usize| {
        if texts.is_null(row) || starts.is_null(row) {
            return None;
        }
        let length = match &lengths {
            Some(lengths) if lengths.is_null(row) => return None,
            Some(lengths) => usize::try_from(lengths.value(row)).unwrap_or(0),
            None => usize::MAX,
        };
        let (text, start) = (texts.value(row), starts.value(row));
        let count = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        let from = if start < 0 { count + start } else { start - 1 };
        if start == 0 || from < 0 || from >= count {
            return Some(String::new());
        }
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Some(text.chars().skip(from).take(length).collect())
    };
    Ok(Arc::new((0..call.rows).map(part).collect::<StringArray>()))
}

/// Compiles each pattern once, when they are all the same.
struct Patterns {
    last: Option<(String, Regex)>,
}

impl Patterns {
    fn get(&mut self, pattern: &str) -> Result<Regex> {
        if let Some((known, regex)) = &self.last
            && known == pattern
        {
            return Ok(regex.clone());
        }
        let built = RegexBuilder::new(pattern).size_limit(REGEX_MAX).build();
        let regex = built.map_err(|it| invalid(format!("Invalid pattern '{pattern}': {it}")))?;
        self.last = Some((pattern.to_owned(), regex.clone()));
        Ok(regex)
    }
}

fn by_pattern<T>(
    call: &Call,
    mut make: impl FnMut(&str, &Regex, usize) -> Result<Option<T>>,
) -> Result<Vec<Option<T>>> {
    let (texts, patterns) = (call.texts(0)?, call.texts(1)?);
    let mut known = Patterns { last: None };
    let mut made = Vec::with_capacity(call.rows);
    for (row, (text, pattern)) in texts.iter().zip(patterns.iter()).enumerate() {
        let (Some(text), Some(pattern)) = (text, pattern) else {
            made.push(None);
            continue;
        };
        made.push(make(text, &known.get(pattern)?, row)?);
    }
    Ok(made)
}

fn regexp_like(call: &Call) -> Result<ArrayRef> {
    let made = by_pattern(call, |text, regex, _| Ok(Some(regex.is_match(text))))?;
    Ok(Arc::new(BooleanArray::from(made)))
}

/// The group that is asked for, 0 unless told otherwise.
fn groups(call: &Call) -> Result<Option<Int64Array>> {
    if call.arguments.len() > 2 { call.integers(2).map(Some) } else { Ok(None) }
}

fn group(groups: Option<&Int64Array>, row: usize, regex: &Regex) -> Result<usize> {
    let wanted = groups.map_or(0, |it| it.value(row));
    let group = usize::try_from(wanted).ok().filter(|it| *it < regex.captures_len());
    group.ok_or_else(|| {
        invalid(format!(
            "Pattern has {} groups. Cannot access group {wanted}",
            regex.captures_len() - 1
        ))
    })
}

fn regexp_extract(call: &Call) -> Result<ArrayRef> {
    let groups = groups(call)?;
    let made = by_pattern(call, |text, regex, row| {
        let group = group(groups.as_ref(), row, regex)?;
        Ok(regex.captures(text).and_then(|it| it.get(group)).map(|it| it.as_str().to_owned()))
    })?;
    Ok(Arc::new(StringArray::from(made)))
}

fn regexp_extract_all(call: &Call) -> Result<ArrayRef> {
    let groups = groups(call)?;
    let made = by_pattern(call, |text, regex, row| {
        let group = group(groups.as_ref(), row, regex)?;
        let all =
            regex.captures_iter(text).map(|it| it.get(group).map(|it| it.as_str().to_owned()));
        Ok(Some(all.collect::<Vec<_>>()))
    })?;
    Ok(list_of(made))
}

fn list_of(rows: Vec<Option<Vec<Option<String>>>>) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Field::new(
        "element",
        DataType::Utf8,
        true,
    ));
    for row in rows {
        let is_there = row.is_some();
        for part in row.into_iter().flatten() {
            lists.values().append_option(part);
        }
        lists.append(is_there);
    }
    Arc::new(lists.finish())
}

fn regexp_replace(call: &Call) -> Result<ArrayRef> {
    let with = if call.arguments.len() > 2 { Some(call.texts(2)?) } else { None };
    let made = by_pattern(call, |text, regex, row| {
        let with = match &with {
            Some(with) if with.is_null(row) => return Ok(None),
            Some(with) => replacement(with.value(row)),
            None => String::new(),
        };
        Ok(Some(regex.replace_all(text, with.as_str()).into_owned()))
    })?;
    Ok(Arc::new(StringArray::from(made)))
}

/// `$1` and `${name}` as they are, so that what follows is not taken for a part of the name.
fn replacement(text: &str) -> String {
    let (mut made, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        made.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (number, next) = after.split_at(digits);
        if digits > 0 {
            made.push_str(&format!("${{{number}}}"));
        } else {
            made.push('$');
        }
        rest = next;
    }
    made.push_str(rest);
    made
}

fn regexp_split(call: &Call) -> Result<ArrayRef> {
    let made = by_pattern(call, |text, regex, _| {
        Ok(Some(regex.split(text).map(|it| Some(it.to_owned())).collect::<Vec<_>>()))
    })?;
    Ok(list_of(made))
}

fn regexp_count(call: &Call) -> Result<ArrayRef> {
    let made =
        by_pattern(call, |text, regex, _| Ok(i64::try_from(regex.find_iter(text).count()).ok()))?;
    Ok(Arc::new(Int64Array::from(made)))
}

fn url(call: &Call, part: fn(&Url) -> Option<String>) -> Result<ArrayRef> {
    call.map_texts(|[text]| Ok(Url::parse(text).ok().and_then(|it| part(&it))))
}

fn url_parameter(call: &Call) -> Result<ArrayRef> {
    call.map_texts(|[text, name]| {
        let url = Url::parse(text).ok();
        Ok(url.and_then(|it| {
            it.query_pairs().find(|(it, _)| it == name).map(|(_, it)| it.into_owned())
        }))
    })
}

fn url_encode(call: &Call) -> Result<ArrayRef> {
    const KEPT: &percent_encoding::AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');
    call.map_texts(|[text]| Ok(Some(utf8_percent_encode(text, KEPT).to_string().replace(' ', "+"))))
}

fn url_decode(call: &Call) -> Result<ArrayRef> {
    call.map_texts(|[text]| {
        let text = text.replace('+', " ");
        Ok(Some(percent_decode_str(&text).decode_utf8_lossy().into_owned()))
    })
}

/// An argument as bytes; of a text its UTF-8.
fn bytes(call: &Call) -> Result<BinaryArray> {
    Ok(cast(call.argument(0)?, &DataType::Binary)?.as_binary::<i32>().clone())
}

fn to_utf8(call: &Call) -> Result<ArrayRef> {
    Ok(Arc::new(bytes(call)?))
}

fn from_utf8(call: &Call) -> Result<ArrayRef> {
    let bytes = bytes(call)?;
    let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
    Ok(Arc::new(bytes.iter().map(|it| it.map(text)).collect::<StringArray>()))
}

fn to_hex(call: &Call) -> Result<ArrayRef> {
    Ok(Arc::new(bytes(call)?.iter().map(|it| it.map(hex::encode_upper)).collect::<StringArray>()))
}

fn to_base64(call: &Call) -> Result<ArrayRef> {
    let text = |it: &[u8]| BASE64_STANDARD.encode(it);
    Ok(Arc::new(bytes(call)?.iter().map(|it| it.map(text)).collect::<StringArray>()))
}

fn bytes_of(call: &Call, read: fn(&str) -> Option<Vec<u8>>) -> Result<ArrayRef> {
    let read = |text: Option<&str>| {
        text.map(|it| read(it).ok_or_else(|| invalid(format!("it cannot be decoded: '{it}'"))))
            .transpose()
    };
    let made: Result<Vec<_>> = call.texts(0)?.iter().map(read).collect();
    Ok(Arc::new(made?.iter().map(Option::as_deref).collect::<BinaryArray>()))
}

fn hash(call: &Call, algorithm: &'static aws_lc_rs::digest::Algorithm) -> Result<ArrayRef> {
    let bytes = bytes(call)?;
    let hashed = bytes.iter().map(|it| it.map(|it| digest(algorithm, it)));
    let hashed: Vec<_> = hashed.collect();
    Ok(Arc::new(hashed.iter().map(|it| it.as_ref().map(AsRef::as_ref)).collect::<BinaryArray>()))
}

fn truncate(call: &Call) -> Result<ArrayRef> {
    let numbers = cast(call.argument(0)?, &DataType::Float64)?;
    let cut = numbers.as_primitive::<Float64Type>().iter().map(|it| it.map(f64::trunc));
    Ok(Arc::new(cut.collect::<datafusion::arrow::array::Float64Array>()))
}

fn modulo(call: &Call) -> Result<ArrayRef> {
    let (left, right) = (call.integers(0)?, call.integers(1)?);
    let mut made = Vec::with_capacity(call.rows);
    for pair in left.iter().zip(right.iter()) {
        made.push(match pair {
            (Some(_), Some(0)) => return Err(invalid("Division by zero")),
            (Some(left), Some(right)) => left.checked_rem(right),
            _ => None,
        });
    }
    Ok(Arc::new(Int64Array::from(made)))
}

/// Bytes of a compiled pattern.
const REGEX_MAX: usize = 4 << 20;
