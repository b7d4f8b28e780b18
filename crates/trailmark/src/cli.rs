//! The command line: what can be said, with an example each. What it does lives elsewhere.

mod import;

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use integrity::tree::{KeyName, VerifierKey};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

pub(crate) use self::import::Import;

/// The CloudTrail you can run yourself: records every AWS API call that passes, and answers who did
/// what, when and from where.
#[derive(Debug, Parser)]
#[command(
    name = "trailmark",
    version,
    propagate_version = true,
    after_help = "Start here:\n  trailmark serve\nthen paste the printed lines into another shell."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server
    #[command(after_help = "Examples:
  trailmark serve
  trailmark serve --upstream dynamodb=http://127.0.0.1:8000 --upstream kms=http://127.0.0.1:4599
  trailmark serve --config trailmark.toml --data-dir /var/lib/trailmark")]
    Serve(Serve),
    /// Print records as they arrive
    #[command(after_help = "Examples:
  trailmark tail
  trailmark tail --json | jq -r '.eventName'")]
    Tail(Tail),
    /// Ask log files anything, where they lie: the SQL of CloudTrail Lake and Athena
    #[command(after_help = "Examples:
  trailmark query 'SELECT eventName, count(*) FROM events GROUP BY 1 ORDER BY 2 DESC' --from ./logs
  trailmark query --from s3://audit-logs/AWSLogs/123456789012 < saved.sql
  trailmark query --file saved.sql --from s3://audit-logs --table my_table=athena --format csv
  trailmark query --from ./logs

Tables: `events`, and every UUID, shows records as CloudTrail Lake does (maps, times, booleans);
`cloudtrail_logs` as the Athena table of AWS's documentation (texts, partition columns). Other names
are mapped with --table. Without a query, on a terminal, a shell begins.
Only files that can hold what the conditions on eventTime, awsRegion, recipientAccountId and on
partition columns ask for are read. A file is taken to hold records of up to 48 hours before it was
written; leave the upper bound of eventTime away to find what was delivered later still.
Credentials are found as for `trailmark verify`.")]
    Query(Query),
    /// Bring old log files into an event data store of a running server
    #[command(after_help = import::HELP)]
    Import(Import),
    /// Check the digests and log files of a trail: signatures, chain, and what AWS's own validator
    /// does not see
    #[command(after_help = "Examples:
  trailmark verify s3://audit-logs
  trailmark verify s3://audit-logs/trails --start-time 2026-03-01T00:00:00Z --json
  aws cloudtrail list-public-keys --start-time 2026-03-01 > keys.json
  trailmark verify ./audit-logs --public-key keys.json
  trailmark verify s3://audit-logs --json > monday.json
  trailmark verify s3://audit-logs --earlier-report monday.json
  trailmark verify --tree http://127.0.0.1:7171 --key 'audit.example/t1+550508d1+AQOh…'
  trailmark verify s3://audit-logs --tree ./tree --policy policy.txt --checkpoint monday.txt

Without --earlier-report or --endpoint nobody can tell that the newest digests were cut off.
Exits with 0 when all is valid, with 1 when something is not, no digest was found, or something could
not be read, and with 2 for a usage that is not understood.
Credentials are those of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, else those
of AWS_PROFILE in AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials.")]
    Verify(Verify),
    /// Look at every trail and its bucket as an auditor would, and say what to do
    #[command(after_help = "Examples:
  trailmark check
  trailmark check --endpoint-url aws --json
  trailmark check --s3-endpoint-url http://127.0.0.1:3900

Exits with 1 when something fails. Credentials are found as for `trailmark verify`.")]
    Check(Check),
    /// Prove that one record is in the log, to somebody who has nothing but the log's key
    #[command(after_help = "Examples:
  trailmark prove 5f1cb1b0-0c1e-4a5c-9d0e-3f2a6a4e7c11
  trailmark prove 5f1cb1b0-0c1e-4a5c-9d0e-3f2a6a4e7c11 --output evidence.tlog-proof

Writes the proof, and beside it the record as a file that ends with .json; prints the log's key.
Works on the data folder, whether or not the server runs.")]
    Prove(Prove),
    /// Make the records of a day unprovable for ever: destroys the key of their salts
    #[command(after_help = "Example:
  trailmark erase 2026-03-04 --yes

The tree keeps its shape and gets a leaf that says so; proofs of other days stay good. Records that
lie in the log, in the store and in buckets are left alone.")]
    Erase(Erase),
    /// Check a proof that one record is in a log, offline
    #[command(after_help = "Examples:
  trailmark verify-proof 5f1c….tlog-proof --key 'audit.example/t1+550508d1+AQOh…'
  trailmark verify-proof 5f1c….tlog-proof --record 5f1c….json --policy policy.txt --json
  trailmark verify-proof old.tlog-proof --file old.json.gz --key \"$(cat log.key)\"

The record is the file beside the proof that ends with .json; of an imported file, that is its
statement, and --file tells whether a file is the one that was imported.
Exits with 0 when it is proven, with 1 when it is not or cannot be told, with 2 for a usage that is
not understood.")]
    VerifyProof(VerifyProof),
    /// Cosign the checkpoints of other deployments; a process of its own
    #[command(after_help = "Examples:
  trailmark witness --name witness.example/w1 --log 'audit.example/t1+550508d1+AQOh…'
  trailmark witness --dir /var/lib/witness --log \"$(cat log.key)\" --listen 0.0.0.0:7172")]
    Witness(Witness),
    /// Users of the deployment: who can call, and what they may do
    #[command(subcommand)]
    User(User),
    /// Access keys of users
    #[command(subcommand)]
    Key(Key),
    /// Accounts of the deployment
    #[command(subcommand)]
    Account(Account),
    /// Print a completion script for a shell
    #[command(after_help = "Example:
  trailmark completions bash > /etc/bash_completion.d/trailmark")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Where the server keeps its state. Shared by every command that touches it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Place {
    /// Configuration file [default: trailmark.toml, when there is one]
    #[arg(long, value_name = "FILE", env = "TRAILMARK_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of everything that is kept [default: trailmark-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// `trailmark serve`.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Address to listen on [default: 127.0.0.1:7171]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Forward the calls of a service to an AWS-compatible endpoint; may be given several times.
    /// The service is named as the AWS CLI names it; `default` stands for every other service
    #[arg(long = "upstream", value_name = "SERVICE=URL", value_parser = upstream)]
    pub(crate) upstreams: Vec<(String, String)>,
    /// Write the server's own messages as JSON
    #[arg(long)]
    pub(crate) log_json: bool,
}

/// `trailmark check`.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// Where CloudTrail answers; `aws` for AWS itself [default: $AWS_ENDPOINT_URL, else
    /// http://127.0.0.1:7171]
    #[arg(
        long,
        value_name = "URL",
        env = "AWS_ENDPOINT_URL",
        default_value = "http://127.0.0.1:7171"
    )]
    pub(crate) endpoint_url: String,
    /// Where S3 answers [default: $AWS_ENDPOINT_URL_S3, else as CloudTrail]
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL_S3")]
    pub(crate) s3_endpoint_url: Option<String>,
    /// The region to ask [default: $AWS_REGION, else us-east-1]
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The findings as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `trailmark tail`.
#[derive(Args, Debug)]
pub(crate) struct Tail {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Where the server listens [default: $AWS_ENDPOINT_URL, else the configured address]
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    pub(crate) endpoint_url: Option<String>,
    /// One record per line, verbatim
    #[arg(long)]
    pub(crate) json: bool,
    /// Stop after so many records
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

/// `trailmark verify`.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// A folder, or s3://BUCKET[/PREFIX]
    #[arg(value_name = "PATH-or-s3://…", required_unless_present = "tree")]
    pub(crate) subject: Option<String>,
    /// Check a Merkle tree, tile by tile, up to its signed root: a folder such as
    /// `trailmark-data/tree`, a copy of one, or the URL of a server
    #[arg(long, value_name = "DIR-or-URL", requires = "whom")]
    pub(crate) tree: Option<String>,
    /// Trust the public keys of this file: what `aws cloudtrail list-public-keys` prints, PEM or
    /// DER; may be given several times
    #[arg(long = "public-key", value_name = "FILE")]
    pub(crate) public_keys: Vec<PathBuf>,
    /// Ask this server for public keys and for how far its trails have come; `aws` for AWS itself
    /// [default for s3://: where S3 is, when no key is given]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Where S3 is [default: $AWS_ENDPOINT_URL_S3, $AWS_ENDPOINT_URL, else AWS]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Leave out digests that end before
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) start_time: Option<Timestamp>,
    /// Leave out digests that end after; every chain has to reach this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) end_time: Option<Timestamp>,
    /// What `--json` printed earlier: digests that it knows have to be there still
    #[arg(long = "earlier-report", value_name = "FILE")]
    pub(crate) earlier_reports: Vec<PathBuf>,
    /// Key of the log whose Merkle tree it is, `name+id+base64`; from somewhere you trust
    #[arg(long, value_name = "KEY", group = "whom")]
    pub(crate) key: Option<VerifierKey>,
    /// Whom to trust for the Merkle tree instead, as a tlog-policy file: the log's key, witnesses
    #[arg(long, value_name = "FILE", group = "whom")]
    pub(crate) policy: Option<PathBuf>,
    /// A checkpoint that was kept, or that a witness cosigned: digests have to reach it, and the tree
    /// has to continue it
    #[arg(long, value_name = "FILE", requires = "whom")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Another copy, which may tell what was done to a log file that was changed
    #[arg(long, value_name = "PATH-or-s3://…")]
    pub(crate) copy: Option<String>,
    /// Let chains start again, as they do when logging was stopped and started, and end in a region
    /// that the trail left
    #[arg(long)]
    pub(crate) allow_restarts: bool,
    /// Do not sign requests to S3: for public buckets
    #[arg(long)]
    pub(crate) no_sign_request: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `trailmark query`.
#[derive(Args, Debug)]
pub(crate) struct Query {
    /// The query [default: that of standard input, or a shell]
    #[arg(allow_hyphen_values = true, value_parser = statement)]
    pub(crate) query: Option<String>,
    /// Read the query from a file
    #[arg(long, value_name = "FILE", conflicts_with = "query")]
    pub(crate) file: Option<PathBuf>,
    /// A folder, a file, or s3://BUCKET[/PREFIX]; may be given several times
    #[arg(long = "from", value_name = "PATH-or-s3://…", required = true)]
    pub(crate) sources: Vec<String>,
    /// What a name in the query stands for: NAME=lake or NAME=athena; may be given several times
    #[arg(long = "table", value_name = "NAME=VIEW", value_parser = table)]
    pub(crate) tables: Vec<(String, views::View)>,
    /// How to write rows [default: table on a terminal, else csv; by the ending of --output]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Write rows to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Fail when a file cannot be read, instead of going on without it
    #[arg(long)]
    pub(crate) strict: bool,
    /// Stop after so many rows
    #[arg(long, value_name = "ROWS")]
    pub(crate) limit: Option<usize>,
    /// Say on standard error what was read; on a terminal that is said anyway
    #[arg(long)]
    pub(crate) statistics: bool,
    /// Say how the query would be run, and do not run it
    #[arg(long)]
    pub(crate) explain: bool,
    /// Seconds after which the query is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    pub(crate) timeout: u64,
    /// Memory that the query may use, in MiB; what does not fit goes to the disk
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    pub(crate) memory: usize,
    /// Files that are read at once [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Where S3 is [default: $AWS_ENDPOINT_URL_S3, $AWS_ENDPOINT_URL, else AWS]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Do not sign requests to S3: for public buckets
    #[arg(long)]
    pub(crate) no_sign_request: bool,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// Columns under each other, for people
    Table,
    /// Comma-separated values with a line of names
    Csv,
    /// One list of objects
    Json,
    /// An object on each line
    Ndjson,
    /// Apache Parquet
    Parquet,
}

/// A query may begin with a comment, `-- …`; a single word that begins so is an option misspelt.
fn statement(text: &str) -> Result<String, String> {
    if text.starts_with('-') && !text.contains(char::is_whitespace) {
        return Err("there is no such option (see --help)".to_owned());
    }
    Ok(text.to_owned())
}

fn table(text: &str) -> Result<(String, views::View), String> {
    let (name, view) = text.split_once('=').ok_or("write NAME=lake or NAME=athena")?;
    let view = match view.to_ascii_lowercase().as_str() {
        "lake" => views::View::Lake,
        "athena" => views::View::Athena,
        other => return Err(format!("`{other}` is neither `lake` nor `athena`")),
    };
    Ok((name.to_lowercase(), view))
}

/// `trailmark prove`.
#[derive(Args, Debug)]
pub(crate) struct Prove {
    #[command(flatten)]
    pub(crate) place: Place,
    /// `eventID` of the record, or where a file lay that was imported, such as `s3://bucket/key`
    pub(crate) event_id: String,
    /// The proof file to write [default: EVENT-ID.tlog-proof]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The record, byte for byte, when the log has let go of it
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `trailmark erase`.
#[derive(Args, Debug)]
pub(crate) struct Erase {
    #[command(flatten)]
    pub(crate) place: Place,
    /// UTC day on which the records arrived, before today
    pub(crate) day: Date,
    /// Do it: nobody can undo it
    #[arg(long)]
    pub(crate) yes: bool,
}

/// `trailmark verify-proof`.
#[derive(Args, Debug)]
pub(crate) struct VerifyProof {
    /// The proof file
    #[arg(value_name = "FILE")]
    pub(crate) proof: PathBuf,
    /// The imported file that the proven statement is of, as it was stored: is it the same?
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The record, byte for byte [default: the file beside it that ends with .json]
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Key of the log: `name+id+base64`
    #[arg(long, value_name = "KEY", required_unless_present = "policy")]
    pub(crate) key: Option<VerifierKey>,
    /// Logs, witnesses and a quorum instead, as C2SP tlog-policy writes them
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(crate) policy: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `trailmark witness`.
#[derive(Args, Debug)]
pub(crate) struct Witness {
    /// Folder of the key and of what was seen; never restore an older copy of it
    #[arg(long, value_name = "DIR", default_value = "trailmark-witness")]
    pub(crate) dir: PathBuf,
    /// Name of the witness's key, by custom a URL without scheme; needed at the first start
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<KeyName>,
    /// Key of a log to cosign for; may be given several times
    #[arg(long = "log", value_name = "KEY", required = true)]
    pub(crate) logs: Vec<VerifierKey>,
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7172")]
    pub(crate) listen: SocketAddr,
    /// Write the witness's own messages as JSON
    #[arg(long)]
    pub(crate) log_json: bool,
}

/// `trailmark user …`.
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Add a user
    #[command(after_help = "Examples:
  trailmark user add mira --policy read-only
  trailmark user add deploy --policy-document policy.json
  trailmark user add ops --account 222233334444 --policy full-access")]
    Add {
        #[command(flatten)]
        place: Place,
        /// Name of the user: letters, digits and `+=,.@_-`, at most 64
        name: String,
        /// Account of the user [default: the deployment's own]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// What the user may do
        #[arg(long, value_enum, default_value_t = PolicyChoice::ReadOnly)]
        policy: PolicyChoice,
        /// An IAM policy document instead
        #[arg(long, value_name = "FILE", conflicts_with = "policy")]
        policy_document: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the users
    List {
        #[command(flatten)]
        place: Place,
        /// Only those of one account
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a user and the user's access keys
    Remove {
        #[command(flatten)]
        place: Place,
        /// Name of the user
        name: String,
        /// Account of the user [default: the deployment's own]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
}

/// What a user may do, without writing a policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum PolicyChoice {
    /// Everything that only reads
    ReadOnly,
    /// Everything
    FullAccess,
    /// Nothing
    None,
}

/// `trailmark key …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Create an access key; the secret is shown once
    #[command(after_help = "Examples:
  trailmark key create mira
  trailmark key create mira --profile mira >> ~/.aws/credentials")]
    Create {
        #[command(flatten)]
        place: Place,
        /// Name of the user
        user: String,
        /// Account of the user [default: the deployment's own]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// Print a section for an AWS credentials file under this name
        #[arg(long, value_name = "NAME", conflicts_with = "json")]
        profile: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List access keys, without their secrets
    List {
        #[command(flatten)]
        place: Place,
        /// Only those of one user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Disable an access key: calls signed with it are refused within a second
    Disable {
        #[command(flatten)]
        place: Place,
        /// The access key id
        access_key_id: String,
    },
    /// Enable an access key again
    Enable {
        #[command(flatten)]
        place: Place,
        /// The access key id
        access_key_id: String,
    },
}

/// `trailmark account …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Add an account, with a root access key that is shown once
    Add {
        #[command(flatten)]
        place: Place,
        /// Twelve digits
        id: String,
        /// A name for people [default: the id]
        #[arg(long)]
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the accounts
    List {
        #[command(flatten)]
        place: Place,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// A time as `2026-03-01T00:00:00Z`, or a day, which stands for its first instant in UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse()
        .ok()
        .or_else(|| day().map(|it| it.timestamp()))
        .ok_or_else(|| "write a time as 2026-03-01T00:00:00Z or 2026-03-01".to_owned())
}

fn upstream(text: &str) -> Result<(String, String), String> {
    let (service, url) =
        text.split_once('=').ok_or("write SERVICE=URL, such as dynamodb=http://127.0.0.1:8000")?;
    if service.is_empty() || !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err("write SERVICE=URL, such as dynamodb=http://127.0.0.1:8000".to_owned());
    }
    Ok((service.to_owned(), url.to_owned()))
}
