//! The Iceberg table: which files it has, and how it came to have them.
//!
//! Lives here: [`Table`], opening and reading it anew. Below: `commit` makes the next version,
//! `history` knows which files no version names any more.
//! Lives elsewhere: what is in data files (`parquet_file`, `scan`), when to change the table
//! (`consumer`, `upkeep`).
//!
//! We write metadata ourselves where the `iceberg` crate has no action for it: replacing and dropping
//! files, merging manifests, expiring snapshots, all in the one commit that also moves the position.
//! The newest version is the one that the catalog's row names; the row is swapped by compare-and-set.
//!
//! Spec: Apache Iceberg table format, version 2; the SQL (JDBC) catalog's tables.

mod commit;
mod history;

use std::{collections::HashMap, sync::Arc};

use ambient::Ambient;
use iceberg::{
    Catalog as _, CatalogBuilder as _, NamespaceIdent, TableCreation, TableIdent,
    io::{FileIO, FileIOBuilder},
    spec::{
        FormatVersion, ManifestContentType, ManifestFile, ManifestList, NullOrder, SortDirection,
        SortField, SortOrder, TableMetadata, TableMetadataRef, Transform, UnboundPartitionSpec,
    },
};
use iceberg_catalog_sql::{SqlBindStyle, SqlCatalogBuilder};
use log::Position;
use sqlx::{AnyPool, Row as _, any::AnyPoolOptions};

use crate::{
    Error, Store,
    columns::{Column, table_schema},
    file_io::TableFiles,
    table_file::{SORT_ORDER_ID, TableFile},
};
pub(crate) use commit::{Change, Operation};
use history::{Garbage, Version};

/// The catalog's name, as other engines configure it.
const CATALOG: &str = "trailmark";
/// The namespace of the built-in store.
const NAMESPACE: &str = "lake";
/// The name of the built-in store's table.
const NAME: &str = "events";

/// Where a snapshot says how far it holds the log.
const POSITION: &str = "trailmark.position";

/// The table at its newest version. One owner; readers get [`Table::files`].
#[derive(Debug)]
pub(crate) struct Table {
    store: Store,
    ambient: Ambient,
    catalog: AnyPool,
    io: FileIO,
    /// Where the newest metadata file lies.
    at: String,
    metadata: TableMetadataRef,
    /// The manifests of the current snapshot.
    manifests: Vec<ManifestFile>,
    files: Arc<[Arc<TableFile>]>,
    committed: Position,
    /// The snapshots that are kept, oldest first, with what they alone hold.
    versions: Vec<Version>,
    garbage: Vec<Garbage>,
    /// Set while a commit runs, and left set by one whose outcome is unknown.
    is_stale: bool,
}

impl Table {
    /// Opens the table; creates it when there is none.
    ///
    /// # Errors
    /// When catalog or store fail, or the table is none that we can read.
    pub(crate) async fn open(
        store: Store,
        catalog_url: &str,
        ambient: Ambient,
    ) -> Result<Self, Error> {
        create(&store, catalog_url).await?;
        let catalog = AnyPoolOptions::new().max_connections(1).connect(catalog_url).await?;
        let io = FileIOBuilder::new(Arc::new(TableFiles::new(store.clone()))).build();
        let at = newest(&catalog).await?;
        let metadata = Arc::new(TableMetadata::read_from(&io, &at).await?);
        let mut table = Self {
            store,
            ambient,
            catalog,
            io,
            at,
            metadata,
            manifests: Vec::new(),
            files: Arc::default(),
            committed: Position::default(),
            versions: Vec::new(),
            garbage: Vec::new(),
            is_stale: false,
        };
        table.load().await?;
        Ok(table)
    }

    /// The table's location.
    pub(crate) fn location(&self) -> &str {
        self.metadata.location()
    }

    /// Its columns.
    #[cfg(test)]
    pub(crate) fn schema(&self) -> &iceberg::spec::Schema {
        self.metadata.current_schema()
    }

    /// Its data files.
    pub(crate) fn files(&self) -> Arc<[Arc<TableFile>]> {
        Arc::clone(&self.files)
    }

    /// It holds the log's records up to here.
    pub(crate) fn committed(&self) -> Position {
        self.committed
    }

    /// Reads the newest version if ours may not be it.
    ///
    /// # Errors
    /// When catalog or store fail.
    pub(crate) async fn refresh(&mut self) -> Result<(), Error> {
        if !self.is_stale {
            return Ok(());
        }
        self.at = newest(&self.catalog).await?;
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
                    files.push(self.known(TableFile::read(entry.data_file())?));
                }
            }
        }
        self.files = files.into();
        self.committed = self.read_position();
        Ok(())
    }

    /// The file as readers already hold it, so that there is one of each.
    fn known(&self, file: TableFile) -> Arc<TableFile> {
        let known = self.files.iter().find(|it| it.url == file.url);
        known.map_or_else(|| Arc::new(file), Arc::clone)
    }

    /// How far the table holds the log: what the newest of our snapshots says. Other engines' do not
    /// say it; should none of ours be left, the highest position of any row tells.
    fn read_position(&self) -> Position {
        let mut snapshot = self.metadata.current_snapshot();
        while let Some(this) = snapshot {
            let position = this.summary().additional_properties.get(POSITION);
            if let Some(position) = position.and_then(|it| it.parse().ok()) {
                return position;
            }
            snapshot = this.parent_snapshot_id().and_then(|it| self.metadata.snapshot_by_id(it));
        }
        let last = self.files.iter().map(|it| it.positions.1).max();
        last.map_or(Position::default(), |it| Position(it.saturating_add(1)))
    }
}

/// Creates catalog, namespace and table where they are missing.
async fn create(store: &Store, catalog_url: &str) -> Result<(), Error> {
    let style = if catalog_url.starts_with("postgres") {
        SqlBindStyle::DollarNumeric
    } else {
        SqlBindStyle::QMark
    };
    let catalog = SqlCatalogBuilder::default()
        .uri(catalog_url)
        .warehouse_location(store.location())
        .sql_bind_style(style)
        .prop("pool.max-connections", "1")
        .with_storage_factory(Arc::new(TableFiles::new(store.clone())))
        .load(CATALOG, HashMap::new())
        .await?;
    let namespace = NamespaceIdent::new(NAMESPACE.to_owned());
    if !catalog.namespace_exists(&namespace).await? {
        catalog.create_namespace(&namespace, HashMap::new()).await?;
    }
    if catalog.table_exists(&TableIdent::new(namespace.clone(), NAME.to_owned())).await? {
        return Ok(());
    }
    let spec = UnboundPartitionSpec::builder()
        .add_partition_field(Column::Category.field_id(), "category", Transform::Identity)?
        .add_partition_field(Column::EventMonth.field_id(), "eventmonth", Transform::Identity)?
        .build();
    let descending = |column: Column| {
        SortField::builder()
            .source_id(column.field_id())
            .transform(Transform::Identity)
            .direction(SortDirection::Descending)
            .null_order(NullOrder::Last)
            .build()
    };
    let order = SortOrder::builder()
        .with_order_id(i64::from(SORT_ORDER_ID))
        .with_sort_field(descending(Column::EventTime))
        .with_sort_field(descending(Column::Position))
        .build_unbound()?;
    let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let creation = TableCreation::builder()
        .name(NAME.to_owned())
        .location(format!("{}/{NAMESPACE}/{NAME}", store.location()))
        .schema(table_schema()?)
        .partition_spec(spec)
        .sort_order(order)
        .properties([
            property("write.metadata.previous-versions-max", "8"),
            property("write.parquet.compression-codec", "zstd"),
        ])
        .format_version(FormatVersion::V2)
        .build();
    catalog.create_table(&namespace, creation).await?;
    Ok(())
}

/// The newest metadata file, as the catalog's row has it.
async fn newest(catalog: &AnyPool) -> Result<String, Error> {
    let row = sqlx::query(
        "SELECT metadata_location FROM iceberg_tables \
         WHERE catalog_name = $1 AND table_namespace = $2 AND table_name = $3",
    )
    .bind(CATALOG)
    .bind(NAMESPACE)
    .bind(NAME)
    .fetch_one(catalog)
    .await?;
    Ok(row.try_get(0)?)
}

async fn read_manifest_list(io: &FileIO, path: &str) -> Result<Vec<ManifestFile>, Error> {
    let bytes = io.new_input(path)?.read().await?;
    let list = ManifestList::parse_with_version(&bytes, FormatVersion::V2)?;
    Ok(list.consume_entries().into_iter().collect())
}
