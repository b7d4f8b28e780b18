//! Finding log files: folders are listed many at a time, and those that cannot hold what is wanted
//! are left out.

use std::sync::Arc;

use futures::{StreamExt as _, stream::FuturesUnordered};
use object_store::{ListResult, ObjectMeta, ObjectStore, path::Path};

use crate::{
    key::Facts,
    source::{NAMES, Source},
    wanted::Wanted,
};

/// A log file that may hold what is wanted.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) meta: ObjectMeta,
    pub(crate) facts: Facts,
    /// As `$path` shows it.
    pub(crate) shown: String,
}

/// The log files of a source, in the order of their keys.
pub(crate) async fn walk(source: &Source, wanted: &Wanted) -> object_store::Result<Vec<File>> {
    if let Some(file) = &source.file {
        let meta = object_store::ObjectStoreExt::head(&source.store, file).await?;
        // Whoever names a file wants it, whatever its name says.
        let facts = Facts { is_other: false, ..Facts::of(file.as_ref()) };
        return Ok(vec![of(source, meta, facts)]);
    }
    let list = |folder: Path| async move {
        let folder = (!folder.as_ref().is_empty()).then_some(&folder);
        source.store.list_with_delimiter(folder).await
    };
    let mut waiting = vec![source.within.clone()];
    let (mut files, mut listings) = (Vec::new(), FuturesUnordered::new());
    loop {
        while listings.len() < AT_ONCE
            && let Some(folder) = waiting.pop()
        {
            listings.push(list(folder));
        }
        let Some(listed) = listings.next().await else { break };
        let ListResult { common_prefixes, objects, .. } = listed?;
        let folders = common_prefixes.into_iter();
        waiting.extend(folders.filter(|it| wanted.may_hold(&Facts::of(&format!("{it}/")))));
        for meta in objects {
            let key = meta.location.as_ref();
            let facts = Facts::of(key);
            if NAMES.iter().any(|it| key.ends_with(it)) && meta.size > 0 && wanted.may_hold(&facts)
            {
                files.push(of(source, meta, facts));
            }
        }
    }
    files.sort_by(|one, other| one.meta.location.cmp(&other.meta.location));
    Ok(files)
}

fn of(source: &Source, meta: ObjectMeta, facts: Facts) -> File {
    let shown = format!("{}{}", source.shown, meta.location);
    File { store: Arc::clone(&source.store), meta, facts, shown }
}

/// Folders that are listed at once.
const AT_ONCE: usize = 32;
