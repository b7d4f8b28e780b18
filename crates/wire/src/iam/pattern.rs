//! Texts with wildcards and variables.
//!
//! Matching never goes back: its time grows with the text, and by one step for every 64 characters of
//! the pattern, whatever a stranger writes into either.

use std::{borrow::Cow, collections::BTreeMap};

use super::{Context, document::InvalidPolicy};

/// A text with `*` (any characters), `?` (one character) and variables (`${aws:username}`).
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    tokens: Vec<Token>,
    ignore_case: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Token {
    Char(char),
    One,
    Any,
    Variable { key: String, default: Option<String> },
}

/// How much of the syntax holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Syntax {
    /// Whether `*` and `?` are wildcards.
    pub(super) wildcards: bool,
    /// Whether `${…}` is a variable: not before version 2012-10-17.
    pub(super) variables: bool,
    /// Whether letters match in any case.
    pub(super) ignore_case: bool,
}

impl Pattern {
    pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Self, InvalidPolicy> {
        let lower = if syntax.ignore_case { text.to_lowercase() } else { String::new() };
        let mut tokens = Vec::new();
        let mut rest = if syntax.ignore_case { lower.as_str() } else { text };
        while let Some(char) = rest.chars().next() {
            if syntax.variables
                && let Some(after) = rest.strip_prefix("${")
            {
                let (inner, after) = after.split_once('}').ok_or(InvalidPolicy::Variable)?;
                tokens.push(variable(inner)?);
                rest = after;
                continue;
            }
            tokens.push(match char {
                '*' if syntax.wildcards => Token::Any,
                '?' if syntax.wildcards => Token::One,
                char => Token::Char(char),
            });
            rest = rest.get(char.len_utf8()..).unwrap_or_default();
        }
        Ok(Self { tokens, ignore_case: syntax.ignore_case })
    }

    /// The pattern cut at its first `pieces - 1` colons.
    pub(super) fn split(self, pieces: usize) -> Vec<Self> {
        let ignore_case = self.ignore_case;
        self.tokens
            .splitn(pieces, |token| *token == Token::Char(':'))
            .map(|tokens| Self { tokens: tokens.to_vec(), ignore_case })
            .collect()
    }

    /// Whether the pattern is plain text.
    pub(super) fn is_literal(&self) -> bool {
        self.tokens.iter().all(|token| matches!(token, Token::Char(_)))
    }

    /// Whether `text` matches; `None` when a variable has no value.
    pub(super) fn matches(&self, text: &str, context: &Context) -> Option<bool> {
        let pattern = self.resolve(context)?;
        Some(if self.ignore_case {
            glob(&pattern, &text.to_lowercase())
        } else {
            glob(&pattern, text)
        })
    }

    /// Puts the values of variables in. What stands in a value is text, never a wildcard.
    fn resolve(&self, context: &Context) -> Option<Cow<'_, [Token]>> {
        if !self.tokens.iter().any(|token| matches!(token, Token::Variable { .. })) {
            return Some(Cow::Borrowed(&self.tokens));
        }
        let mut resolved = Vec::new();
        for token in &self.tokens {
            match token {
                Token::Variable { key, default } => {
                    let value = match (context.of(key), default) {
                        ([value], _) => value,
                        (_, Some(default)) => default,
                        (_, None) => return None,
                    };
                    let value = if self.ignore_case { &value.to_lowercase() } else { value };
                    resolved.extend(value.chars().map(Token::Char));
                }
                Token::Char(_) | Token::One | Token::Any => resolved.push(token.clone()),
            }
        }
        Some(Cow::Owned(resolved))
    }
}

/// Reads what stands between `${` and `}`: a key, perhaps with a default, or an escaped character.
fn variable(inner: &str) -> Result<Token, InvalidPolicy> {
    if let "*" | "?" | "$" = inner {
        return Ok(Token::Char(inner.chars().next().unwrap_or('$')));
    }
    let (key, default) = match inner.split_once(',') {
        None => (inner, None),
        Some((key, default)) => {
            let default = default.trim().strip_prefix('\'').and_then(|it| it.strip_suffix('\''));
            (key, Some(default.ok_or(InvalidPolicy::Variable)?.to_owned()))
        }
    };
    let key = key.trim();
    if key.is_empty() || key.contains(['$', '{', '*', '?']) {
        return Err(InvalidPolicy::Variable);
    }
    Ok(Token::Variable { key: key.to_ascii_lowercase(), default })
}

/// Whether `text` matches a pattern without variables.
///
/// Between two `*` the leftmost place is as good as any other, so nothing is tried twice.
fn glob(pattern: &[Token], text: &str) -> bool {
    let mut parts = pattern.split(|token| *token == Token::Any);
    let (first, last) = (parts.next().unwrap_or_default(), parts.next_back());
    let mut chars = text.chars();
    // Most patterns fail here, before anything is allocated.
    if !first.iter().all(|token| chars.next().is_some_and(|char| fits(token, char))) {
        return false;
    }
    let Some(last) = last else { return chars.next().is_none() };
    let text: Vec<char> = chars.collect();
    let mut rest = text.as_slice();
    for part in parts {
        match find(rest, part) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.len() >= last.len()
        && rest.get(rest.len() - last.len()..).is_some_and(|end| same(end, last))
}

fn same(text: &[char], part: &[Token]) -> bool {
    text.len() == part.len() && text.iter().zip(part).all(|(char, token)| fits(token, *char))
}

fn fits(token: &Token, char: char) -> bool {
    match token {
        Token::Char(expected) => *expected == char,
        Token::One => true,
        Token::Any | Token::Variable { .. } => false,
    }
}

/// What follows the leftmost place of `part` in `text`.
///
/// Shift-and: bit `n` of `active` says that the first `n + 1` tokens fit what ends here.
fn find<'t>(text: &'t [char], part: &[Token]) -> Option<&'t [char]> {
    let Some(final_bit) = part.len().checked_sub(1) else { return Some(text) };
    if part.len() > text.len() {
        return None;
    }
    let words = part.len().div_ceil(WORD);
    // For each character of the part, the places where it fits; `other` for the rest.
    let mut other = vec![0_u64; words];
    for (at, _) in part.iter().enumerate().filter(|(_, token)| **token == Token::One) {
        set(&mut other, at);
    }
    let mut masks: BTreeMap<char, Vec<u64>> = BTreeMap::new();
    for (at, token) in part.iter().enumerate() {
        if let Token::Char(char) = token {
            set(masks.entry(*char).or_insert_with(|| other.clone()), at);
        }
    }

    let mut active = vec![0_u64; words];
    for (at, char) in text.iter().enumerate() {
        let mut carry = 1;
        for (word, mask) in active.iter_mut().zip(masks.get(char).unwrap_or(&other)) {
            let shifted = *word << 1 | carry;
            carry = *word >> (WORD - 1);
            *word = shifted & mask;
        }
        if active.last().is_some_and(|word| word >> (final_bit % WORD) & 1 == 1) {
            return text.get(at + 1..);
        }
    }
    None
}

/// Sets a bit of many words.
fn set(words: &mut [u64], at: usize) {
    if let Some(word) = words.get_mut(at / WORD) {
        *word |= 1 << (at % WORD);
    }
}

/// Bits of a word.
const WORD: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Syntax = Syntax { wildcards: true, variables: true, ignore_case: false };

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: Option<bool>) {
        let context = Context::default().with("aws:username", "ann*");
        assert_eq!(Pattern::parse(pattern, ALL).unwrap().matches(text, &context), expected);
    }

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_character() {
        check("", "", Some(true));
        check("*", "", Some(true));
        check("a*c", "abbbc", Some(true));
        check("a*c", "abbbcd", Some(false));
        check("a?c", "aéc", Some(true));
        check("a?c", "ac", Some(false));
        check("*ab?*d*", "xxabcxxdx", Some(true));
        check("*aab", "aaab", Some(true));
        check("a**b", "ab", Some(true));
        check("ab*ba", "aba", Some(false));
    }

    #[test]
    fn a_variable_is_its_value_and_its_value_is_no_wildcard() {
        check("home/${aws:UserName}/x", "home/ann*/x", Some(true));
        check("home/${aws:username}/x", "home/anna/x", Some(false));
        check("home/${aws:userid}", "home/", None);
        check("home/${aws:userid, 'none'}", "home/none", Some(true));
        check("${*}${?}${$}", "*?$", Some(true));
        check("${*}", "a", Some(false));
    }

    #[test]
    fn a_variable_that_does_not_end_is_refused() {
        for text in ["${", "a${aws:username", "${}", "${a,b}", "${a${b}}"] {
            assert!(Pattern::parse(text, ALL).is_err(), "{text}");
        }
    }

    #[test]
    fn letters_match_in_any_case_where_they_may() {
        let syntax = Syntax { ignore_case: true, ..ALL };
        let context = Context::default().with("k", "ÄB");
        let pattern = Pattern::parse("S3:Get*İ${K}", syntax).unwrap();
        assert_eq!(pattern.matches("s3:gETobjectİäb", &context), Some(true));
    }

    #[test]
    fn a_hostile_pattern_takes_no_longer_than_another() {
        let pattern = format!("*{}b*", "a?".repeat(1500));
        check(&pattern, &"a".repeat(20_000), Some(false));
    }

    /// The specification, by trying everything.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(('*', rest)), _) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
            (Some((one, pattern)), Some((char, text))) if *one == '?' || one == char => {
                naive(pattern, text)
            }
            (Some(_), _) => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_specification(
            pattern in "[ab*?]{0,12}",
            text in "[abc]{0,14}",
        ) {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                Pattern::parse(&pattern, ALL).unwrap().matches(&text, &Context::default()),
                Some(naive(&chars(&pattern), &chars(&text)))
            );
        }

        #[test]
        fn long_parts_are_found_across_words(
            part in "[ab?]{60,140}",
            before in "[ab]{0,80}",
            after in "[ab]{0,80}",
        ) {
            let text = format!("{before}{}{after}", part.replace('?', "b"));
            let pattern = Pattern::parse(&format!("*{part}*"), ALL).unwrap();
            prop_assert_eq!(pattern.matches(&text, &Context::default()), Some(true));
        }
    }
}
