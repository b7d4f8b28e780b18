//! `trailmark query`: SQL over log files where they lie.
//!
//! Lives here: which tables a name stands for, progress, the order of things. Rows are written by
//! [`output`], a shell is kept by [`shell`]. What is understood is `sql`'s, files are `logfiles`'s.

mod output;
mod shell;

use std::{
    io::{IsTerminal as _, Read as _, stderr, stdin},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use futures::TryStreamExt as _;
use logfiles::{Fault, LogFiles, Source, mentions};
use sql::{Engine, Error, Limits, Session, Settings};
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
    let settings = Settings {
        memory_bytes: options.memory << 20,
        partitions: options.threads.unwrap_or(Settings::default().partitions),
        ..Settings::default()
    };
    let engine = Engine::new(&settings, Ambient::system().clock)?;
    let asker = Asker { engine, sources: sources.into(), options: Arc::new(options) };
    let options = &asker.options;
    if let Some(query) = &options.query {
        return asker.ask(query).await;
    }
    if let Some(file) = &options.file {
        let query = std::fs::read_to_string(file);
        let query = query.with_context(|| format!("cannot read `{}`", file.display()))?;
        return asker.ask(&query).await;
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
    let store = objects::any_key(builder);
    let store = store.with_context(|| format!("cannot open the bucket `{name}`"))?;
    Ok(Source::bucket(Arc::new(store), prefix, &format!("s3://{name}")))
}

/// Asks the same sources again and again.
#[derive(Clone, Debug)]
struct Asker {
    engine: Engine,
    sources: Arc<[Source]>,
    options: Arc<Query>,
}

/// One query under way.
struct Course {
    read: Arc<logfiles::Progress>,
    /// Files that were not read whole.
    broken: AtomicU64,
    line: Progress,
}

impl Asker {
    /// Asks, and writes the answer.
    async fn ask(&self, query: &str) -> anyhow::Result<()> {
        let course = Arc::new(Course {
            read: Arc::default(),
            broken: AtomicU64::new(0),
            line: Progress::new(),
        });
        let session = self.session(query, &course);
        if self.options.explain {
            let plan = session.explain(query).await.map_err(explained)?;
            return Ok(data(plan.trim_end())?);
        }
        let (clock, began) = (Ambient::system().clock, Instant::now());
        let watching = async {
            loop {
                clock.sleep(REDRAW).await;
                course.line.now(&course.progress());
            }
        };
        let rows = tokio::select! {
            rows = self.answer(&session, query, &course) => rows,
            () = watching => return Err(anyhow!("nobody answers")),
        };
        course.line.clear();
        let rows = rows?;
        course.report(rows, began.elapsed(), self.options.statistics || stderr().is_terminal());
        Ok(())
    }

    async fn answer(
        &self,
        session: &Session,
        query: &str,
        course: &Course,
    ) -> anyhow::Result<usize> {
        let mut answer = session.query(query).await.map_err(explained)?;
        let columns = std::mem::take(&mut answer.columns);
        let mut output = Output::new(self.format(), self.options.output.as_deref(), columns)?;
        let mut left = self.options.limit.unwrap_or(usize::MAX);
        while left > 0
            && let Some(batch) = answer.stream.try_next().await?
        {
            let batch = batch.slice(0, left.min(batch.num_rows()));
            left -= batch.num_rows();
            course.line.clear();
            output.write(&batch)?;
        }
        course.line.clear();
        output.finish()
    }

    /// A session that knows the tables of the query.
    fn session(&self, query: &str, course: &Arc<Course>) -> Session {
        let mut session = self.engine.session();
        session.limits(Limits {
            characters: CHARACTERS_MAX,
            time: Duration::from_secs(self.options.timeout),
            ..Limits::default()
        });
        let mentioned = mentions(query);
        let table = {
            let (asker, course) = (self.clone(), Arc::clone(course));
            move |view| {
                let (course, is_strict) = (Arc::clone(&course), asker.options.strict);
                let read = Arc::clone(&course.read);
                let table =
                    LogFiles::new(Arc::clone(&asker.sources), view, |it| mentioned.contains(it));
                let on_fault = move |fault| course.hear(&fault, is_strict);
                Arc::new(table.counting(read).telling(on_fault))
            }
        };
        session.table("events", table(View::Lake));
        session.table("cloudtrail_logs", table(View::Athena));
        let options = Arc::clone(&self.options);
        session.resolver(move |name| {
            let mapped = options.tables.iter().find(|(it, _)| it == name).map(|(_, view)| *view);
            let view = mapped.or(is_store(name).then_some(View::Lake))?;
            Some(table(view))
        });
        session
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
}

impl Course {
    /// Tells of a file that cannot be read, or not whole. False when the query is to fail.
    fn hear(&self, fault: &Fault, is_strict: bool) -> bool {
        let before = self.broken.fetch_add(1, Ordering::Relaxed);
        if !is_strict && before < FAULTS_MAX {
            self.line.clear();
            say(format_args!("{RED}not read whole{RED:#}: {fault}"));
        }
        !is_strict
    }

    fn progress(&self) -> String {
        let [files, found, bytes, records, _] = self.numbers();
        format!("{files} of {found} files, {} MB, {records} records", bytes / 1_000_000)
    }

    /// What came of it: always when something is missing, else to who wants to know.
    fn report(&self, rows: usize, took: Duration, is_wanted: bool) {
        let [files, found, bytes, records, decoded] = self.numbers();
        if found == 0 && self.read.walks.load(Ordering::Relaxed) > 0 {
            say("no log file was found that could hold what is asked for");
        }
        let broken = self.broken.load(Ordering::Relaxed);
        if broken > FAULTS_MAX {
            say(format_args!("{broken} files were not read whole"));
        }
        if is_wanted {
            say(format_args!(
                "{DIM}{rows} rows; {files} of {found} files read, {bytes} bytes; {records} records, \
                 {decoded} decoded; {:.2} s{DIM:#}",
                took.as_secs_f64()
            ));
        }
    }

    fn numbers(&self) -> [u64; 5] {
        let logfiles::Progress { found, files, bytes, records, rows, .. } = &*self.read;
        [files, found, bytes, records, rows].map(|it| it.load(Ordering::Relaxed))
    }
}

/// Why a query was refused, with what helps at this command line.
fn explained(error: Error) -> anyhow::Error {
    let Error::UnknownTable { name, .. } = &error else { return error.into() };
    let name = name.rsplit('.').next().unwrap_or(name);
    anyhow!(
        "{error} (say what it is by --table {name}=lake for the columns of CloudTrail Lake, or \
         --table {name}=athena for those of Athena)"
    )
}

/// Whether a name is that of an event data store: its id, or what documentation writes in place of
/// one.
fn is_store(name: &str) -> bool {
    let is_id = name.len() == STORE_ID.len()
        && name.bytes().zip(STORE_ID.bytes()).all(|(it, like)| match like {
            b'-' => it == b'-',
            _ => it.is_ascii_alphanumeric(),
        });
    let is_example = name.contains("example") && name.contains('-');
    is_id || is_example || name.starts_with('$') || PLACEHOLDERS.contains(&name)
}

/// Characters of a query: a file may hold a long one.
const CHARACTERS_MAX: usize = 1_000_000;
/// Broken files that are told one by one.
const FAULTS_MAX: u64 = 20;
/// How often progress is shown.
const REDRAW: Duration = Duration::from_millis(200);
/// The form of an event data store's id.
const STORE_ID: &str = "00000000-0000-0000-0000-000000000000";
/// What documentation writes in place of the id of an event data store.
const PLACEHOLDERS: [&str; 5] =
    ["event_data_store_id", "eds id", "eds_id", "eds-id", "event data store id"];
