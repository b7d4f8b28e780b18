//! A bucket whose files change between being listed and being read.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    memory::InMemory, path::Path,
};
use views::View;

use super::{ONE, gzip, key, query, record};
use crate::Source;

/// Replaces these files, or deletes them, before the first file is read.
#[derive(Debug)]
struct Changing {
    objects: InMemory,
    changes: Mutex<Vec<(Path, Option<Vec<u8>>)>>,
}

impl fmt::Display for Changing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.objects.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Changing {
    async fn put_opts(&self, key: &Path, it: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.objects.put_opts(key, it, how).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(key, how).await
    }

    async fn get_opts(&self, key: &Path, how: GetOptions) -> Result<GetResult> {
        let changes = std::mem::take(&mut *self.changes.lock().unwrap());
        for (key, change) in changes {
            match change {
                Some(bytes) => drop(self.objects.put(&key, bytes.into()).await?),
                None => self.objects.delete(&key).await?,
            }
        }
        self.objects.get_opts(key, how).await
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.objects.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, how).await
    }
}

#[tokio::test]
async fn files_that_change_meanwhile_are_read_as_they_then_are_or_told() {
    let of = |name: &str, count| {
        let records = vec![record(ONE, "us-east-1", "2026-03-05T10:00:00Z", name); count];
        gzip(&format!("{{\"Records\":[{}]}}", records.join(",")))
    };
    let keys = ["1000", "1001", "1002", "1003"]
        .map(|time| Path::from(key(ONE, "us-east-1", &format!("20260305T{time}"))));
    let objects = InMemory::new();
    for key in &keys {
        objects.put(key, of("GetObject", 1).into()).await.unwrap();
    }
    let [_, gone, cut, grown] = keys;
    let half = of("GetObject", 9);
    let changes = vec![
        (gone.clone(), None),
        (cut.clone(), Some(half[..half.len() / 2].to_vec())),
        (grown.clone(), Some(of("PutObject", 500))),
    ];
    let store = Arc::new(Changing { objects, changes: Mutex::new(changes) });
    let source = Source::bucket(store, "", "s3://logs");
    let sql = "SELECT eventname, count(*) FROM logs GROUP BY 1 ORDER BY 1";
    let heard = query(source, View::Lake, false, sql).await.unwrap();
    assert!(heard.rows.contains(&"PutObject 500".to_owned()), "{:?}", heard.rows);
    let mut told: Vec<_> = heard.faults.iter().map(ToString::to_string).collect();
    told.sort();
    let expected = [
        (&gone, "it has vanished since it was listed"),
        (&cut, "it cannot be read to its end"),
        (&cut, "it has changed since it was listed"),
        (&grown, "it has changed since it was listed"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (told, (key, why)) in told.iter().zip(expected) {
        assert!(told.contains(key.as_ref()) && told.contains(why), "{told}");
    }
}
