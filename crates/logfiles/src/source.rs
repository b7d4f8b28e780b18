//! A folder, a file or a bucket that holds log files.

use std::{
    io,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use object_store::{ObjectStore, local::LocalFileSystem, path::Path};

/// Where log files lie.
#[derive(Clone, Debug)]
pub struct Source {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) within: Path,
    /// The one file that is meant, if it is one.
    pub(crate) file: Option<Path>,
    /// What stands before a key to name the object: `s3://bucket/`, `/folder/`.
    pub(crate) shown: String,
}

impl Source {
    /// What lies below `prefix` of a bucket, whose paths are those of `objects`. `name` is what the
    /// bucket is called in `$path`: `s3://bucket`.
    #[must_use]
    pub fn bucket(store: Arc<dyn ObjectStore>, prefix: &str, name: &str) -> Self {
        let within = objects::prefix_of(prefix);
        let is_file = NAMES.iter().any(|it| prefix.ends_with(it));
        let file = is_file.then(|| within.clone());
        Self { store, within, file, shown: format!("{}/", name.trim_end_matches('/')) }
    }

    /// What lies below a folder, or one file.
    ///
    /// # Errors
    /// When nothing is there.
    pub fn local(path: &FilePath) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let is_file = path.is_file();
        // Keys begin at `AWSLogs` where there is one, so that they say the same wherever one begins.
        let folder = path.ancestors().find_map(|it| {
            let is_root = it.file_name().is_some_and(|it| it == "AWSLogs");
            if is_root { it.parent().map(FilePath::to_owned) } else { None }
        });
        let parent =
            if is_file { path.parent().map(FilePath::to_owned) } else { Some(path.clone()) };
        let root: PathBuf = folder.or(parent).unwrap_or_else(|| PathBuf::from("/"));
        let below = path.strip_prefix(&root).unwrap_or(FilePath::new(""));
        let store = LocalFileSystem::new_with_prefix(&root).map_err(io::Error::other)?;
        let parts: Vec<_> = below.iter().map(|it| it.to_string_lossy()).collect();
        let within = objects::path_of(&parts.join("/"));
        let file = is_file.then(|| within.clone());
        let shown = format!("{}/", root.display().to_string().trim_end_matches('/'));
        Ok(Self { store: Arc::new(store), within, file, shown })
    }
}

/// How names of log files end.
pub(crate) const NAMES: [&str; 6] =
    [".json.gz", ".json", ".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz"];
