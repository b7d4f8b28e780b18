//! A shell: queries that end with `;`, with history and completion.

use std::{borrow::Cow, path::PathBuf};

use anyhow::anyhow;
use rustyline::{
    Context, Editor, Helper, completion::Completer, error::ReadlineError, highlight::Highlighter,
    hint::Hinter, history::FileHistory, validate::Validator,
};
use views::View;

use super::Asker;
use crate::words::{DIM, RED, say};

/// Asks until the end of input.
pub(super) async fn run(asker: &Asker) -> anyhow::Result<()> {
    let mut editor: Editor<Words, FileHistory> = Editor::new()?;
    editor.set_helper(Some(Words));
    let history = history();
    if let Some(file) = &history {
        // There is none at the first time.
        let _first = editor.load_history(file);
    }
    say(format_args!(
        "{DIM}End a query with `;`. Tables: events, cloudtrail_logs. Ctrl-C stops one, Ctrl-D leaves.{DIM:#}"
    ));
    let mut query = String::new();
    loop {
        let prompt = if query.is_empty() { "trailmark> " } else { "       ... " };
        match editor.readline(prompt) {
            Ok(line) => {
                match (query.is_empty(), line.trim()) {
                    (true, "") => continue,
                    (true, "exit" | "quit" | "exit;" | "quit;") => break,
                    (_, _) => {}
                }
                query.push_str(&line);
                query.push('\n');
                if !query.trim_end().ends_with(';') {
                    continue;
                }
                let whole = std::mem::take(&mut query);
                editor.add_history_entry(whole.trim())?;
                let asked = tokio::select! {
                    asked = asker.ask(&whole) => asked,
                    _stopped = tokio::signal::ctrl_c() => Err(anyhow!("stopped")),
                };
                if let Err(error) = asked {
                    say(format_args!("{RED}error{RED:#}: {error:#}"));
                }
            }
            Err(ReadlineError::Interrupted) => query.clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(file) = &history {
        editor.save_history(file)?;
    }
    Ok(())
}

fn history() -> Option<PathBuf> {
    std::env::var_os("HOME").map(|it| PathBuf::from(it).join(".trailmark_history"))
}

/// Completes words, columns, tables and functions.
struct Words;

impl Helper for Words {}
impl Highlighter for Words {}
impl Validator for Words {}
impl Hinter for Words {
    type Hint = String;
}

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let before = line.get(..at).unwrap_or_default();
        let is_part = |it: char| it.is_alphanumeric() || it == '_';
        let begin = before.rfind(|it| !is_part(it)).map_or(0, |it| it + 1);
        let word = before.get(begin..).unwrap_or_default().to_lowercase();
        if word.is_empty() {
            return Ok((at, Vec::new()));
        }
        let columns = View::Lake
            .columns()
            .iter()
            .chain(View::Athena.columns())
            .map(|it| if it.member.is_empty() { it.name } else { it.member });
        let functions = sql::FUNCTIONS.iter().map(|it| Cow::Owned(format!("{}(", it.name)));
        let words = KEYWORDS.iter().copied().chain(columns).map(Cow::Borrowed).chain(functions);
        let mut found: Vec<String> =
            words.filter(|it| it.to_lowercase().starts_with(&word)).map(Cow::into_owned).collect();
        found.sort();
        found.dedup();
        Ok((begin, found))
    }
}

/// Words that most queries need.
const KEYWORDS: [&str; 24] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "LIMIT",
    "HAVING",
    "DISTINCT",
    "AND",
    "OR",
    "NOT",
    "NULL",
    "LIKE",
    "BETWEEN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "DESC",
    "CROSS JOIN UNNEST(",
    "WITH",
    "events",
    "cloudtrail_logs",
];
