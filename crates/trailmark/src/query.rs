//! `trailmark query`: SQL over log files where they lie.
//!
//! Lives here: which tables a name stands for, progress, the order of things. Rows are written by
//! [`output`], a shell is kept by [`shell`]. What is understood is `sql`'s, files are `logfiles`'s.

mod output;
mod shell;

use std::{
    io::{IsTerminal as _, Read as _, stdin},
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use datafusion::catalog::TableProvider;
use futures::TryStreamExt as _;
use logfiles::{LogFiles, Source};
use sql::{Engine, Limits, Named, Tables};
use views::View;

use crate::{
    cli::{Format, Query},
    query::output::Output,
    s3,
    verify::Progress,
    words::{DIM, RED, data, say},
};

/// Runs `trailmark query`.
pub(crate) async fn run(options: Query) -> anyhow::Result<()> {
    let mut sources = Vec::new();
    for subject in &options.sources {
        sources.push(source(subject, &options).await?);
    }
    let mut limits = Limits {
        characters: CHARACTERS_MAX,
        time: Duration::from_secs(options.timeout),
        memory: options.memory << 20,
        ..Limits::default()
    };
    // A terminal waits for nobody.
    limits.tasks = limits.tasks.max(1);
    let engine = Engine::new(limits)?;
    let asker = Asker { engine, sources: sources.into(), options: Arc::new(options) };
    let options = &asker.options;
    if let Some(query) = &options.query {
        return asker.ask(query).await;
    }
    if let Some(file) = &options.file {
        let query = std::fs::read_to_string(file);
        return asker
            .ask(&query.with_context(|| format!("cannot read `{}`", file.display()))?)
            .await;
    }
    if stdin().is_terminal() {
        return shell::run(&asker).await;
    }
    let mut query = String::new();
    stdin().read_to_string(&mut query).context("cannot read the query from standard input")?;
    asker.ask(&query).await
}

async fn source(subject: &str, options: &Query) -> anyhow::Result<Source> {
    let Some(rest) = subject.strip_prefix("s3://") else {
        let opened = Source::local(Path::new(subject));
        return opened.with_context(|| format!("cannot open `{subject}`"));
    };
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let endpoint = s3::endpoint(options.endpoint_url.as_deref());
    let builder = s3::builder(name, endpoint.as_deref(), options.no_sign_request).await?;
    let store = builder.build().with_context(|| format!("cannot open the bucket `{name}`"))?;
    Ok(Source::bucket(Arc::new(store), prefix, &format!("s3://{name}")))
}

/// Asks the same sources again and again.
#[derive(Clone, Debug)]
struct Asker {
    engine: Engine,
    sources: Arc<[Source]>,
    options: Arc<Query>,
}

/// The tables of one query.
#[derive(Debug)]
struct Known {
    asker: Asker,
    progress: Arc<logfiles::Progress>,
}

impl Asker {
    /// Asks, and writes the answer.
    async fn ask(&self, query: &str) -> anyhow::Result<()> {
        let progress = Arc::new(logfiles::Progress::default());
        let known = Known { asker: self.clone(), progress: Arc::clone(&progress) };
        let session = self.engine.session(Arc::new(known));
        if self.options.explain {
            data(session.explain(query).await?.trim_end())?;
            return Ok(());
        }
        let (line, clock) = (Progress::new(), Ambient::system().clock);
        let began = Instant::now();
        let watching = async {
            loop {
                clock.sleep(REDRAW).await;
                let number = |it: &std::sync::atomic::AtomicU64| it.load(Ordering::Relaxed);
                line.now(&format!(
                    "{} of {} files, {} MB, {} records",
                    number(&progress.files),
                    number(&progress.found),
                    number(&progress.bytes) / 1_000_000,
                    number(&progress.records),
                ));
            }
        };
        let answering = async {
            let mut answer = session.query(query).await?;
            let mut output = Output::new(self.format(), self.options.output.as_deref(), &answer)?;
            while let Some(batch) = answer.rows.try_next().await.map_err(sql::Error::from)? {
                line.clear();
                output.write(&batch)?;
            }
            line.clear();
            output.finish()
        };
        let rows = tokio::select! {
            rows = answering => rows,
            () = watching => return Err(anyhow!("nobody answers")),
        };
        line.clear();
        let rows = rows?;
        if std::io::stderr().is_terminal() {
            let (files, took) = (progress.files.load(Ordering::Relaxed), began.elapsed());
            let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
            say(format_args!("{DIM}{rows} rows, {files} read, {:.2} s{DIM:#}", took.as_secs_f64()));
        }
        Ok(())
    }

    fn format(&self) -> Format {
        if let Some(format) = self.options.format {
            return format;
        }
        let ending = self.options.output.as_deref().and_then(Path::extension);
        match ending.and_then(|it| it.to_str()) {
            Some("json") => Format::Json,
            Some("ndjson" | "jsonl") => Format::Ndjson,
            Some("parquet") => Format::Parquet,
            None if std::io::stdout().is_terminal() && self.options.output.is_none() => {
                Format::Table
            }
            Some(_) | None => Format::Csv,
        }
    }

    /// What a name stands for.
    fn view(&self, name: &str) -> Option<View> {
        let mapped = self.options.tables.iter().find(|(it, _)| it == name).map(|(_, view)| *view);
        mapped.or(match name {
            "events" => Some(View::Lake),
            "cloudtrail_logs" => Some(View::Athena),
            // Ids of event data stores, and what stands for one in published queries.
            _ if sql::is_id(name) || name.starts_with('$') => Some(View::Lake),
            _ if PLACEHOLDERS.contains(&name) => Some(View::Lake),
            _ => None,
        })
    }
}

impl Tables for Known {
    fn table(&self, named: &Named) -> Option<Arc<dyn TableProvider>> {
        let view = self.asker.view(&named.name)?;
        let strict = self.asker.options.strict;
        let mentioned = |it: &str| named.mentioned.contains(it);
        let table = LogFiles::new(Arc::clone(&self.asker.sources), view, mentioned)
            .counting(Arc::clone(&self.progress))
            .telling(move |fault| {
                if !strict {
                    say(format_args!("{RED}left out{RED:#}: {fault}"));
                }
                !strict
            });
        Some(Arc::new(table))
    }

    fn hint(&self, named: &Named) -> String {
        let name = &named.name;
        format!(
            ": say what it is by --table {name}=lake (CloudTrail Lake) or --table {name}=athena, or use `events` or `cloudtrail_logs`"
        )
    }
}

/// Characters of a query: a file may hold a long one.
const CHARACTERS_MAX: usize = 1_000_000;
/// How often progress is shown.
const REDRAW: Duration = Duration::from_millis(200);
/// What documentation writes in place of the id of an event data store.
const PLACEHOLDERS: [&str; 5] =
    ["event_data_store_id", "eds id", "eds_id", "eds-id", "event data store id"];
