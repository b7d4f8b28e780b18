//! Which files no version of the table names any more, and when they may go.
//!
//! A file becomes garbage when the last snapshot that names it is expired. It is deleted some time
//! later, for engines that planned a scan before; and never while a lookup of ours may read it. After
//! a restart garbage is what lies in the table's folders and is not named ([`Table::orphans`]).

use std::{collections::HashSet, sync::Weak};

use iceberg::spec::{DataFile, ManifestFile, ManifestStatus, SnapshotRef};
use jiff::{SignedDuration, Timestamp};

use super::{DataFileFacts, Table, read_manifest_list};
use crate::{Error, OURS};

/// A snapshot that is kept, and the files that it needs.
#[derive(Debug)]
pub(super) struct Version<F> {
    pub(super) snapshot: i64,
    pub(super) manifest_list: String,
    pub(super) manifests: Vec<String>,
    /// Data files that this snapshot dropped: the one before still names them.
    pub(super) dropped: Vec<Dropped<F>>,
}

/// A data file that is no longer part of the table.
#[derive(Debug)]
pub(super) struct Dropped<F> {
    pub(super) url: String,
    /// Readers may hold it; unknown of files that were dropped in an earlier run.
    pub(super) file: Option<Weak<F>>,
}

/// A file that can go.
#[derive(Debug)]
pub(super) struct Garbage<F> {
    url: String,
    since: Timestamp,
    /// Set for data files; they stay while a reader holds them.
    file: Option<Weak<F>>,
    /// Set when a commit that adds it may have been made although it seemed to fail.
    is_doubtful: bool,
}

/// How long files of other engines are left alone that no version names: they may be about to.
const FOREIGN_AGE: SignedDuration = SignedDuration::from_hours(24);

impl<F> Version<F> {
    pub(super) fn new(snapshot: &SnapshotRef, manifests: &[ManifestFile]) -> Self {
        Self {
            snapshot: snapshot.snapshot_id(),
            manifest_list: snapshot.manifest_list().to_owned(),
            manifests: manifests.iter().map(|it| it.manifest_path.clone()).collect(),
            dropped: Vec::new(),
        }
    }
}

impl<F: DataFileFacts> Table<F> {
    /// Reads the snapshots that are kept, oldest first, back from the current one.
    pub(super) async fn read_versions(&self) -> Result<Vec<Version<F>>, Error> {
        let mut versions = Vec::new();
        let mut next = self.metadata.current_snapshot();
        while let Some(snapshot) = next {
            let manifests = read_manifest_list(&self.io, snapshot.manifest_list()).await?;
            let mut version = Version::new(snapshot, &manifests);
            let id = snapshot.snapshot_id();
            for manifest in manifests.iter().filter(|it| it.added_snapshot_id == id) {
                if !manifest.has_deleted_files() {
                    continue;
                }
                for entry in manifest.load_manifest(&self.io).await?.entries() {
                    if entry.status() == ManifestStatus::Deleted {
                        let url = entry.file_path().to_owned();
                        version.dropped.push(Dropped { url, file: None });
                    }
                }
            }
            versions.push(version);
            next = snapshot.parent_snapshot_id().and_then(|it| self.metadata.snapshot_by_id(it));
        }
        versions.reverse();
        Ok(versions)
    }

    /// Forgets the oldest versions until `kept` are left, and remembers as garbage what only they
    /// needed.
    pub(super) fn forget(&mut self, kept: usize, now: Timestamp) {
        let gone = self.versions.len().saturating_sub(kept);
        let gone: Vec<_> = self.versions.drain(..gone).collect();
        if gone.is_empty() {
            return;
        }
        let needed: HashSet<&String> = self.versions.iter().flat_map(|it| &it.manifests).collect();
        let mut urls: HashSet<String> = HashSet::new();
        for version in &gone {
            urls.insert(version.manifest_list.clone());
            urls.extend(version.manifests.iter().filter(|it| !needed.contains(it)).cloned());
        }
        let mut dropped: Vec<Dropped<F>> = gone.into_iter().flat_map(|it| it.dropped).collect();
        // What the oldest version dropped was named by those that are gone now.
        if let Some(oldest) = self.versions.first_mut() {
            dropped.append(&mut oldest.dropped);
        }
        let files = dropped.into_iter().map(|it| (it.url, it.file));
        let all = files.chain(urls.into_iter().map(|url| (url, None)));
        self.garbage.extend(all.map(|(url, file)| Garbage {
            url,
            since: now,
            file,
            is_doubtful: false,
        }));
    }

    /// Remembers a metadata file as garbage.
    pub(super) fn discard(&mut self, url: String, now: Timestamp) {
        self.garbage.push(Garbage { url, since: now, file: None, is_doubtful: false });
    }

    /// Remembers as garbage the files that a failed commit was to add, unless it turns out that it was
    /// made.
    pub fn abandon(&mut self, files: &[DataFile]) {
        let since = self.ambient.clock.now();
        let urls = files.iter().map(|it| it.file_path().to_owned());
        self.garbage.extend(urls.map(|url| Garbage { url, since, file: None, is_doubtful: true }));
    }

    /// Takes the garbage that is older than `grace` and that nobody reads.
    pub fn due(&mut self, grace: SignedDuration, now: Timestamp) -> Vec<String> {
        if self.is_stale {
            // Whether doubtful files are part of the table is not known.
            return Vec::new();
        }
        let files = &self.files;
        self.garbage.retain(|it| !it.is_doubtful || files.iter().all(|file| file.url() != it.url));
        let is_due = |it: &mut Garbage<F>| {
            now.duration_since(it.since) >= grace
                && it.file.as_ref().is_none_or(|it| it.strong_count() == 0)
        };
        self.garbage.extract_if(.., is_due).map(|it| it.url).collect()
    }

    /// The files in the table's folders that no kept version needs: what a crash left of a flush, and
    /// garbage of an earlier run. To be asked before anything is written. Files of other engines that
    /// are younger than a day are left out.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn orphans(&self) -> Result<Vec<String>, Error> {
        let metadata = &self.metadata;
        let mut needed: HashSet<&str> = HashSet::new();
        needed.insert(&self.at);
        needed.extend(metadata.metadata_log().iter().map(|it| it.metadata_file.as_str()));
        needed.extend(metadata.statistics_iter().map(|it| it.statistics_path.as_str()));
        let partitions = metadata.partition_statistics_iter();
        needed.extend(partitions.map(|it| it.statistics_path.as_str()));
        needed.extend(self.files.iter().map(|it| it.url()));
        for version in &self.versions {
            needed.insert(&version.manifest_list);
            needed.extend(version.manifests.iter().map(String::as_str));
        }
        for version in self.versions.iter().skip(1) {
            needed.extend(version.dropped.iter().map(|it| it.url.as_str()));
        }
        let now = self.ambient.clock.now();
        let found = self.store.list(self.location()).await?;
        let is_orphan = |url: &str, modified: i64| {
            let name = url.rsplit('/').next().unwrap_or(url);
            let age = now.duration_since(Timestamp::from_second(modified).unwrap_or(now));
            !needed.contains(url) && (name.starts_with(OURS) || age > FOREIGN_AGE)
        };
        let orphans = found
            .into_iter()
            .filter(|(url, meta)| is_orphan(url, meta.last_modified.timestamp()))
            .map(|(url, _)| url);
        Ok(orphans.collect())
    }
}
