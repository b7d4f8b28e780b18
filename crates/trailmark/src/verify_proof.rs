//! `trailmark verify-proof`: checks that a record is in a log, or that a file was imported, offline,
//! with the log's key alone.

use std::{fs, io::Read as _, path::Path};

use anyhow::{Context as _, anyhow};
use integrity::tree::{Kind, Policy, Proven, RecordProof};
use serde_json::{Value, json};

use crate::{
    cli::VerifyProof,
    words::{GREEN, data},
};

/// Runs `trailmark verify-proof`.
pub(crate) fn run(options: &VerifyProof) -> anyhow::Result<()> {
    let checked = check(options);
    if options.json {
        data(match &checked {
            Ok(proven) => told(proven),
            Err(error) => json!({ "proven": false, "reason": format!("{error:#}") }),
        })?;
    } else if let Ok(proven) = &checked {
        data(in_words(proven))?;
    }
    checked.map(|_| ())
}

fn check(options: &VerifyProof) -> anyhow::Result<Proven> {
    let policy = match (&options.key, &options.policy) {
        (Some(key), _) => Policy::of_log(key.clone()),
        (None, Some(file)) => {
            let text = read(file, Policy::MAX_BYTES)?;
            let text = String::from_utf8(text).context("the policy is not UTF-8")?;
            text.parse().with_context(|| format!("cannot use `{}`", file.display()))?
        }
        (None, None) => return Err(anyhow!("name the log's key: --key")),
    };
    let proof = read(&options.file, RecordProof::MAX_READ_BYTES)?;
    let record = options.record.clone().unwrap_or_else(|| options.file.with_extension("json"));
    let mut record = read(&record, log::MAX_BODY)?;
    // A record ends with its brace; what editors and shells put behind it is not of it.
    record.truncate(record.trim_ascii_end().len());
    let proven = RecordProof::parse(&proof)
        .and_then(|it| it.check(&record, &policy))
        .with_context(|| format!("`{}` proves nothing", options.file.display()))?;
    if let Some(file) = &options.imported {
        compare(file, proven.entry.kind, &record)?;
    }
    Ok(proven)
}

/// Whether a file is the one that a statement speaks of, byte for byte.
fn compare(file: &Path, kind: Kind, statement: &[u8]) -> anyhow::Result<()> {
    if kind != Kind::ImportedFile {
        return Err(anyhow!("the proof is that of a record, not of an imported file"));
    }
    let statement: stores::ImportedFile =
        serde_json::from_slice(statement).context("the statement is not one of ours")?;
    let cannot = || format!("cannot read `{}`", file.display());
    let bytes = fs::read(file).with_context(cannot)?;
    let sha256 = integrity::digest::sha256_hex(&bytes);
    if sha256 != statement.sha256 {
        return Err(anyhow!(
            "`{}` is not what was imported from {}: it hashes to {sha256}, that to {}",
            file.display(),
            statement.file,
            statement.sha256
        ));
    }
    Ok(())
}

fn read(file: &Path, bound: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(file)
        .and_then(|it| it.take(bound as u64 + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    if bytes.len() > bound {
        return Err(anyhow!("`{}` is longer than {bound} bytes", file.display()));
    }
    Ok(bytes)
}

fn in_words(proven: &Proven) -> String {
    let Proven { origin, index, entry, head, .. } = proven;
    let is_file = entry.kind == Kind::ImportedFile;
    let what = if is_file { "statement of an imported file" } else { "record" };
    let mut text = format!(
        "{GREEN}proven{GREEN:#}: the {what} is in the log {origin}, unchanged\n  \
         position  {index} of {}\n  arrived   {}, by the log's word",
        head.size, entry.ingested
    );
    for it in &proven.cosignatures {
        let time = it.time.map(|time| time.to_string()).unwrap_or_default();
        text.push_str(&format!("\n  cosigned  {time} by {}", it.key.name()));
    }
    match proven.witnessed {
        Some(time) => text.push_str(&format!("\n  witnessed since {time}")),
        None => text.push_str("\n  not witnessed: the log alone vouches for it"),
    }
    text
}

fn told(proven: &Proven) -> Value {
    let cosignatures = proven.cosignatures.iter().map(|it| {
        json!({ "name": it.key.name().as_str(), "time": it.time.map(|time| time.to_string()) })
    });
    json!({
        "proven": true,
        "origin": proven.origin,
        "index": proven.index,
        "kind": proven.entry.kind.as_str(),
        "arrived": proven.entry.ingested.to_string(),
        "size": proven.head.size,
        "root": proven.head.root.to_string(),
        "cosignatures": cosignatures.collect::<Vec<_>>(),
        "witnessed": proven.witnessed.map(|time| time.to_string()),
    })
}
