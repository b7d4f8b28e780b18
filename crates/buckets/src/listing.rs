//! Which keys and common prefixes a page of a list shows, and where the next one begins.
//!
//! Keys that share a common prefix are leapt over, not read: a list with a delimiter costs what it
//! shows, not what lies below.
//! Spec: S3 API Reference, `ListObjectsV2`; S3 User Guide, "Organizing objects using prefixes".

use crate::{
    Error,
    index::{Index, Listed, behind},
};

/// What to list.
#[derive(Clone, Debug)]
pub(crate) struct Query<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) prefix: &'a str,
    /// Not empty.
    pub(crate) delimiter: Option<&'a str>,
    pub(crate) from: From<'a>,
    /// How many keys and common prefixes together.
    pub(crate) limit: usize,
}

/// Where a list begins.
#[derive(Clone, Debug)]
pub(crate) enum From<'a> {
    /// Behind this key or common prefix, in the caller's words.
    After(&'a str),
    /// At these bytes, in ours.
    At(Vec<u8>),
}

/// A line of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Line {
    Key(Listed),
    CommonPrefix(String),
}

impl Line {
    /// The key or common prefix.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Key(listed) => &listed.key,
            Self::CommonPrefix(prefix) => prefix,
        }
    }
}

/// A page of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Page {
    /// In order of their names.
    pub(crate) lines: Vec<Line>,
    /// Where the next page begins; `None` when there is no more.
    pub(crate) next: Option<Vec<u8>>,
}

/// How many rows are read at once: few at first where a leap is likely.
const BATCH_MIN: u32 = 16;
const BATCH_MAX: u32 = 1001;

/// Reads a page.
pub(crate) async fn page(index: &Index, query: Query<'_>) -> Result<Page, Error> {
    let mut page = Page { lines: Vec::new(), next: None };
    if query.limit == 0 {
        return Ok(page);
    }
    let mut from = start(&query);
    let mut batch = if query.delimiter.is_some() { BATCH_MIN } else { BATCH_MAX };
    loop {
        let rows = index.list(query.bucket, query.prefix, &from, batch).await?;
        let is_last = rows.len() < batch as usize;
        let mut leapt = false;
        for row in rows {
            if row.key.as_bytes() < from.as_slice() {
                // Below a common prefix that is shown already.
                continue;
            }
            if page.lines.len() == query.limit {
                page.next = Some(row.key.into_bytes());
                return Ok(page);
            }
            match common_prefix(&query, &row.key) {
                Some(prefix) => {
                    let Some(bound) = behind(prefix.as_bytes()) else { return Ok(page) };
                    from = bound;
                    leapt = true;
                    page.lines.push(Line::CommonPrefix(prefix.to_owned()));
                }
                None => {
                    from = [row.key.as_bytes(), &[0]].concat();
                    page.lines.push(Line::Key(row));
                }
            }
        }
        if is_last {
            return Ok(page);
        }
        batch = if leapt { BATCH_MIN } else { (batch * 2).min(BATCH_MAX) };
    }
}

/// The first bytes that the page may show.
fn start(query: &Query<'_>) -> Vec<u8> {
    match &query.from {
        From::At(bytes) => bytes.clone(),
        From::After("") => Vec::new(),
        // A marker that is a common prefix was shown as one: all below it is behind us.
        From::After(marker) if common_prefix(query, marker) == Some(marker) => {
            behind(marker.as_bytes()).unwrap_or_default()
        }
        From::After(marker) => [marker.as_bytes(), &[0]].concat(),
    }
}

/// The common prefix under which `key` is shown, if any.
fn common_prefix<'k>(query: &Query<'_>, key: &'k str) -> Option<&'k str> {
    let delimiter = query.delimiter?;
    let rest = key.strip_prefix(query.prefix)?;
    let end = query.prefix.len() + rest.find(delimiter)? + delimiter.len();
    key.get(..end)
}

#[cfg(test)]
mod tests;
