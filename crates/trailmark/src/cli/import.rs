//! `trailmark import`: what can be said.

use clap::Args;

use super::Place;

/// What `--help` ends with.
pub(super) const HELP: &str = "Examples:
  trailmark import ./old-logs --into audit
  trailmark import s3://audit-logs/AWSLogs/123456789012 --into audit
  trailmark import ./old-logs --into audit --bucket staging --keep
  trailmark import ./2026-03-01.ndjson --into 5f1cb1b0-0c1e-4a5c-9d0e-3f2a6a4e7c11 --json

A bucket is one of the embedded S3, or one that the operator has set up under [buckets.<name>]; the
server reads it. Files of this machine are first copied into a bucket with the caller's own
credentials, under trailmark-import/<id>/, and the copies are deleted once all of them are imported.
The server never reads paths of this machine.

The same command again goes on where it was, whatever was killed, and takes no file twice: <id> is made
of the absolute path and the store, and an import of the same source into the same store is followed or
taken up again. One that is complete is not done again, unless by --again, which takes every file once
more. A path inside of one that was imported is another path. Files that could not be imported are
tried again, with what the path holds by then; files that came since it began are told of, and left out.

Exits with 1 when a file could not be imported. Credentials are found as for `trailmark tail`.";

/// `trailmark import`.
#[derive(Args, Debug)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) place: Place,
    /// A folder or file of log files, as `trailmark query --from` takes them, or s3://BUCKET[/PREFIX]
    #[arg(value_name = "PATH-or-s3://…")]
    pub(crate) source: String,
    /// Name, id or ARN of the event data store
    #[arg(long, value_name = "STORE")]
    pub(crate) into: String,
    /// Where copies of local files wait for the server [default: trailmark-import-ACCOUNT, in the
    /// embedded S3, made when it is not there]
    #[arg(long, value_name = "BUCKET")]
    pub(crate) bucket: Option<String>,
    /// Leave the copies of local files in their bucket
    #[arg(long)]
    pub(crate) keep: bool,
    /// Import what was imported before once more: its records will be there twice
    #[arg(long)]
    pub(crate) again: bool,
    /// Where the server listens [default: $AWS_ENDPOINT_URL, else the configured address]
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    pub(crate) endpoint_url: Option<String>,
    /// The region of the store [default: that of its ARN, else $AWS_REGION, else the server's]
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Print JSON: what `GetImport` says at the end, and all failures
    #[arg(long)]
    pub(crate) json: bool,
}
