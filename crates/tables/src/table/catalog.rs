//! The rows that say which metadata file is a table's newest.
//!
//! Lives here: creating them, reading, swapping and removing one.
//! Lives elsewhere: what the metadata says (`commit`).
//!
//! Spec: the tables of Iceberg's SQL (JDBC) catalog, as `PyIceberg`, Java and `iceberg-rust` read them.

use std::{collections::HashMap, sync::Once};

use iceberg::{
    MetadataLocation, TableCreation,
    io::FileIO,
    spec::{FormatVersion, TableMetadataBuilder},
};
use sqlx::{AnyPool, Row as _, any::AnyPoolOptions};

use super::{Layout, location};
use crate::{Error, Store};

/// The catalog's name, as other engines configure it.
const NAME: &str = "trailmark";
const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS iceberg_tables (\
     catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, \
     table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000), \
     previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5), \
     PRIMARY KEY (catalog_name, table_namespace, table_name))",
    "CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (\
     catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL, \
     property_key VARCHAR(255), property_value VARCHAR(1000), \
     PRIMARY KEY (catalog_name, namespace, property_key))",
];

/// The catalog: one connection to its database.
#[derive(Debug)]
pub(super) struct Catalog(AnyPool);

impl Catalog {
    /// Opens it; creates its tables where they are missing.
    pub(super) async fn open(url: &str) -> Result<Self, Error> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        // With either limit, a task of sqlx 0.8 looks after idle connections. It can count one too few
        // of none, and then spins for ever: <https://github.com/launchbadge/sqlx/issues/3645>.
        let pool = AnyPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect(url)
            .await?;
        for table in TABLES {
            sqlx::query(table).execute(&pool).await?;
        }
        Ok(Self(pool))
    }

    /// Creates the table and its namespace where they are missing.
    pub(super) async fn create(
        &self,
        store: &Store,
        io: &FileIO,
        layout: &Layout,
    ) -> Result<(), Error> {
        match self.newest(layout).await {
            Err(Error::NoTable { .. }) => (),
            other => return other.map(drop),
        }
        let Layout { namespace, name, schema, partition, order } = layout;
        let location = location(store, namespace, name);
        let properties = [
            ("write.metadata.previous-versions-max", "8"),
            ("write.parquet.compression-codec", "zstd"),
        ];
        let creation = TableCreation::builder()
            .name(name.clone())
            .location(location.clone())
            .schema(schema.clone())
            .partition_spec(partition.clone())
            .sort_order(order.clone())
            .properties(HashMap::from(properties.map(|(key, value)| (key.into(), value.into()))))
            .format_version(FormatVersion::V2)
            .build();
        let metadata = TableMetadataBuilder::from_table_creation(creation)?.build()?.metadata;
        let at = MetadataLocation::new_with_metadata(location, &metadata);
        metadata.write_to(io, &at).await?;
        // Other engines take a namespace without properties for none.
        sqlx::query(
            "INSERT INTO iceberg_namespace_properties VALUES ($1, $2, 'exists', 'true') \
             ON CONFLICT DO NOTHING",
        )
        .bind(NAME)
        .bind(namespace)
        .execute(&self.0)
        .await?;
        let inserted = sqlx::query(
            "INSERT INTO iceberg_tables VALUES ($1, $2, $3, $4, NULL, 'TABLE') \
             ON CONFLICT DO NOTHING",
        )
        .bind(NAME)
        .bind(namespace)
        .bind(name)
        .bind(at.to_string())
        .execute(&self.0)
        .await?;
        if inserted.rows_affected() == 0 {
            // Somebody else was quicker, and nobody names what was just written.
            store.delete(&at.to_string()).await?;
        }
        Ok(())
    }

    /// The newest metadata file of a table.
    pub(super) async fn newest(&self, layout: &Layout) -> Result<String, Error> {
        let row = sqlx::query(
            "SELECT metadata_location FROM iceberg_tables \
             WHERE catalog_name = $1 AND table_namespace = $2 AND table_name = $3",
        )
        .bind(NAME)
        .bind(&layout.namespace)
        .bind(&layout.name)
        .fetch_optional(&self.0)
        .await?;
        let row = row.ok_or_else(|| Error::NoTable { name: layout.name.clone() })?;
        Ok(row.try_get(0)?)
    }

    /// Puts `next` in place of `now`. Returns false when that is not the newest any more.
    pub(super) async fn swap(&self, layout: &Layout, now: &str, next: &str) -> Result<bool, Error> {
        let swapped = sqlx::query(
            "UPDATE iceberg_tables SET metadata_location = $1, previous_metadata_location = $2 \
             WHERE catalog_name = $3 AND table_namespace = $4 AND table_name = $5 \
             AND metadata_location = $6",
        )
        .bind(next)
        .bind(now)
        .bind(NAME)
        .bind(&layout.namespace)
        .bind(&layout.name)
        .bind(now)
        .execute(&self.0)
        .await?;
        Ok(swapped.rows_affected() > 0)
    }

    /// Forgets a table; its files stay.
    pub(super) async fn remove(&self, namespace: &str, name: &str) -> Result<(), Error> {
        sqlx::query(
            "DELETE FROM iceberg_tables \
             WHERE catalog_name = $1 AND table_namespace = $2 AND table_name = $3",
        )
        .bind(NAME)
        .bind(namespace)
        .bind(name)
        .execute(&self.0)
        .await?;
        Ok(())
    }
}
