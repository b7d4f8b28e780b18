//! `trailmark verify-proof`: checks that a record is in a log, offline, with the log's key alone; and,
//! where the record is the statement of an imported file, that a file is the one.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use anyhow::{Context as _, anyhow};
use aws_lc_rs::digest::{self, SHA256};
use integrity::tree::{Kind, Policy, Proven, RecordProof};
use serde_json::{Value, json};
use stores::ImportedFile;

use crate::{
    cli::VerifyProof,
    words::{GREEN, data},
};

/// Runs `trailmark verify-proof`.
pub(crate) fn run(options: &VerifyProof) -> anyhow::Result<()> {
    let checked = check(options);
    if options.json {
        data(match &checked {
            Ok((proven, file)) => told(proven, file.as_ref()),
            Err(error) => json!({ "proven": false, "reason": format!("{error:#}") }),
        })?;
    } else if let Ok((proven, file)) = &checked {
        data(in_words(proven, file.as_ref()))?;
    }
    checked.map(|_| ())
}

/// A file that is the one that was imported.
#[derive(Debug)]
struct Imported {
    statement: ImportedFile,
    /// Where it was looked at.
    here: String,
}

fn check(options: &VerifyProof) -> anyhow::Result<(Proven, Option<Imported>)> {
    let policy = match (&options.key, &options.policy) {
        (Some(key), _) => Policy::of_log(key.clone()),
        (None, Some(file)) => {
            let text = read(file, Policy::MAX_BYTES)?;
            let text = String::from_utf8(text).context("the policy is not UTF-8")?;
            text.parse().with_context(|| format!("cannot use `{}`", file.display()))?
        }
        (None, None) => return Err(anyhow!("name the log's key: --key")),
    };
    let proof = read(&options.proof, RecordProof::MAX_READ_BYTES)?;
    let record = options.record.clone().unwrap_or_else(|| options.proof.with_extension("json"));
    let mut record = read(&record, log::MAX_BODY)?;
    // A record ends with its brace; what editors and shells put behind it is not of it.
    record.truncate(record.trim_ascii_end().len());
    let proven = RecordProof::parse(&proof)
        .and_then(|it| it.check(&record, &policy))
        .with_context(|| format!("`{}` proves nothing", options.proof.display()))?;
    let imported = options.file.as_deref().map(|file| imported(file, &proven, &record));
    Ok((proven, imported.transpose()?))
}

/// Holds a file against the statement that was proven of it: the stored bytes, as they were read.
fn imported(file: &Path, proven: &Proven, record: &[u8]) -> anyhow::Result<Imported> {
    if proven.entry.kind != Kind::ImportedFile {
        return Err(anyhow!(
            "what is proven is no statement of an imported file, which --file is for, but of the kind \
             `{}`",
            proven.entry.kind.as_str()
        ));
    }
    let statement: ImportedFile = serde_json::from_slice(record)
        .context("the statement that is proven says nothing of a file's hash")?;
    let here = file.display().to_string();
    let (sha256, size) = hash(file).with_context(|| format!("cannot read `{here}`"))?;
    if sha256 == statement.sha256 {
        return Ok(Imported { statement, here });
    }
    let ImportedFile { file: lay, sha256: stated, size: then, .. } = statement;
    Err(anyhow!(
        "`{here}` is not the file that was imported from {lay}: its {size} bytes hash to {sha256}, \
         proven is that {then} bytes were imported which hash to {stated}; the statement itself is \
         good. What is compared is the object as it was stored, not inflated"
    ))
}

fn hash(file: &Path) -> io::Result<(String, u64)> {
    let mut file = fs::File::open(file)?;
    let (mut context, mut size) = (digest::Context::new(&SHA256), 0);
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            let hash = context.finish();
            let hash = hash.as_ref().iter().map(|it| format!("{it:02x}")).collect();
            return Ok((hash, size));
        }
        context.update(buffer.get(..read).unwrap_or_default());
        size += read as u64;
    }
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

fn in_words(proven: &Proven, file: Option<&Imported>) -> String {
    let Proven { origin, index, entry, head, .. } = proven;
    let is_file = entry.kind == Kind::ImportedFile;
    let what = if is_file { "statement of an imported file" } else { "record" };
    let mut text = format!(
        "{GREEN}proven{GREEN:#}: the {what} is in the log {origin}, unchanged\n  \
         position  {index} of {}\n  arrived   {}, by the log's word",
        head.size, entry.ingested
    );
    if let Some(Imported { statement: ImportedFile { file, sha256, .. }, here }) = file {
        text.push_str(&format!("\n  file      {here} is what was imported from {file}: {sha256}"));
    }
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

fn told(proven: &Proven, file: Option<&Imported>) -> Value {
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
        "file": file.map(|it| json!({
            "file": it.statement.file,
            "sha256": it.statement.sha256,
            "size": it.statement.size,
        })),
        "witnessed": proven.witnessed.map(|time| time.to_string()),
    })
}
