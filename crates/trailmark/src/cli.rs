//! The command line: what can be said, with an example each. What it does lives elsewhere.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

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

fn upstream(text: &str) -> Result<(String, String), String> {
    let (service, url) =
        text.split_once('=').ok_or("write SERVICE=URL, such as dynamodb=http://127.0.0.1:8000")?;
    if service.is_empty() || !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err("write SERVICE=URL, such as dynamodb=http://127.0.0.1:8000".to_owned());
    }
    Ok((service.to_owned(), url.to_owned()))
}
