//! `trailmark verify --tree`: the Merkle tree itself, in a folder or as a server shows it to anybody.
//!
//! Lives here: fetching, some tiles at a time, and the order of the work. What is good and what is
//! not is decided in `integrity::verify`.
//!
//! Spec: C2SP tlog-tiles, "APIs".

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ambient::{Ambient, Clock};
use anyhow::{Context as _, anyhow};
use futures::{StreamExt as _, stream};
use http::{Request, Uri};
use integrity::{
    digest::Stamp,
    tree::{Hash, Note, Policy, Tile, Tiles, TreeHead},
    verify::{
        CheckedTile, Expectation, FetchedTile, Finding, Kind, Statement, TreeAudit, TreeReport,
        WantedTile, check_tile, compare, judge, statement,
    },
};
use object_store::client::HttpClient;
use tokio::task::{JoinSet, spawn_blocking};

use crate::{
    caller::{self, Failure},
    verify::progress::Progress,
};

/// Checks the tree that lies at `place`, against `older` checkpoints too.
pub(super) async fn check(
    place: &str,
    policy: &Policy,
    older: Vec<Statement>,
    progress: &Progress,
) -> anyhow::Result<TreeReport> {
    let clock = Ambient::system().clock;
    let now = Stamp::of(clock.now());
    let tree = Arc::new(Tree::open(place, clock)?);
    let newest = match tree.statement("checkpoint", policy).await? {
        Some(newest) => newest.map_err(|it| anyhow!("{}", it.detail))?,
        None => {
            return Err(anyhow!(
                "there is no checkpoint in `{place}`: name the folder that holds `checkpoint` and \
                 `tile`, such as trailmark-data/tree, or the URL of a server"
            ));
        }
    };
    let mut report = TreeReport::new(place.to_owned(), now, &newest);
    let mut statements = older;
    // What witnesses have seen may lag behind what the log has signed since.
    match tree.statement("cosigned", policy).await? {
        Some(Ok(cosigned)) => statements.push(cosigned),
        Some(Err(finding)) => report.add(vec![finding]),
        None => {}
    }
    check_witnesses(&mut report, &newest, statements.last(), policy);
    check_tiles(&mut report, &tree, &newest, progress).await?;
    let origin = policy.logs().first().map(|it| it.name().to_string());
    let expected = Expectation { origin, ..Expectation::default() };
    statements.push(newest.clone());
    report.add(judge(&statements, &expected));
    statements.pop();
    compare_all(&mut report, &tree, &newest, statements).await;
    Ok(report)
}

/// Whether those whom the policy asks for have seen the tree.
fn check_witnesses(
    report: &mut TreeReport,
    newest: &Statement,
    cosigned: Option<&Statement>,
    policy: &Policy,
) {
    let both = [Some(newest), cosigned].into_iter().flatten();
    let agreed = both.clone().find(|it| is_agreed(it, policy).is_ok());
    if agreed.is_none()
        && let Err(error) = is_agreed(newest, policy)
    {
        let detail = format!("{}: {error}", newest.seen);
        report.add(vec![Finding { kind: Kind::MissingCosignature, object: None, detail }]);
    }
    report.witnessed(agreed.filter(|it| !it.cosigned.is_empty()), policy);
}

fn is_agreed(statement: &Statement, policy: &Policy) -> Result<(), integrity::tree::Error> {
    let cosignatures = Note::parse(statement.note.as_bytes())?.check(&policy.witnesses())?;
    policy.agreed(&cosignatures).map(drop)
}

async fn check_tiles(
    report: &mut TreeReport,
    tree: &Arc<Tree>,
    newest: &Statement,
    progress: &Progress,
) -> anyhow::Result<()> {
    let head = TreeHead { size: newest.size, root: Hash::new(newest.root) };
    let with_entries = tree.has_entries(head.size).await;
    if !with_entries && head.size > 0 {
        report.notes.push("no entry bundles are there: leaves are what the tiles say".to_owned());
    }
    let mut audit = TreeAudit::new(head);
    let total = audit.total();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < tree.parallelism() {
            let Some(wanted) = audit.wanted() else { break };
            let tree = Arc::clone(tree);
            under_way.spawn(async move { tree.checked(wanted, with_entries).await });
        }
        let Some(checked) = under_way.join_next().await else { break };
        audit.take(checked??);
        progress.show(|| format!("checked {} of {total} tiles", audit.seen()));
    }
    let (counts, findings) = audit.finish();
    report.tiles(counts, findings);
    Ok(())
}

/// Holds each older checkpoint against the tree, those that say the same once.
async fn compare_all(
    report: &mut TreeReport,
    tree: &Arc<Tree>,
    newest: &Statement,
    older: Vec<Statement>,
) {
    let comparable = older.into_iter().filter(|it| it.signed && it.origin == newest.origin);
    let mut once: BTreeMap<_, Statement> = BTreeMap::new();
    for older in comparable {
        once.entry((older.size, older.root)).or_insert(older);
    }
    let tiles_are_good = report.tiles.valid == report.tiles.total;
    let compared = stream::iter(once.into_values()).map(|older| async move {
        let mut tiles = Tiles::new(newest.size);
        for tile in Tile::of_consistency(older.size, newest.size) {
            // One that is not there or not whole has been named.
            if let Ok(Some(bytes)) = tree.tile(tile).await {
                let _unread = tiles.insert(tile, &bytes);
            }
        }
        compare(&older, newest, &tiles, tiles_are_good)
    });
    let mut compared = compared.buffered(tree.parallelism());
    while let Some(compared) = compared.next().await {
        report.compared(compared);
    }
}

/// Where a tree lies.
enum Tree {
    Folder(PathBuf),
    Log(Log),
}

/// A server that shows a tree to anybody.
struct Log {
    client: HttpClient,
    url: String,
    clock: Arc<dyn Clock>,
}

impl Tree {
    fn open(place: &str, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        if place.starts_with("http://") || place.starts_with("https://") {
            let uri: Uri = place.parse().with_context(|| format!("`{place}` is no URL"))?;
            let bare = uri.path().trim_matches('/').is_empty();
            let place = place.trim_end_matches('/');
            let url = if bare { format!("{place}{PUBLIC}") } else { place.to_owned() };
            return Ok(Self::Log(Log { client: caller::client()?, url, clock }));
        }
        let folder = Path::new(place);
        if !folder.is_dir() {
            return Err(anyhow!("`{place}` is neither a folder nor the URL of a log"));
        }
        // The data folder stands for the tree in it.
        let inside = folder.join(crate::ledger_tree::FOLDER);
        let is_data = !folder.join("checkpoint").exists() && inside.join("checkpoint").exists();
        Ok(Self::Folder(if is_data { inside } else { folder.to_owned() }))
    }

    /// How many tiles to work on at once.
    fn parallelism(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        match self {
            Self::Folder(_) => cores * 2,
            Self::Log(_) => cores * 8,
        }
    }

    /// What a checkpoint of the tree says; none when there is none of this name.
    async fn statement(
        &self,
        name: &str,
        policy: &Policy,
    ) -> anyhow::Result<Option<Result<Statement, Finding>>> {
        let note = self.read(name).await.map_err(|why| anyhow!("cannot read the {name}: {why}"))?;
        Ok(note.map(|note| statement(&format!("the tree's `{name}`"), &note, policy)))
    }

    /// Whether tiles of entries are there: they are for whoever runs the log.
    async fn has_entries(&self, size: u64) -> bool {
        match self {
            Self::Folder(folder) => folder.join("tile/entries").is_dir(),
            Self::Log(log) => match Tile::of_entry(0, size) {
                Some((first, _)) => matches!(log.tile(first).await, Ok(Some(_))),
                None => false,
            },
        }
    }

    async fn checked(
        self: Arc<Self>,
        wanted: WantedTile,
        with_entries: bool,
    ) -> anyhow::Result<CheckedTile> {
        let entries = wanted.entries().filter(|_| with_entries);
        match &*self {
            Self::Folder(folder) => {
                let folder = folder.clone();
                let check = move || {
                    let entries = entries.map(|it| stored(&folder, it));
                    check_tile(wanted, stored(&folder, wanted.tile), entries)
                };
                Ok(spawn_blocking(check).await?)
            }
            Self::Log(log) => {
                let entries = match entries {
                    Some(entries) => Some(log.tile(entries).await),
                    None => None,
                };
                Ok(check_tile(wanted, log.tile(wanted.tile).await, entries))
            }
        }
    }

    async fn tile(&self, tile: Tile) -> FetchedTile {
        match self {
            Self::Folder(folder) => stored(folder, tile),
            Self::Log(log) => log.tile(tile).await,
        }
    }

    async fn read(&self, path: &str) -> FetchedTile {
        match self {
            Self::Folder(folder) => read(folder, path),
            Self::Log(log) => log.read(path).await,
        }
    }
}

impl Log {
    async fn tile(&self, tile: Tile) -> FetchedTile {
        match self.read(&tile.to_string()).await {
            Ok(None) if tile.is_partial() => self.read(&tile.full().to_string()).await,
            found => found,
        }
    }

    /// What lies below the log's prefix; none where the log says that there is nothing.
    async fn read(&self, path: &str) -> FetchedTile {
        let url = format!("{}/{path}", self.url);
        for again in 1.. {
            let request = Request::get(&url).body(Vec::new().into());
            let request = request.map_err(|_| format!("`{url}` is no URL"))?;
            match caller::ask(&self.client, request).await {
                Ok(bytes) => return Ok(Some(bytes.to_vec())),
                Err(Failure { status: Some(403 | 404 | 410), .. }) => return Ok(None),
                Err(Failure { status: None | Some(429 | 500..), .. }) if again < TRIES => {
                    self.clock.sleep(PAUSE * again).await;
                }
                Err(Failure { words, .. }) => return Err(format!("{url}: {words}")),
            }
        }
        Ok(None)
    }
}

/// A stored tile, the full one where that has taken the place of the partial one.
fn stored(folder: &Path, tile: Tile) -> FetchedTile {
    match read(folder, &tile.to_string()) {
        Ok(None) if tile.is_partial() => read(folder, &tile.full().to_string()),
        found => found,
    }
}

fn read(folder: &Path, name: &str) -> FetchedTile {
    match std::fs::read(folder.join(name)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Where a server shows its log.
const PUBLIC: &str = "/_trailmark/log";
/// How often a tile is asked for that the network does not bring.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(200);
