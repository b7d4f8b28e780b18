//! Regular expressions, in linear time. Their text and their compiled size are bounded.
//!
//! Look-around and back-references are not offered: an expression with them is refused.
//! Spec: Trino, "Regular expression functions".

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use ::regex::{Regex, RegexBuilder};
use datafusion::{
    arrow::array::{ArrayBuilder as _, ListBuilder, StringBuilder},
    error::Result,
};

use super::scalar::{self, BYTES_MAX, Call, ELEMENTS_MAX, Kind, Scalar, fixed, optional};

const TWO: &[Kind] = &[Kind::Text, Kind::Text];

pub(super) const ALL: &[Scalar] = &[
    fixed("regexp_count", TWO, scalar::bigint, |call| {
        let (text, mut patterns) = (call.text(0)?, Patterns::of(call)?);
        call.ints(|row| {
            let Some(text) = text.get(row) else { return Ok(None) };
            let Some(regex) = patterns.at(row)? else { return Ok(None) };
            Ok(i64::try_from(regex.find_iter(text).count()).ok())
        })
    }),
    optional("regexp_extract", &[Kind::Text, Kind::Text, Kind::Int], 2, scalar::text, |call| {
        let (text, mut patterns) = (call.text(0)?, Patterns::of(call)?);
        let group = if call.has(2) { Some(call.int(2)?) } else { None };
        call.strings(|row| {
            let Some(text) = text.get(row) else { return Ok(None) };
            let Some(regex) = patterns.at(row)? else { return Ok(None) };
            let Some(group) = group_at(call, group.as_ref(), row, &regex)? else { return Ok(None) };
            Ok(regex
                .captures(text)
                .and_then(|it| it.get(group))
                .map(|it| Cow::Borrowed(it.as_str())))
        })
    }),
    optional(
        "regexp_extract_all",
        &[Kind::Text, Kind::Text, Kind::Int],
        2,
        scalar::texts,
        |call| {
            let (text, mut patterns) = (call.text(0)?, Patterns::of(call)?);
            let group = if call.has(2) { Some(call.int(2)?) } else { None };
            let mut out = ListBuilder::new(StringBuilder::new());
            for row in 0..call.rows {
                let found = match (text.get(row), patterns.at(row)?) {
                    (Some(text), Some(regex)) => group_at(call, group.as_ref(), row, &regex)?
                        .map(|group| (text, regex, group)),
                    _ => None,
                };
                let Some((text, regex, group)) = found else {
                    out.append_null();
                    continue;
                };
                for it in regex.captures_iter(text) {
                    out.values().append_option(it.get(group).map(|it| it.as_str()));
                }
                if out.values().len() > ELEMENTS_MAX {
                    return Err(call.fail("too many matches in one batch"));
                }
                out.append(true);
            }
            Ok(Arc::new(out.finish()))
        },
    ),
    fixed("regexp_like", TWO, scalar::boolean, |call| {
        let (text, mut patterns) = (call.text(0)?, Patterns::of(call)?);
        call.booleans(|row| {
            let Some(text) = text.get(row) else { return Ok(None) };
            Ok(patterns.at(row)?.map(|regex| regex.is_match(text)))
        })
    }),
    optional("regexp_position", &[Kind::Text, Kind::Text, Kind::Int], 2, scalar::bigint, |call| {
        let (text, mut patterns) = (call.text(0)?, Patterns::of(call)?);
        let start = if call.has(2) { Some(call.int(2)?) } else { None };
        call.ints(|row| {
            let Some(text) = text.get(row) else { return Ok(None) };
            let Some(regex) = patterns.at(row)? else { return Ok(None) };
            let from = start.as_ref().map_or(Some(1), |it| it.get(row));
            let Some(from) = from else { return Ok(None) };
            let skip =
                usize::try_from(from - 1).map_err(|_| call.fail("start must be positive"))?;
            let Some((at, _)) = text.char_indices().nth(skip) else { return Ok(Some(-1)) };
            let found = regex.find_at(text, at).and_then(|it| text.get(..it.start()));
            Ok(Some(found.map_or(-1, |it| i64::try_from(it.chars().count()).unwrap_or(-2) + 1)))
        })
    }),
    optional("regexp_replace", &[Kind::Text, Kind::Text, Kind::Text], 2, scalar::text, |call| {
        let (text, mut patterns) = (call.text(0)?, Patterns::of(call)?);
        let with = if call.has(2) { Some(call.text(2)?) } else { None };
        let once = with.as_ref().and_then(|it| it.literal()).map(replacement);
        call.strings(|row| {
            let Some(text) = text.get(row) else { return Ok(None) };
            let Some(regex) = patterns.at(row)? else { return Ok(None) };
            let own;
            let with: &str = match (&once, &with) {
                (Some(it), _) => it,
                (None, None) => "",
                (None, Some(column)) => match column.get(row) {
                    None => return Ok(None),
                    Some(it) => {
                        own = replacement(it);
                        &own
                    }
                },
            };
            if (text.len() + 1).saturating_mul(with.len() + 1) > BYTES_MAX {
                return Err(call.fail("the text is too long"));
            }
            Ok(Some(Cow::Owned(regex.replace_all(text, with).into_owned())))
        })
    }),
    fixed("regexp_split", TWO, scalar::texts, |call| {
        let (text, mut patterns) = (call.text(0)?, Patterns::of(call)?);
        let mut out = ListBuilder::new(StringBuilder::new());
        for row in 0..call.rows {
            match (text.get(row), patterns.at(row)?) {
                (Some(text), Some(regex)) => {
                    for it in regex.split(text) {
                        out.values().append_value(it);
                    }
                    out.append(true);
                }
                _ => out.append_null(),
            }
        }
        Ok(Arc::new(out.finish()))
    }),
];

/// Characters that an expression may have.
const PATTERN_MAX: usize = 4_096;
/// Bytes that a compiled expression may take.
const COMPILED_MAX: usize = 2 << 20;
/// Different expressions that one batch may bring along.
const PATTERNS_MAX: usize = 64;

/// The expressions of a call, compiled once each.
struct Patterns<'a> {
    call: &'a Call<'a>,
    each: scalar::Column<datafusion::arrow::array::StringArray>,
    known: HashMap<String, Arc<Regex>>,
    once: Option<Arc<Regex>>,
}

impl<'a> Patterns<'a> {
    fn of(call: &'a Call<'a>) -> Result<Self> {
        let each = call.text(1)?;
        let mut it = Self { call, each, known: HashMap::new(), once: None };
        if let Some(text) = it.each.literal().map(str::to_owned) {
            it.once = Some(it.compile(&text)?);
        }
        Ok(it)
    }

    fn at(&mut self, row: usize) -> Result<Option<Arc<Regex>>> {
        if let Some(once) = &self.once {
            return Ok(Some(Arc::clone(once)));
        }
        let Some(text) = self.each.get(row).map(str::to_owned) else { return Ok(None) };
        if let Some(known) = self.known.get(&text) {
            return Ok(Some(Arc::clone(known)));
        }
        if self.known.len() >= PATTERNS_MAX {
            self.known.clear();
        }
        let compiled = self.compile(&text)?;
        self.known.insert(text, Arc::clone(&compiled));
        Ok(Some(compiled))
    }

    fn compile(&self, text: &str) -> Result<Arc<Regex>> {
        if text.len() > PATTERN_MAX {
            return Err(self.call.fail(format_args!("the pattern is longer than {PATTERN_MAX}")));
        }
        let compiled =
            RegexBuilder::new(text).size_limit(COMPILED_MAX).dfa_size_limit(COMPILED_MAX).build();
        compiled.map(Arc::new).map_err(|error| {
            let error = error.to_string();
            let why = error.lines().last().unwrap_or_default();
            self.call.fail(format_args!("invalid pattern: {}", why.trim_start_matches("error: ")))
        })
    }
}

fn group_at(
    call: &Call<'_>,
    group: Option<&scalar::Column<datafusion::arrow::array::Int64Array>>,
    row: usize,
    regex: &Regex,
) -> Result<Option<usize>> {
    let Some(column) = group else { return Ok(Some(0)) };
    let Some(group) = column.get(row) else { return Ok(None) };
    let known = usize::try_from(group).ok().filter(|it| *it < regex.captures_len());
    known.map(Some).ok_or_else(|| {
        let most = regex.captures_len() - 1;
        call.fail(format_args!("pattern has {most} groups. Cannot access group {group}"))
    })
}

/// Java's replacement text in this engine's: `$1` and `${name}` are groups, a backslash keeps what
/// follows.
fn replacement(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '\\' => match letters.next() {
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            '$' => {
                let mut digits = String::new();
                while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                    digits.push(digit);
                }
                // Braces, so that a letter after the number is no part of a name.
                if digits.is_empty() {
                    out.push('$');
                } else {
                    out.push_str(&format!("${{{digits}}}"));
                }
            }
            other => out.push(other),
        }
    }
    out
}
