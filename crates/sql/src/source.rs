//! From the user's text to one parsed statement, with every position still that of the text.
//!
//! Names that no tokenizer knows as names (bare event data store ids, `eds-ID` after FROM) are
//! first masked by words of the same length; the tokens get the names back. So errors can say
//! where they are without any arithmetic.

use std::collections::HashMap;

use sqlparser::{
    ast::{Ident, Statement},
    parser::{Parser, ParserError},
    tokenizer::{Token, TokenWithSpan, Tokenizer, TokenizerError, Whitespace, Word},
};

use crate::{Error, Limits, dialect::Trino};

/// Parses one statement within `limits`. A trailing `;` is fine.
///
/// Needs stack in proportion to [`MAX_PARSER_DEPTH`]; call it on a thread that has it.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Statement, Error> {
    let length = text.chars().count();
    if length > limits.characters {
        return Err(Error::TooLong { length, limit: limits.characters });
    }
    let (masked, names) = mask(text);
    let mut tokens = Vec::new();
    if let Err(error) = Tokenizer::new(&Trino, &masked).tokenize_with_location_into_buf(&mut tokens)
    {
        return Err(from_tokenizer(&error));
    }
    for it in &mut tokens {
        restore(&mut it.token, &names);
    }
    too_deep(&tokens, limits)?;
    one_select(&tokens)?;
    let tokens = wrap_values(join_types(tokens));
    let parsed = Parser::new(&Trino)
        .with_recursion_limit(MAX_PARSER_DEPTH)
        .with_tokens_with_locations(tokens)
        .parse_statements();
    let mut statements = match parsed {
        Ok(statements) => statements,
        Err(error) => return Err(from_parser(error, limits)),
    };
    match (statements.pop(), statements.len()) {
        (Some(statement), 0) => Ok(statement),
        (Some(_), more) => Err(Error::NotSelect(format!("a list of {} statements", more + 1))),
        (None, _) => Err(Error::NotSelect("empty".to_owned())),
    }
}

/// How deep the parser may call itself. Parentheses are counted before it starts.
const MAX_PARSER_DEPTH: usize = 1_000;

/// Whether a word may be part of a bare id.
fn in_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_'
}

/// Replaces bare ids by words of the same length, which are returned with what they stand for.
fn mask(text: &str) -> (String, HashMap<String, String>) {
    let bytes = text.as_bytes();
    let mut out = text.as_bytes().to_vec();
    let mut names = HashMap::new();
    let mut known: Vec<String> = Vec::new();
    let mut after_from = false;
    let mut at = 0;
    while let Some(&c) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        if let Some(length) = skipped(rest) {
            if !rest.starts_with(b"--") && !rest.starts_with(b"/*") {
                after_from = false;
            }
            at += length;
            continue;
        }
        if !in_word(c) {
            after_from &= c.is_ascii_whitespace();
            at += 1;
            continue;
        }
        let run = rest.iter().take_while(|c| in_word(**c) || **c == b'-').count();
        let mut run = rest.get(..run).unwrap_or_default();
        // A comment may follow a word at once: `t--comment`.
        if let Some(end) = run.windows(2).position(|it| it == b"--") {
            run = run.get(..end).unwrap_or_default();
        }
        while run.last() == Some(&b'-') {
            run = run.get(..run.len() - 1).unwrap_or_default();
        }
        let name = String::from_utf8_lossy(run).into_owned();
        if run.contains(&b'-') && (after_from || is_store_id(run) || known.contains(&name)) {
            let stand_in = format!("{:_<width$}", format!("_m{}_", names.len()), width = run.len());
            // A shorter stand-in than its own number cannot be made: such a name stays as it is.
            if stand_in.len() == run.len() {
                if let Some(place) = out.get_mut(at..at + run.len()) {
                    place.copy_from_slice(stand_in.as_bytes());
                }
                names.insert(stand_in, name.clone());
                known.push(name);
            }
            at += run.len();
            after_from = false;
            continue;
        }
        let word = rest.iter().take_while(|c| in_word(**c)).count();
        let word = rest.get(..word).unwrap_or_default();
        after_from = word.eq_ignore_ascii_case(b"from") || word.eq_ignore_ascii_case(b"join");
        at += word.len();
    }
    // Only ASCII bytes were exchanged for ASCII bytes.
    (String::from_utf8(out).unwrap_or_else(|_| text.to_owned()), names)
}

/// The length of the literal, quoted name or comment that `rest` begins with.
fn skipped(rest: &[u8]) -> Option<usize> {
    let found = |from: usize, end: &[u8]| {
        rest.get(from..)
            .and_then(|it| it.windows(end.len()).position(|w| w == end))
            .map_or(rest.len(), |it| from + it + end.len())
    };
    match rest {
        [b'\'', ..] => Some(found(1, b"'")),
        [b'"', ..] => Some(found(1, b"\"")),
        [b'`', ..] => Some(found(1, b"`")),
        [b'-', b'-', ..] => Some(found(2, b"\n")),
        [b'/', b'*', ..] => Some(found(2, b"*/")),
        _ => None,
    }
}

/// Whether a run of letters, digits and hyphens looks like the id of an event data store: a UUID,
/// or one of the documentation's placeholders for it, with letters that are no hex digits.
fn is_store_id(run: &[u8]) -> bool {
    let parts: Vec<&[u8]> = run.split(|c| *c == b'-').collect();
    let lengths: Vec<usize> = parts.iter().map(|it| it.len()).collect();
    let plain = parts.iter().all(|it| it.iter().all(u8::is_ascii_alphanumeric));
    if !plain {
        return false;
    }
    if lengths == [8, 4, 4, 4, 12] {
        return parts.iter().all(|it| it.iter().all(u8::is_ascii_hexdigit))
            || run.windows(7).any(|it| it == b"EXAMPLE");
    }
    lengths.len() >= 4 && run.windows(7).any(|it| it == b"EXAMPLE")
}

/// Gives a masked name back, and makes a name of `$EDS_ID`.
fn restore(token: &mut Token, names: &HashMap<String, String>) {
    match token {
        Token::Word(word) => {
            if let Some(name) = names.get(&word.value) {
                *word = quoted(name.clone());
            } else if word.quote_style == Some('`') {
                word.quote_style = Some('"');
            }
        }
        Token::Placeholder(name) if name.len() > 1 && name.starts_with('$') => {
            *token = Token::Word(quoted(std::mem::take(name)));
        }
        _ => {}
    }
}

fn quoted(value: String) -> Word {
    Word { value, quote_style: Some('"'), keyword: sqlparser::keywords::Keyword::NoKeyword }
}

/// Refuses what would take the parser deeper than allowed, before it goes there.
fn too_deep(tokens: &[TokenWithSpan], limits: &Limits) -> Result<(), Error> {
    let mut depth = 0_usize;
    let mut prefixes = 0_usize;
    let mut parts = 0_usize;
    for it in tokens {
        if matches!(it.token, Token::Whitespace(_)) {
            continue;
        }
        parts += 1;
        match &it.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            _ => {}
        }
        // Each of these is parsed by a call within a call: `not not not x`, `- - - x`, `case case`.
        let prefix = matches!(&it.token, Token::Minus | Token::Plus)
            || matches!(&it.token, Token::Word(w) if nests(w));
        prefixes = if prefix { prefixes + 1 } else { 0 };
        if depth > limits.depth || prefixes > limits.depth {
            return Err(Error::TooComplex { what: "levels", limit: limits.depth });
        }
    }
    if parts > limits.nodes.saturating_mul(4) {
        return Err(Error::TooComplex { what: "parts", limit: limits.nodes });
    }
    Ok(())
}

fn nests(word: &Word) -> bool {
    use sqlparser::keywords::Keyword as K;
    matches!(word.keyword, K::NOT | K::CASE | K::WHEN | K::EXPLAIN | K::INTERVAL)
}

/// Refuses a statement by its first word, so that nothing else is even parsed.
fn one_select(tokens: &[TokenWithSpan]) -> Result<(), Error> {
    use sqlparser::keywords::Keyword as K;
    let first = tokens
        .iter()
        .map(|it| &it.token)
        .find(|it| !matches!(it, Token::Whitespace(_) | Token::LParen));
    match first {
        Some(Token::Word(word)) if matches!(word.keyword, K::SELECT | K::WITH | K::VALUES) => {
            Ok(())
        }
        Some(Token::Word(word)) if word.keyword != K::NoKeyword => {
            Err(Error::NotSelect(format!("`{}`", word.value.to_uppercase())))
        }
        None | Some(Token::EOF | Token::SemiColon) => Err(Error::NotSelect("empty".to_owned())),
        // Not SQL at all: the parser says where.
        Some(_) => Ok(()),
    }
}

/// Makes one quoted word of the type in each CAST, since Trino's `map(varchar, row(a bigint))` is
/// more than the parser knows. Its meaning is found later, by `types`.
fn join_types(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    use sqlparser::keywords::Keyword as K;
    // For each open parenthesis: whether it is a CAST's, and where its AS stands.
    let mut open: Vec<(bool, Option<usize>)> = Vec::new();
    let mut after_cast = false;
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (at, it) in tokens.iter().enumerate() {
        match &it.token {
            Token::Whitespace(_) => continue,
            Token::LParen => open.push((after_cast, None)),
            Token::RParen => {
                if let Some((true, Some(from))) = open.pop() {
                    found.push((from + 1, at));
                }
            }
            Token::Word(word) if word.keyword == K::AS && word.quote_style.is_none() => {
                if let Some((true, place)) = open.last_mut() {
                    *place = Some(at);
                }
            }
            _ => {}
        }
        after_cast = matches!(&it.token, Token::Word(word)
            if matches!(word.keyword, K::CAST | K::TRY_CAST) && word.quote_style.is_none());
    }
    if found.is_empty() {
        return tokens;
    }
    found.sort_unstable();
    let mut found = found.into_iter().peekable();
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut joined: Option<(usize, String)> = None;
    for (at, it) in tokens.into_iter().enumerate() {
        if joined.is_none() {
            joined = found
                .next_if(|(from, to)| *from == at && from < to)
                .map(|(_, to)| (to, String::new()));
            if joined.is_some() {
                // A place for the type, before its first token.
                out.push(TokenWithSpan::new(Token::Whitespace(Whitespace::Space), it.span));
                out.push(TokenWithSpan::new(Token::Word(quoted(String::new())), it.span));
            }
        }
        match &mut joined {
            Some((to, text)) if at < *to => text.push_str(&it.token.to_string()),
            Some((_, text)) => {
                let text = text.trim().to_owned();
                if let Some(TokenWithSpan { token: Token::Word(word), .. }) = out.last_mut() {
                    word.value = text;
                }
                joined = None;
                out.push(it);
            }
            None => out.push(it),
        }
    }
    out
}

/// Puts parentheses around the bare rows of `VALUES 1, 2`.
fn wrap_values(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    use sqlparser::keywords::Keyword as K;
    let is_values = |it: &Token| matches!(it, Token::Word(w) if w.keyword == K::VALUES && w.quote_style.is_none());
    if !tokens.iter().any(|it| is_values(&it.token)) {
        return tokens;
    }
    let mut out = Vec::with_capacity(tokens.len() + 16);
    // Of the list of VALUES we are in: its depth, and whether a bare row is open.
    let mut lists: Vec<(usize, bool)> = Vec::new();
    let mut depth = 0_usize;
    let mut row_starts = false;
    for it in tokens {
        if matches!(it.token, Token::Whitespace(_)) {
            out.push(it);
            continue;
        }
        let span = it.span;
        if row_starts {
            row_starts = false;
            let bare = it.token != Token::LParen;
            if let Some((_, open)) = lists.last_mut() {
                *open = bare;
            }
            if bare {
                out.push(TokenWithSpan::new(Token::LParen, span));
            }
        }
        let here = lists.last().is_some_and(|(at, _)| *at == depth);
        let ends = here
            && match &it.token {
                Token::Comma | Token::RParen | Token::SemiColon | Token::EOF => true,
                Token::Word(word) => matches!(
                    word.keyword,
                    K::ORDER
                        | K::LIMIT
                        | K::OFFSET
                        | K::FETCH
                        | K::UNION
                        | K::EXCEPT
                        | K::INTERSECT
                ),
                _ => false,
            };
        if ends {
            if let Some((_, open)) = lists.last_mut()
                && std::mem::take(open)
            {
                out.push(TokenWithSpan::new(Token::RParen, span));
            }
            if it.token == Token::Comma {
                row_starts = true;
            } else {
                lists.pop();
            }
        }
        match &it.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            token if is_values(token) => {
                lists.push((depth, false));
                row_starts = true;
            }
            _ => {}
        }
        out.push(it);
    }
    // The text ended within a row, and no token says so.
    if let (Some((_, true)), Some(last)) = (lists.last(), out.last()) {
        let span = last.span;
        out.push(TokenWithSpan::new(Token::RParen, span));
    }
    out
}

fn from_tokenizer(error: &TokenizerError) -> Error {
    Error::Syntax {
        line: error.location.line,
        column: error.location.column,
        message: error.message.clone(),
    }
}

/// The parser writes its position at the end of its message.
fn from_parser(error: ParserError, limits: &Limits) -> Error {
    let text = match error {
        ParserError::RecursionLimitExceeded => {
            return Error::TooComplex { what: "levels", limit: limits.depth };
        }
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
    };
    let place = text.rsplit_once(" at Line: ").and_then(|(message, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((message.to_owned(), line.trim().parse().ok()?, column.trim().parse().ok()?))
    });
    let (message, line, column) = place.unwrap_or((text, 1, 1));
    // The parser speaks of the end of the text by an abbreviation.
    let message = message.replace("found: EOF", "found the end");
    Error::Syntax { line, column, message }
}

/// A quoted name, as the rewriting passes write them.
pub(crate) fn name(value: &str) -> Ident {
    Ident::with_quote('"', value)
}
