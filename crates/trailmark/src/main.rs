//! The binary: command line, configuration, wiring. The only `main`, and the only place that ends
//! the process.
//!
//! Start at [`cli`] for what can be said, [`config`] for what can be set, [`serve`] for how the parts
//! are joined.

mod caller;
mod check;
mod cli;
mod cloudtrail;
mod config;
mod cosigning;
mod credentials;
mod deliveries;
mod destinations;
mod erase;
mod event_stores;
mod exposition;
mod identities;
mod import;
mod ledger_tree;
mod notifications;
mod prove;
mod query;
mod s3;
mod serve;
mod signing;
mod tail;
mod verify;
mod verify_proof;
mod witness;
mod words;

use std::{process::ExitCode, time::Duration};

use clap::{CommandFactory as _, Parser as _};

use crate::cli::{Cli, Command};

/// Gives memory back soon after a burst, by threads of its own (`.cargo/config.toml` says how soon),
/// and costs a call less than the system's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Two providers may be compiled in; without a choice rustls panics on the first connection.
    let _already_chosen = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return words::failed(&error.into()),
    };
    let outcome = runtime.block_on(run(Cli::parse()));
    // What nobody waits for any more, such as a query that was given up, may not hold up the end.
    runtime.shutdown_timeout(LAST_WORK);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => words::failed(&error),
    }
}

/// How long work that was given up may go on when all else is done.
const LAST_WORK: Duration = Duration::from_secs(2);

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(options) => serve::run(options).await,
        Command::Tail(options) => tail::run(options).await,
        Command::Check(options) => check::run(options).await,
        Command::Verify(options) => verify::run(options).await,
        Command::Query(options) => query::run(options).await,
        Command::Import(options) => import::run(options).await,
        Command::Prove(options) => prove::run(&options),
        Command::Erase(options) => erase::run(&options),
        Command::VerifyProof(options) => verify_proof::run(&options),
        Command::Witness(options) => witness::run(options).await,
        Command::User(command) => identities::user(command).await,
        Command::Key(command) => identities::key(command).await,
        Command::Account(command) => identities::account(command).await,
        Command::Completions { shell } => {
            let mut command = Cli::command();
            clap_complete::generate(shell, &mut command, "trailmark", &mut std::io::stdout());
            Ok(())
        }
    }
}
