//! Finding log files: folders are listed many at a time, and those that cannot hold what is wanted
//! are left out. Files are read while others are still looked for.

use std::sync::Arc;

use futures::{StreamExt as _, stream::FuturesUnordered};
use object_store::{ListResult, ObjectMeta, ObjectStore, path::Path};
use tokio::sync::mpsc::Sender;

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

/// A file, or why no more can be found.
pub(crate) type Found = object_store::Result<File>;

/// Finds the log files of all sources. Ends early when nobody listens any more.
pub(crate) async fn walk(sources: Arc<[Source]>, wanted: Arc<Wanted>, files: Sender<Found>) {
    for source in sources.iter() {
        match walk_one(source, &wanted, &files).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                let _nobody_listens = files.send(Err(error)).await;
                return;
            }
        }
    }
}

/// Finds the log files of a source. False when nobody listens any more.
async fn walk_one(
    source: &Source,
    wanted: &Wanted,
    files: &Sender<Found>,
) -> object_store::Result<bool> {
    if let Some(file) = &source.file {
        let meta = object_store::ObjectStoreExt::head(&source.store, file).await?;
        // Whoever names a file wants it, whatever its name says.
        let facts = Facts { is_other: false, ..Facts::of(file.as_ref()) };
        return Ok(files.send(Ok(of(source, meta, facts))).await.is_ok());
    }
    let list = |folder: Path| async move {
        let within = (!folder.as_ref().is_empty()).then_some(&folder);
        let mut listed = source.store.list_with_delimiter(within).await?;
        // Whoever lists a folder as one of its own would be asked for it for ever.
        listed.common_prefixes.retain(|it| it.as_ref().len() > folder.as_ref().len());
        Ok::<_, object_store::Error>(listed)
    };
    let mut waiting = vec![source.within.clone()];
    let mut listings = FuturesUnordered::new();
    loop {
        while listings.len() < AT_ONCE
            && let Some(folder) = waiting.pop()
        {
            listings.push(list(folder));
        }
        let Some(listed) = listings.next().await else { return Ok(true) };
        let ListResult { common_prefixes, objects, .. } = listed?;
        let folders = common_prefixes.into_iter();
        waiting.extend(folders.filter(|it| wanted.may_hold(&Facts::of(&format!("{it}/")))));
        for meta in objects {
            let key = meta.location.as_ref();
            let is_file = NAMES.iter().any(|it| key.ends_with(it)) && meta.size > 0;
            let facts = Facts::of(key);
            if is_file
                && wanted.may_hold(&facts)
                && files.send(Ok(of(source, meta, facts))).await.is_err()
            {
                return Ok(false);
            }
        }
    }
}

fn of(source: &Source, meta: ObjectMeta, facts: Facts) -> File {
    let shown = format!("{}{}", source.shown, objects::key_of(&meta.location));
    File { store: Arc::clone(&source.store), meta, facts, shown }
}

/// Folders that are listed at once.
const AT_ONCE: usize = 32;
