//! The next version of the table: files added, files dropped, marks set, old snapshots
//! expired, all at once or not at all.
//!
//! Order of writes: data files are durable before a commit begins; manifests, manifest list and
//! metadata are durable before the catalog's row names them. A crash anywhere leaves the version
//! before, and files that nobody names.

use std::collections::{BTreeMap, HashMap, HashSet};

use iceberg::{
    MetadataLocation,
    spec::{
        DataFile, MAIN_BRANCH, ManifestFile, ManifestListWriter, ManifestWriter,
        ManifestWriterBuilder, Snapshot, Summary, TableMetadata,
    },
};

use super::{
    DataFileFacts, MARK, Table,
    history::{Dropped, Version},
    read_manifest_list,
};
use crate::{Error, OURS};

pub use iceberg::spec::Operation;

/// How often a commit is tried when others change the table at the same time.
const TRIES: u32 = 10;

/// Snapshots that are kept. More lets other engines go back further; less keeps metadata small.
const KEPT_SNAPSHOTS: usize = 8;

/// Manifests with fewer files than this are small.
const SMALL_MANIFEST_FILES: u32 = 256;

/// As many small manifests become one.
const MERGED_MANIFESTS: usize = 12;

/// What a commit does.
#[derive(Debug)]
pub struct Change {
    /// How other engines are to understand it.
    pub operation: Operation,
    /// Files to add, which are durable.
    pub add: Vec<DataFile>,
    /// URLs of files to drop, all of which must be there.
    pub drop: HashSet<String>,
    /// Marks to set, or to take away; the others stay. Names are of letters, digits, `.` and `-`.
    pub marks: Vec<(String, Option<String>)>,
}

impl Change {
    fn marks_after(&self, before: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut marks = before.clone();
        for (name, value) in &self.marks {
            match value {
                Some(value) => marks.insert(name.clone(), value.clone()),
                None => marks.remove(name),
            };
        }
        marks
    }
}

impl<F: DataFileFacts> Table<F> {
    /// Makes `change`. Tries again when another engine was quicker. Returns false, and changes
    /// nothing, when a file to drop is not there any more.
    ///
    /// # Errors
    /// When store or catalog fail. The change may then have been made or not: [`Table::refresh`]
    /// finds out.
    pub async fn commit(&mut self, change: &Change) -> Result<bool, Error> {
        self.commit_while(change, |_| true).await
    }

    /// As [`Table::commit`], as long as the mark `name` is `before`, whoever else commits meanwhile.
    /// Returns false, and changes nothing, once it is another.
    ///
    /// # Errors
    /// Those of [`Table::commit`].
    pub async fn commit_after(
        &mut self,
        change: &Change,
        name: &str,
        before: Option<&str>,
    ) -> Result<bool, Error> {
        self.commit_while(change, |table| table.mark(name) == before).await
    }

    async fn commit_while(
        &mut self,
        change: &Change,
        is_due: impl Fn(&Self) -> bool,
    ) -> Result<bool, Error> {
        for _ in 0..TRIES {
            self.refresh().await?;
            if !is_due(self) {
                return Ok(false);
            }
            let here = self.files.iter().filter(|it| change.drop.contains(it.url())).count();
            if here < change.drop.len() {
                return Ok(false);
            }
            if self.try_commit(change).await? {
                return Ok(true);
            }
        }
        Err(Error::Contended { tries: TRIES })
    }

    /// Tries once. Returns false when another engine was quicker.
    async fn try_commit(&mut self, change: &Change) -> Result<bool, Error> {
        let next = Next::new(self, change).await?;
        let now = self.ambient.clock.now();
        self.is_stale = true;
        if !self.catalog.swap(&self.layout, &self.at, &next.at).await? {
            // Nobody names what was just written.
            self.discard(next.at, now);
            return Ok(false);
        }
        let Next { at, metadata, manifests, mut version } = next;
        let mut files: Vec<_> = Vec::with_capacity(self.files.len() + change.add.len());
        for file in self.files.iter() {
            if change.drop.contains(file.url()) {
                let url = file.url().to_owned();
                let file = Some(std::sync::Arc::downgrade(file));
                version.dropped.push(Dropped { url, file });
            } else {
                files.push(std::sync::Arc::clone(file));
            }
        }
        for file in &change.add {
            files.push(std::sync::Arc::new(F::read(file)?));
        }
        let named: HashSet<_> =
            metadata.metadata_log().iter().map(|it| &it.metadata_file).collect();
        let before = self.metadata.metadata_log().iter().map(|it| &it.metadata_file);
        let unnamed: Vec<_> = before.filter(|it| !named.contains(it)).cloned().collect();
        for url in unnamed {
            self.discard(url, now);
        }
        self.files = files.into();
        self.marks = change.marks_after(&self.marks);
        self.at = at;
        self.metadata = metadata.into();
        self.manifests = manifests;
        self.versions.push(version);
        self.forget(KEPT_SNAPSHOTS, now);
        self.is_stale = false;
        Ok(true)
    }
}

/// A version that is written and that nobody names yet.
struct Next<F> {
    at: String,
    metadata: TableMetadata,
    manifests: Vec<ManifestFile>,
    version: Version<F>,
}

impl<F: DataFileFacts> Next<F> {
    async fn new(table: &Table<F>, change: &Change) -> Result<Self, Error> {
        let metadata = &table.metadata;
        let id = (table.ambient.random.uuid().as_u128() as i64) & i64::MAX;
        let sequence = metadata.next_sequence_number();
        let mut writing = Writing { table, snapshot: id, written: 0 };
        let manifests = writing.manifests(change).await?;
        let list = writing.url(&format!("snap-{id}"));
        let mut writer = ManifestListWriter::v2(
            table.io.new_output(&list)?.writer().await?,
            id,
            metadata.current_snapshot_id(),
            sequence,
        );
        writer.add_manifests(manifests.into_iter())?;
        writer.close().await?;
        let now = table.ambient.clock.now().as_millisecond();
        let snapshot = Snapshot::builder()
            .with_manifest_list(list.clone())
            .with_snapshot_id(id)
            .with_parent_snapshot_id(metadata.current_snapshot_id())
            .with_sequence_number(sequence)
            .with_summary(summary(table, change))
            .with_schema_id(metadata.current_schema_id())
            // A clock that steps back must not stop the table.
            .with_timestamp_ms(now.max(metadata.last_updated_ms()))
            .build();
        let expired = (table.versions.len() + 1).saturating_sub(KEPT_SNAPSHOTS);
        let expired: Vec<_> = table.versions.iter().take(expired).map(|it| it.snapshot).collect();
        let next = TableMetadata::clone(metadata)
            .into_builder(Some(table.at.clone()))
            .set_branch_snapshot(snapshot.clone(), MAIN_BRANCH)?
            .remove_snapshots(&expired)
            .build()?
            .metadata;
        let at = table.at.parse::<MetadataLocation>()?.with_next_version().with_new_metadata(&next);
        next.write_to(&table.io, &at).await?;
        // Read back, for sequence numbers are given while the list is written.
        let manifests = read_manifest_list(&table.io, &list).await?;
        let version = Version::new(&snapshot.into(), &manifests);
        Ok(Self { at: at.to_string(), metadata: next, manifests, version })
    }
}

/// Writes the files of one commit.
struct Writing<'a, F> {
    table: &'a Table<F>,
    snapshot: i64,
    written: u32,
}

impl<F: DataFileFacts> Writing<'_, F> {
    /// The manifests of the next snapshot: those that can stay, those written anew because a file of
    /// theirs is dropped, one instead of many small ones, and one for the files that are added.
    async fn manifests(&mut self, change: &Change) -> Result<Vec<ManifestFile>, Error> {
        let current = &self.table.manifests;
        let is_small = |it: &ManifestFile| living(it) < SMALL_MANIFEST_FILES;
        let is_merging = current.iter().filter(|it| is_small(it)).count() >= MERGED_MANIFESTS;
        let mut next = Vec::with_capacity(current.len() + 1);
        let mut merged = None;
        for manifest in current.iter().filter(|it| living(it) > 0) {
            let merges = is_merging && is_small(manifest);
            if !merges && change.drop.is_empty() {
                next.push(manifest.clone());
                continue;
            }
            let loaded = manifest.load_manifest(&self.table.io).await?;
            let drops = |path: &str| change.drop.contains(path);
            let touched = loaded.entries().iter().any(|it| it.is_alive() && drops(it.file_path()));
            if !merges && !touched {
                next.push(manifest.clone());
                continue;
            }
            let mut writer = match merged.take() {
                Some(writer) if merges => writer,
                other => {
                    merged = other;
                    self.writer()?
                }
            };
            for entry in loaded.entries().iter().filter(|it| it.is_alive()) {
                let file = entry.data_file().clone();
                let sequence = entry.sequence_number().unwrap_or(manifest.sequence_number);
                let of_file = Some(entry.file_sequence_number.unwrap_or(manifest.sequence_number));
                if drops(entry.file_path()) {
                    writer.add_delete_file(file, sequence, of_file)?;
                } else {
                    let snapshot = entry.snapshot_id().unwrap_or(manifest.added_snapshot_id);
                    writer.add_existing_file(file, snapshot, sequence, of_file)?;
                }
            }
            if merges {
                merged = Some(writer);
            } else {
                next.push(writer.write_manifest_file().await?);
            }
        }
        if let Some(writer) = merged {
            next.push(writer.write_manifest_file().await?);
        }
        if !change.add.is_empty() {
            let mut writer = self.writer()?;
            for file in &change.add {
                writer.add_file(file.clone(), -1)?;
            }
            next.push(writer.write_manifest_file().await?);
        }
        Ok(next)
    }

    fn writer(&mut self) -> Result<ManifestWriter, Error> {
        let url = self.url(&format!("m{}", self.written));
        self.written += 1;
        let metadata = &self.table.metadata;
        Ok(ManifestWriterBuilder::new(
            self.table.io.new_output(url)?,
            Some(self.snapshot),
            metadata.current_schema().clone(),
            metadata.default_partition_spec().as_ref().clone(),
        )
        .build_v2_data())
    }

    fn url(&self, name: &str) -> String {
        let (location, unique) = (self.table.location(), self.table.ambient.random.uuid());
        format!("{location}/metadata/{OURS}{name}-{unique}.avro")
    }
}

/// How many files of the table a manifest names.
fn living(manifest: &ManifestFile) -> u32 {
    // A count that is missing must be taken for more than none.
    manifest.added_files_count.unwrap_or(1) + manifest.existing_files_count.unwrap_or(1)
}

/// What the snapshot says of itself; the names are the specification's.
fn summary<F: DataFileFacts>(table: &Table<F>, change: &Change) -> Summary {
    let dropped = || table.files.iter().filter(|it| change.drop.contains(it.url()));
    let sum = |numbers: &mut dyn Iterator<Item = u64>| numbers.sum::<u64>();
    let added_rows = sum(&mut change.add.iter().map(DataFile::record_count));
    let added_bytes = sum(&mut change.add.iter().map(DataFile::file_size_in_bytes));
    let dropped_rows = sum(&mut dropped().map(|it| it.rows()));
    let dropped_bytes = sum(&mut dropped().map(|it| it.bytes()));
    let rows = sum(&mut table.files.iter().map(|it| it.rows()));
    let bytes = sum(&mut table.files.iter().map(|it| it.bytes()));
    let files = table.files.len() + change.add.len() - dropped().count();
    let mut properties = HashMap::new();
    let mut say = |name: &str, value: u64| properties.insert(name.to_owned(), value.to_string());
    say("added-data-files", change.add.len() as u64);
    say("added-records", added_rows);
    say("added-files-size", added_bytes);
    say("deleted-data-files", dropped().count() as u64);
    say("deleted-records", dropped_rows);
    say("removed-files-size", dropped_bytes);
    say("total-data-files", files as u64);
    say("total-records", rows + added_rows - dropped_rows);
    say("total-files-size", bytes + added_bytes - dropped_bytes);
    say("total-delete-files", 0);
    let marks = change.marks_after(&table.marks).into_iter();
    properties.extend(marks.map(|(name, value)| (format!("{MARK}{name}"), value)));
    Summary { operation: change.operation.clone(), additional_properties: properties }
}
