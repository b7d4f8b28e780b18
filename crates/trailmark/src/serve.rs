//! `trailmark serve`: joins the parts, says what to paste, runs until it is told to stop.
//!
//! The order matters. State opens first, then the log, then what follows the log; the port opens
//! last, when a look-up already shows everything that was acknowledged before.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use api::{
    CloudTrail, CloudTrailData, KeepBeforeTrim, Organizations, Records, Sts, Tail, Trailmark,
    Trails, Window,
    channels::{AuditEvents, LogSink},
};
use buckets::Buckets;
use catalog::{Catalog, FixedKey, Secret, Wanted};
use door::{
    Components, Endpoint, Metrics, Upstream,
    recorder::{Loss, Recorder},
};
use lake::Lake;
use log::{
    EventLog, HeldLog,
    local::{GapBody, GapRecord, LocalLog},
};
use record::AccountId;
use rustix::fs::{FlockOperation, flock};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;
use tracing_subscriber::{EnvFilter, fmt};
use wire::answer::Answer;

use crate::{
    cli::Serve,
    config::Config,
    deliveries,
    destinations::Places,
    event_stores,
    exposition::Exposition,
    identities::catalog_of,
    ledger_tree,
    words::{CYAN, DIM, data, say},
};

/// Runs the server until a signal, or until the log fails.
pub(crate) async fn run(options: Serve) -> anyhow::Result<()> {
    start_tracing(options.log_json);
    keep_memory_private();
    allow_open_files();
    let config = configured(&options)?;
    let ambient = Ambient::system();
    make_folder(&config.data_dir)?;
    let _lock = lock_folder(&config.data_dir)?;
    let catalog = catalog_of(&config, ambient.clone()).await?;
    let account = first_start(&config, &catalog).await?;

    let log = Arc::new(open_log(&config, account, &ambient).await?);
    let shared: Arc<dyn EventLog> = Arc::clone(&log) as _;
    let window = Arc::new(Window::open(&config.data_dir, shared.as_ref()).await?);
    let tree = ledger_tree::start(&config, account, &shared, &ambient).await?;
    let buckets = open_buckets(&config, &ambient).await?.map(Arc::new);
    let notifier = config.notifications.notifier(&ambient)?;
    let places = Places::new(buckets.clone(), &config, account, notifier.clone(), &ambient)?;
    let places = Arc::new(places);
    let deliveries = deliveries::open(
        &config,
        deliveries::Components {
            ambient: ambient.clone(),
            catalog: catalog.clone(),
            checkpoints: tree.checkpoints,
            log: Arc::clone(&shared),
            notifier,
            places: Arc::clone(&places),
        },
    )
    .await?;
    let plane = event_stores::open(&config, &catalog, &shared, &places, &ambient).await?;
    // The log is trimmed behind the slowest of all who follow it.
    let followers = vec![tree.committed, deliveries.committed(), plane.tables.settled()];
    let held = Arc::new(HeldLog::new(Arc::clone(&shared), followers));
    tokio::spawn(Arc::clone(&held).follow());
    let lake = Arc::new(open_lake(&config, held, &window, &ambient).await?);
    caught_up(&lake, &shared, &ambient).await;

    let metrics = Arc::new(Metrics::default());
    let exposition = Exposition::new(
        Arc::clone(&metrics),
        Arc::clone(&shared),
        Arc::clone(&lake),
        &deliveries,
        tree.witnessed,
    );
    let records = Records::new(Arc::clone(&shared), Arc::clone(&lake), window, ambient.clone());
    let tail = Tail::new(Arc::clone(&shared), ambient.clone());
    let trails = Trails {
        catalog: catalog.clone(),
        log: Arc::clone(&shared),
        destinations: places,
        organizations: Arc::new(catalog.clone()),
        have_insights: false,
    };
    let cloudtrail = CloudTrail::new(Arc::clone(&lake), trails).with_stores(plane.stores());
    let audit_events = AuditEvents {
        catalog: catalog.clone(),
        sink: Arc::new(LogSink(Arc::clone(&shared))),
        ambient: ambient.clone(),
    };
    let upkeep = tokio::spawn(plane.clone().look_after(cloudtrail.clone()));
    let organizations = Organizations::new(catalog.clone(), Arc::clone(&shared));
    let mut answers: HashMap<String, Arc<dyn Answer>> = HashMap::from([
        ("cloudtrail".to_owned(), Arc::new(cloudtrail) as _),
        ("cloudtrail-data".to_owned(), Arc::new(CloudTrailData::new(audit_events)) as _),
        ("organizations".to_owned(), Arc::new(organizations) as _),
        ("sts".to_owned(), Arc::new(Sts) as _),
        ("trailmark".to_owned(), Arc::new(Trailmark::new(records, tail)) as _),
    ]);
    if let Some(buckets) = buckets {
        answers.insert("s3".to_owned(), buckets);
    }
    let ready = {
        let (log, lake) = (Arc::clone(&shared), Arc::clone(&lake));
        Arc::new(move || !log.usage().full && lake.pressure() < 1.0)
    };
    let listener = door::listen(config.listen)
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr()?;
    let is_tls = config.door.tls.is_some();
    let region = config.door.region.clone();
    let door = config
        .door
        .clone()
        .build(Components {
            account,
            ambient,
            answers,
            catalog: catalog.clone(),
            exposition: Arc::new(move || exposition.text()),
            log: Arc::clone(&shared),
            metrics,
            public_log: Some(tree.public),
            ready,
        })
        .await?;
    greet(&config, &format!("{}://{address}", if is_tls { "https" } else { "http" }), &region)?;

    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        info!("stopping: calls that run may end");
    };
    let deliveries = tokio::spawn(deliveries.run());
    let ended = tokio::select! {
        ended = door.run(listener, stop) => ended.map_err(Into::into),
        reason = log.failed() => Err(anyhow!("the event log failed and nothing more can be recorded: {reason}")),
    };
    // What is not delivered yet is taken up by the next start.
    deliveries.abort();
    upkeep.abort();
    plane.tables.close().await;
    lake.close().await;
    log.close().await;
    catalog.close().await;
    ended
}

fn configured(options: &Serve) -> anyhow::Result<Config> {
    let mut config = Config::load(&options.place)?;
    if let Some(listen) = options.listen {
        config.listen = listen;
    }
    for (service, url) in &options.upstreams {
        let endpoint = Endpoint::try_from(url.clone())
            .map_err(|reason| anyhow!("the URL `{url}` of the upstream `{service}` {reason}"))?;
        config.door.upstreams.insert(service.clone(), Upstream::at(endpoint));
    }
    for service in config.door.upstreams.keys() {
        check_service(service)?;
    }
    Ok(config)
}

/// An upstream for a service that nobody knows would never get a call.
fn check_service(name: &str) -> anyhow::Result<()> {
    let known = wire::catalogue::catalogue();
    if name == "default" || known.service(name).is_some() {
        return Ok(());
    }
    let nearest = known
        .services()
        .iter()
        .map(|service| (strsim::damerau_levenshtein(service.name, name), service.name))
        .min()
        .map(|(_, name)| format!(", did you mean `{name}`?"))
        .unwrap_or_default();
    Err(anyhow!("there is no service `{name}`{nearest}"))
}

async fn first_start(config: &Config, catalog: &Catalog) -> anyhow::Result<AccountId> {
    let wanted_account = AccountId::parse(&config.account_id)
        .map_err(|reason| anyhow!("the account id `{}` {reason}", config.account_id))?;
    let key = match (&config.root_access_key_id, &config.root_secret_access_key) {
        (Some(id), Some(secret)) => {
            Some(FixedKey { id: id.clone(), secret: Secret::new(secret.clone()) })
        }
        (None, None) => None,
        _ => {
            return Err(anyhow!(
                "set both TRAILMARK_ROOT_ACCESS_KEY_ID and TRAILMARK_ROOT_SECRET_ACCESS_KEY, or none"
            ));
        }
    };
    // A deployment keeps the account that it began with, unless the operator insists.
    let account = match catalog.own_account().await? {
        Some(own) if config.account_id == Config::default().account_id => own,
        _ => wanted_account,
    };
    let root = catalog.first_start(Wanted { account: Some(account), key }).await?;
    let file = config.credentials_file();
    if let Some(key) =
        root.key.filter(|_| root.is_new || !file.exists() || config.root_access_key_id.is_some())
    {
        catalog::write_credentials_file(&file, &key)?;
    }
    Ok(root.account)
}

async fn open_log(
    config: &Config,
    account: AccountId,
    ambient: &Ambient,
) -> anyhow::Result<LocalLog> {
    let recorder = Recorder::new(
        door::recorder::Settings { account, region: config.door.region.clone() },
        Arc::clone(&ambient.random),
    );
    let clock = Arc::clone(&ambient.clock);
    let gap_body: GapBody = Arc::new(move |gap| {
        let now = clock.now();
        let loss = Loss {
            reason: "LogCorrupt",
            account: None,
            region: None,
            from: gap.after,
            until: gap.before.unwrap_or(now),
            count_at_most: Some(gap.at_most()),
            positions: Some(gap.from.0..gap.to.0),
        };
        let record = recorder.lost(&loss, now);
        GapRecord { body: record.body, account: record.account, region: record.region }
    });
    let folder = config.data_dir.join("log");
    let settings = config.log.clone();
    let components = log::local::Components { ambient: ambient.clone(), gap_body };
    let opened =
        tokio::task::spawn_blocking(move || LocalLog::open(&folder, settings, components)).await?;
    opened.context("cannot open the event log")
}

async fn open_lake(
    config: &Config,
    log: Arc<dyn EventLog>,
    window: &Arc<Window>,
    ambient: &Ambient,
) -> anyhow::Result<Lake> {
    let folder = config.data_dir.join("lake");
    let database = config.data_dir.canonicalize()?.join("lake.sqlite");
    let components = lake::Components {
        log: Arc::new(KeepBeforeTrim::new(log, Arc::clone(window))),
        store: lake::Store::local(folder)?,
        catalog_url: format!("sqlite://{}?mode=rwc", database.display()),
        ambient: ambient.clone(),
    };
    Lake::open(config.lake.clone(), components).await.context("cannot open the built-in store")
}

/// The embedded S3, unless S3 goes elsewhere.
async fn open_buckets(config: &Config, ambient: &Ambient) -> anyhow::Result<Option<Buckets>> {
    let upstreams = &config.door.upstreams;
    if upstreams.contains_key("s3") || upstreams.contains_key("default") {
        return Ok(None);
    }
    let settings = buckets::Settings { domains: config.door.s3_domains.clone() };
    let folder = config.data_dir.join("buckets");
    let opened = Buckets::open(&folder, settings, ambient.clone()).await;
    Ok(Some(opened.context("cannot open the embedded S3")?))
}

/// Waits until everything that is in the log can be found, for a bounded time.
async fn caught_up(lake: &Lake, log: &Arc<dyn EventLog>, ambient: &Ambient) {
    let end = *log.durable().borrow();
    let mut visible = lake.visible();
    let caught_up = visible.wait_for(|at| *at >= end);
    tokio::select! {
        _ = caught_up => {}
        () = ambient.clock.sleep(CATCH_UP) => {
            tracing::warn!("the store is still catching up with the log; serving meanwhile");
        }
    }
}

/// Prints the lines to paste. Nothing else goes to standard output.
fn greet(config: &Config, endpoint: &str, region: &str) -> anyhow::Result<()> {
    let credentials = config.credentials_file().canonicalize().unwrap_or(config.credentials_file());
    say(format_args!("{CYAN}Trailmark is ready.{CYAN:#} Paste this into another shell:\n"));
    data(format_args!(
        "export AWS_SHARED_CREDENTIALS_FILE={}",
        quoted(&credentials.display().to_string())
    ))?;
    data(format_args!("export AWS_DEFAULT_REGION={region}"))?;
    data(format_args!("export AWS_REGION={region}"))?;
    data(format_args!("export AWS_ENDPOINT_URL={endpoint}"))?;
    say(format_args!(
        "\n{DIM}then, for example:\n  aws s3 mb s3://ledger\n  aws cloudtrail lookup-events --max-items 3{DIM:#}\n"
    ));
    Ok(())
}

/// A word that a shell takes as it is.
fn quoted(text: &str) -> String {
    let plain = text.chars().all(|it| it.is_ascii_alphanumeric() || "/._-:@".contains(it));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn make_folder(folder: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the data folder `{}`", folder.display()))
}

/// Keeps every other server off the folder, from before anything in it is read until the process
/// ends, however it ends.
fn lock_folder(folder: &Path) -> anyhow::Result<fs::File> {
    let path = folder.join("lock");
    let mut options = fs::OpenOptions::new();
    let file = options.create(true).append(true).mode(0o600).open(&path);
    let file = file.with_context(|| format!("cannot open `{}`", path.display()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(anyhow!("another `trailmark serve` uses the data folder `{}`", folder.display()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot lock `{}`", path.display())),
    }
}

/// Sends our own messages to standard error.
pub(crate) fn start_tracing(json: bool) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        builder.json().init();
    } else {
        builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init();
    }
}

/// What passes through here are other people's secrets: no core file may hold them.
fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, none);
    let undumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if limited.is_err() || undumpable.is_err() {
        tracing::warn!("a crash of this process may leave a core file with secrets in it");
    }
}

/// Each connection is an open file, and so is its counterpart at an upstream: more than the soft
/// limit of most systems allows, which is there for programs that cannot count beyond 1,024.
fn allow_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(OPEN_FILES, |it| it.min(OPEN_FILES));
    if current.is_none_or(|it| it >= wanted) {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        tracing::warn!(%error, ?current, wanted, "the limit on open files stays as it is");
    }
}

/// Open files that are asked for: several times what the door's bounds allow.
const OPEN_FILES: u64 = 65_536;

/// How long a start waits for the store to catch up.
const CATCH_UP: Duration = Duration::from_secs(20);
