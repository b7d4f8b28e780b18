//! `trailmark prove`: writes a record and the proof that it is in the log, for `verify-proof`.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use integrity::tree::Entry;
use ledger::{Error, Prover};
use log::Position;
use serde_json::json;

use crate::{
    cli::Prove,
    config::Config,
    ledger_tree::FOLDER,
    words::{DIM, GREEN, data, say},
};

/// Runs `trailmark prove`.
pub(crate) fn run(options: &Prove) -> anyhow::Result<()> {
    let config = Config::load(&options.place)?;
    let output = match &options.output {
        Some(output) => output.clone(),
        None => file_of(&options.event_id)?,
    };
    let record_file = output.with_extension("json");
    if record_file == output {
        return Err(anyhow!("the record goes to `{}`: name the proof otherwise", output.display()));
    }
    let tree = config.data_dir.join(FOLDER);
    let prover =
        Prover::open(&tree).with_context(|| format!("there is no tree in `{}`", tree.display()))?;
    let given = options.record.as_deref().map(read).transpose()?;
    let log = config.data_dir.join("log");
    let tables = config.data_dir.join("stores/tables");
    let bytes_of = |entry: &Entry| match &given {
        Some(record) => Ok(Some(record.clone())),
        None => match of_log(&log, Position(entry.sequence))? {
            Some(found) => Ok(Some(found)),
            None => kept(&tables, entry.sequence),
        },
    };
    let made = match prover.prove(&options.event_id, &bytes_of) {
        Err(error @ Error::NoRecord(_)) if given.is_none() => {
            return Err(anyhow::Error::from(error).context(
                "the log has let go of the record; name a file with its bytes: --record",
            ));
        }
        made => made?,
    };
    let text = made.proof.to_text()?;
    write(&record_file, &made.record)?;
    write(&output, text.as_bytes())?;
    if options.json {
        data(json!({
            "proof": output.display().to_string(),
            "record": record_file.display().to_string(),
            "index": made.proof.index,
            "key": prover.verifier().to_string(),
        }))?;
        return Ok(());
    }
    say(format_args!(
        "{GREEN}proven{GREEN:#}: hand on `{}` and `{}`; checked with {DIM}trailmark verify-proof{DIM:#} and this key:",
        output.display(),
        record_file.display()
    ));
    data(prover.verifier())?;
    Ok(())
}

/// The record at a position, from the log's folder, whoever writes there meanwhile.
fn of_log(folder: &Path, position: Position) -> Result<Option<Vec<u8>>, Error> {
    let found = log::offline::read(folder, position).map_err(|source| Error::Io {
        action: "read",
        file: folder.display().to_string(),
        source,
    })?;
    Ok(found.map(|it| it.frame.body.to_vec()))
}

/// The statement of an imported file, which is kept for longer than the log goes back.
fn kept(tables: &Path, position: u64) -> Result<Option<Vec<u8>>, Error> {
    stores::statement_at(tables, position).map_err(|source| Error::Io {
        action: "read",
        file: tables.display().to_string(),
        source,
    })
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|it| it.take(log::MAX_BODY as u64 + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    // A record ends with its brace; what editors and shells put behind it is not of it.
    bytes.truncate(bytes.trim_ascii_end().len());
    Ok(bytes)
}

fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(file, bytes).with_context(|| format!("cannot write `{}`", file.display()))
}

/// The file of a proof whose name nobody said: for an imported file, its own without its endings.
fn file_of(event_id: &str) -> anyhow::Result<PathBuf> {
    let event_id = match event_id.rsplit_once('/') {
        Some((_, name)) => name.split('.').next().unwrap_or_default(),
        None => event_id,
    };
    let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    if event_id.is_empty() || !event_id.chars().all(is_plain) {
        return Err(anyhow!("`{event_id}` makes no file name: name the proof with --output"));
    }
    Ok(PathBuf::from(format!("{event_id}.tlog-proof")))
}
