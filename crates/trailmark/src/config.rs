//! Configuration: defaults, then `trailmark.toml`, then `TRAILMARK_…` variables, then flags.
//!
//! Lives here: what can be set, its unit, its default and the trade-off. An unknown key is an error
//! that names the nearest known one. Everything is parsed before the first port opens.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use figment::{
    Figment,
    providers::{Env, Format as _, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

use crate::{
    cli, cosigning::WitnessSettings, destinations::BucketSettings,
    notifications::NotificationSettings, signing::SigningSettings,
};

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Address of the one listener. Anything but loopback should have `tls`.
    pub(crate) listen: SocketAddr,
    /// Folder of everything that is kept.
    pub(crate) data_dir: PathBuf,
    /// The deployment's own account, used on first start; later starts keep what is there.
    pub(crate) account_id: String,
    /// Fixes the root access key on first start; random otherwise.
    pub(crate) root_access_key_id: Option<String>,
    /// Fixes the root secret on first start; random otherwise.
    #[serde(skip_serializing)]
    pub(crate) root_secret_access_key: Option<String>,
    /// 32 bytes as 64 hex digits or base64, to encrypt secrets at rest; a file in the data folder
    /// otherwise.
    #[serde(skip_serializing)]
    pub(crate) master_key: Option<String>,
    /// The listener, whom it trusts, and where calls go (`door.upstreams.<service>.url`).
    pub(crate) door: door::Settings,
    /// Log files and digests of trails.
    pub(crate) delivery: delivery::Settings,
    /// Buckets for trails outside the embedded S3, by name (`buckets.<name>.endpoint`).
    pub(crate) buckets: BTreeMap<String, BucketSettings>,
    /// Days for which nobody, root included, can change or delete what trails write into the embedded
    /// S3, 0 to 36,500; longer where the bucket's own default retention is. Default 90.
    pub(crate) trail_retention_days: u16,
    /// Keys of key management services that sign digests instead of our own, by region
    /// (`signing.<region>.key_id`).
    pub(crate) signing: BTreeMap<String, SigningSettings>,
    /// Witnesses that are asked to cosign each checkpoint of the Merkle tree
    /// (`witnesses.<name>.url`).
    pub(crate) witnesses: BTreeMap<String, WitnessSettings>,
    /// Whom the topics of trails stand for.
    pub(crate) notifications: NotificationSettings,
    /// The event log.
    pub(crate) log: log::local::Settings,
    /// The built-in store.
    pub(crate) lake: lake::Settings,
    /// Event data stores.
    pub(crate) stores: stores::Settings,
}

impl Config {
    /// Where the AWS credentials file of the first start lies.
    pub(crate) fn credentials_file(&self) -> PathBuf {
        self.data_dir.join("credentials")
    }

    /// Reads the configuration that a command works with.
    ///
    /// # Errors
    /// When a named file is missing, a key is unknown, or a value is not of its type.
    pub(crate) fn load(place: &cli::Place) -> anyhow::Result<Self> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        match &place.config {
            Some(file) if !file.is_file() => {
                return Err(anyhow!("there is no configuration file `{}`", file.display()));
            }
            Some(file) => figment = figment.merge(Toml::file_exact(file)),
            None if Path::new(DEFAULT_FILE).is_file() => {
                figment = figment.merge(Toml::file_exact(DEFAULT_FILE));
            }
            None => {}
        }
        figment = figment.merge(Env::prefixed("TRAILMARK_").ignore(&NOT_SETTINGS).split("__"));
        if let Some(data_dir) = &place.data_dir {
            figment = figment.merge(Serialized::default("data_dir", data_dir));
        }
        figment
            .extract()
            .map_err(|error| anyhow!("{}", explain(&error)))
            .context("cannot read the configuration")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7171)),
            data_dir: PathBuf::from("trailmark-data"),
            account_id: "123456789012".to_owned(),
            root_access_key_id: None,
            root_secret_access_key: None,
            master_key: None,
            door: door::Settings::default(),
            delivery: delivery::Settings::default(),
            buckets: BTreeMap::new(),
            trail_retention_days: 90,
            signing: BTreeMap::new(),
            witnesses: BTreeMap::new(),
            notifications: NotificationSettings::default(),
            log: log::local::Settings::default(),
            lake: lake::Settings::default(),
            stores: stores::Settings::default(),
        }
    }
}

/// Says what is wrong in one line, with the nearest known key.
fn explain(error: &figment::Error) -> String {
    let place = error.path.join(".");
    let source =
        error.metadata.as_ref().map(|it| format!(" (from {})", it.name)).unwrap_or_default();
    if let figment::error::Kind::UnknownField(field, known) = &error.kind {
        let nearest = known
            .iter()
            .map(|name| (strsim::damerau_levenshtein(name, field), name))
            .min()
            .map(|(_, name)| format!(", did you mean `{name}`?"))
            .unwrap_or_default();
        return format!("unknown key `{field}`{nearest}{source}");
    }
    if place.is_empty() {
        format!("{}{source}", error.kind)
    } else {
        format!("`{place}`: {}{source}", error.kind)
    }
}

/// Variables of ours that are not settings of the server: its configuration file, and what tests use.
const NOT_SETTINGS: [&str; 4] = ["config", "kills", "seeds", "venv"];
const DEFAULT_FILE: &str = "trailmark.toml";
