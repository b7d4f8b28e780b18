//! Which names a query speaks of.

use std::collections::HashSet;

/// The words and quoted names of a query, in lower case; what texts and comments say is none of it,
/// and neither are functions (`year(…)`) and literals of a type (`timestamp '…'`).
///
/// Made for [`crate::LogFiles::new`], which shows hidden columns only to who names them.
#[must_use]
pub fn mentions(query: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' => quoted(rest, '\''),
            '"' | '`' => {
                let length = quoted(rest, first);
                let name = rest.get(1..length.saturating_sub(1)).unwrap_or_default();
                found.insert(name.to_lowercase());
                length
            }
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |it| it + 2),
            _ if is_part(first) => {
                let length = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
                let (word, after) = rest.split_at_checked(length).unwrap_or_default();
                if !after.trim_start().starts_with(['(', '\'']) {
                    found.insert(word.to_lowercase());
                }
                length
            }
            _ => first.len_utf8(),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    found
}

fn is_part(it: char) -> bool {
    it.is_alphanumeric() || it == '_' || it == '$'
}

/// The length of what begins with this quotation mark.
fn quoted(text: &str, mark: char) -> usize {
    let rest = text.get(1..).unwrap_or_default();
    rest.find(mark).map_or(text.len(), |it| it + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_texts_functions_and_literals() {
        let query = "SELECT \"$path\", Region, 'it''s month' -- day\nFROM t /* dt */ WHERE \
                     eventtime > timestamp '2026-01-01' AND year (eventtime) = 2026 AND date='x'";
        let found = mentions(query);
        for name in ["$path", "region", "t", "eventtime"] {
            assert!(found.contains(name), "{name}");
        }
        // A comparison is none of a literal.
        assert!(found.contains("date"));
        for name in ["month", "day", "dt", "timestamp", "year"] {
            assert!(!found.contains(name), "{name}");
        }
        assert!(mentions("'open").is_empty() && mentions("\"").contains(""));
    }
}
