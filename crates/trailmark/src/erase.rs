//! `trailmark erase`: asks the server to destroy what proves the records of a day.

use ambient::Ambient;
use anyhow::anyhow;
use ledger::erasure;

use crate::{
    cli::Erase,
    config::Config,
    ledger_tree::FOLDER,
    words::{DIM, say},
};

/// Runs `trailmark erase`.
pub(crate) fn run(options: &Erase) -> anyhow::Result<()> {
    let Erase { place, day, yes } = options;
    let config = Config::load(place)?;
    if !yes {
        return Err(anyhow!(
            "no record that arrived on {day} (UTC) could ever be proven again, and nobody can undo \
             it: say --yes if that is what you want"
        ));
    }
    erasure::ask(config.data_dir.join(FOLDER), *day, Ambient::system().clock.now())?;
    say(format_args!(
        "{day} will be erased within seconds, {DIM}or when the server starts next{DIM:#}"
    ));
    Ok(())
}
