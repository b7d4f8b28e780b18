//! The Iceberg table: which files it has, and how it came to have them.
//!
//! Lives here: [`Table`], opening and reading it anew. Below: `catalog` has the row that names the
//! newest version, `commit` makes the next one, `history` knows which files no version names any more.
//! Lives elsewhere: what is in data files, and when to change the table: those who own it know.
//!
//! We write metadata ourselves where the `iceberg` crate has no action for it: replacing and dropping
//! files, merging manifests, expiring snapshots, all in the one commit that also
//! sets the table's marks: how far it holds the log, how far an import came.
//! The newest version is the one that the catalog's row names; the row is swapped by compare-and-set.
//!
//! Spec: Apache Iceberg table format, version 2; the SQL (JDBC) catalog's tables.

mod catalog;
mod commit;
mod history;

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use ambient::Ambient;
use iceberg::{
    io::{FileIO, FileIOBuilder},
    spec::{
        DataFile, FormatVersion, ManifestContentType, ManifestFile, ManifestList, Schema,
        SortOrder, TableMetadata, TableMetadataRef, UnboundPartitionSpec,
    },
};

use crate::{Error, Store, file_io::TableFiles};
use catalog::Catalog;
pub use commit::{Change, Operation};
use history::{Garbage, Version};

/// How the names of marks begin in a snapshot's summary.
const MARK: &str = "trailmark.";

/// What a table is when it is created, and how it is called.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The namespace in the catalog, and the folder of its tables.
    pub namespace: String,
    /// Unique in the namespace.
    pub name: String,
    /// The columns.
    pub schema: Schema,
    /// How files are parted.
    pub partition: UnboundPartitionSpec,
    /// How rows are sorted in files that claim it.
    pub order: SortOrder,
}

/// What an owner keeps in memory of each data file.
pub trait DataFileFacts: Debug + Send + Sync + Sized {
    /// Reads what the table's metadata says of a file.
    ///
    /// # Errors
    /// When it is not a file that the owner can read.
    fn read(file: &DataFile) -> Result<Self, Error>;

    /// Where it lies.
    fn url(&self) -> &str;

    /// How many rows it has.
    fn rows(&self) -> u64;

    /// Its length.
    fn bytes(&self) -> u64;
}

/// The table at its newest version. One owner; readers get [`Table::files`].
#[derive(Debug)]
pub struct Table<F> {
    layout: Layout,
    store: Store,
    ambient: Ambient,
    catalog: Catalog,
    io: FileIO,
    /// Where the newest metadata file lies.
    at: String,
    metadata: TableMetadataRef,
    /// The manifests of the current snapshot.
    manifests: Vec<ManifestFile>,
    files: Arc<[Arc<F>]>,
    /// By name, without [`MARK`].
    marks: BTreeMap<String, String>,
    /// The snapshots that are kept, oldest first, with what they alone hold.
    versions: Vec<Version<F>>,
    garbage: Vec<Garbage<F>>,
    /// Set while a commit runs, and left set by one whose outcome is unknown.
    is_stale: bool,
}

impl<F: DataFileFacts> Table<F> {
    /// Opens the table; creates it when there is none.
    ///
    /// # Errors
    /// When catalog or store fail, or the table is none that we can read.
    pub async fn open(
        store: Store,
        catalog_url: &str,
        ambient: Ambient,
        layout: Layout,
    ) -> Result<Self, Error> {
        let catalog = Catalog::open(catalog_url).await?;
        let files =
            |store: &Store| FileIOBuilder::new(Arc::new(TableFiles::new(store.clone()))).build();
        catalog.create(&store, &files(&store), &layout).await?;
        let at = catalog.newest(&layout).await?;
        let within = format!("/{}/{}/", layout.namespace, layout.name);
        let store = at.rsplit_once(&within).map_or(store.clone(), |(root, _)| store.named(root));
        let io = files(&store);
        let metadata = Arc::new(TableMetadata::read_from(&io, &at).await?);
        let mut table = Self {
            layout,
            store,
            ambient,
            catalog,
            io,
            at,
            metadata,
            manifests: Vec::new(),
            files: Arc::default(),
            marks: BTreeMap::new(),
            versions: Vec::new(),
            garbage: Vec::new(),
            is_stale: false,
        };
        table.load().await?;
        Ok(table)
    }

    /// The store that was given, by the URLs that the table has its files under: those from before it
    /// was moved, if it was.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The table's location.
    #[must_use]
    pub fn location(&self) -> &str {
        self.metadata.location()
    }

    /// Its columns.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        self.metadata.current_schema()
    }

    /// Its data files.
    #[must_use]
    pub fn files(&self) -> Arc<[Arc<F>]> {
        Arc::clone(&self.files)
    }

    /// What a commit has set under this name, and none has changed since; absent also when other
    /// engines have made all snapshots that are kept.
    #[must_use]
    pub fn mark(&self, name: &str) -> Option<&str> {
        self.marks.get(name).map(String::as_str)
    }

    /// All marks.
    #[must_use]
    pub fn marks(&self) -> &BTreeMap<String, String> {
        &self.marks
    }

    /// Reads the newest version if ours may not be it.
    ///
    /// # Errors
    /// When catalog or store fail.
    pub async fn refresh(&mut self) -> Result<(), Error> {
        if !self.is_stale {
            return Ok(());
        }
        self.at = self.catalog.newest(&self.layout).await?;
        self.metadata = Arc::new(TableMetadata::read_from(&self.io, &self.at).await?);
        self.load().await?;
        self.is_stale = false;
        Ok(())
    }

    /// Reads the manifests of the current metadata.
    async fn load(&mut self) -> Result<(), Error> {
        self.versions = self.read_versions().await?;
        self.manifests = match self.metadata.current_snapshot() {
            Some(snapshot) => read_manifest_list(&self.io, snapshot.manifest_list()).await?,
            None => Vec::new(),
        };
        let mut files = Vec::new();
        for manifest in &self.manifests {
            if manifest.content != ManifestContentType::Data {
                let manifest = manifest.manifest_path.clone();
                return Err(Error::DeleteFiles { manifest });
            }
            for entry in manifest.load_manifest(&self.io).await?.entries() {
                if entry.is_alive() {
                    files.push(self.known(F::read(entry.data_file())?));
                }
            }
        }
        self.files = files.into();
        self.marks = self.read_marks();
        Ok(())
    }

    /// The file as readers already hold it, so that there is one of each.
    fn known(&self, file: F) -> Arc<F> {
        let known = self.files.iter().find(|it| it.url() == file.url());
        known.map_or_else(|| Arc::new(file), Arc::clone)
    }

    /// What the newest of our snapshots says. Other engines' have no marks.
    fn read_marks(&self) -> BTreeMap<String, String> {
        let mut snapshot = self.metadata.current_snapshot();
        while let Some(this) = snapshot {
            let said = this.summary().additional_properties.iter();
            let marks: BTreeMap<_, _> = said
                .filter_map(|(name, value)| {
                    Some((name.strip_prefix(MARK)?.to_owned(), value.clone()))
                })
                .collect();
            if !marks.is_empty() {
                return marks;
            }
            snapshot = this.parent_snapshot_id().and_then(|it| self.metadata.snapshot_by_id(it));
        }
        BTreeMap::new()
    }
}

fn location(store: &Store, namespace: &str, name: &str) -> String {
    format!("{}/{namespace}/{name}", store.location())
}

/// Takes a table out of the catalog and deletes its files. One that is not there is no error.
///
/// # Errors
/// When catalog or store fail. What is left is deleted when it is tried again.
pub async fn drop_table(
    store: &Store,
    catalog_url: &str,
    namespace: &str,
    name: &str,
) -> Result<(), Error> {
    Catalog::open(catalog_url).await?.remove(namespace, name).await?;
    for (url, _) in store.list(&location(store, namespace, name)).await? {
        store.delete(&url).await?;
    }
    Ok(())
}

async fn read_manifest_list(io: &FileIO, path: &str) -> Result<Vec<ManifestFile>, Error> {
    let bytes = io.new_input(path)?.read().await?;
    let list = ManifestList::parse_with_version(&bytes, FormatVersion::V2)?;
    Ok(list.consume_entries().into_iter().collect())
}
