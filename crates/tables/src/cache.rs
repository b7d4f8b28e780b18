//! Footers, page indexes and Bloom filters of data files, as many as fit into the memory that is set.

use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use parquet::{arrow::arrow_reader::ArrowReaderMetadata, bloom_filter::Sbbf};

/// What was read of a file. The last used stay.
#[derive(Debug)]
pub struct Cache {
    bound: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    items: LruCache<Key, (Item, usize)>,
    bytes: usize,
}

#[derive(Debug, Eq, Hash, PartialEq)]
struct Key {
    url: Box<str>,
    /// Row group and column of a Bloom filter; `None` for the footer.
    of: Option<(usize, usize)>,
}

#[derive(Clone, Debug)]
enum Item {
    Footer(ArrowReaderMetadata),
    /// Absent where the file has none.
    Bloom(Option<Arc<Sbbf>>),
}

impl Cache {
    /// Keeps at most about `bound` bytes.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        let kept = Kept { items: LruCache::unbounded(), bytes: 0 };
        Self { bound, kept: Mutex::new(kept) }
    }

    /// The footer of `url`, when it is kept.
    #[must_use]
    pub fn kept_footer(&self, url: &str) -> Option<ArrowReaderMetadata> {
        match self.find(&Key { url: url.into(), of: None }) {
            Some(Item::Footer(footer)) => Some(footer),
            _ => None,
        }
    }

    /// The footer of `url`; reads it when it is not kept.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn footer<E>(
        &self,
        url: &str,
        read: impl FnOnce() -> Result<ArrowReaderMetadata, E>,
    ) -> Result<ArrowReaderMetadata, E> {
        let key = Key { url: url.into(), of: None };
        if let Some(Item::Footer(footer)) = self.find(&key) {
            return Ok(footer);
        }
        let footer = read()?;
        self.keep(key, Item::Footer(footer.clone()), footer.metadata().memory_size());
        Ok(footer)
    }

    /// The Bloom filter of a row group's column; reads it when it is not kept.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn bloom<E>(
        &self,
        url: &str,
        group: usize,
        column: usize,
        read: impl FnOnce() -> Result<Option<Sbbf>, E>,
    ) -> Result<Option<Arc<Sbbf>>, E> {
        let key = Key { url: url.into(), of: Some((group, column)) };
        if let Some(Item::Bloom(bloom)) = self.find(&key) {
            return Ok(bloom);
        }
        let bloom = read()?.map(Arc::new);
        let bytes = bloom.as_ref().map_or(0, |it| it.num_blocks() * BLOOM_BLOCK_BYTES);
        self.keep(key, Item::Bloom(bloom.clone()), bytes);
        Ok(bloom)
    }

    /// How much is kept, in bytes, about.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    fn find(&self, key: &Key) -> Option<Item> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.items.get(key).map(|it| it.0.clone())
    }

    fn keep(&self, key: Key, item: Item, bytes: usize) {
        let bytes = bytes + key.url.len() + ITEM_BYTES;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, (_, old))) = kept.items.push(key, (item, bytes)) {
            kept.bytes -= old;
        }
        kept.bytes += bytes;
        while kept.bytes > self.bound {
            let Some((_, (_, old))) = kept.items.pop_lru() else { break };
            kept.bytes -= old;
        }
    }
}

const BLOOM_BLOCK_BYTES: usize = 32;

/// What an item takes beside its contents, about.
const ITEM_BYTES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn bloom(cache: &Cache, group: usize) -> bool {
        let mut was_read = false;
        let read = || {
            was_read = true;
            Ok::<_, ()>(Some(Sbbf::new_with_num_of_bytes(1024)))
        };
        cache.bloom("file:///x", group, 0, read).unwrap();
        was_read
    }

    #[test]
    fn what_is_used_stays_and_the_rest_makes_room() {
        let cache = Cache::new(3 * (1024 + ITEM_BYTES + 9));
        assert!(bloom(&cache, 0));
        assert!(bloom(&cache, 1));
        assert!(!bloom(&cache, 0));
        assert!(bloom(&cache, 2));
        assert!(bloom(&cache, 3));
        assert!(!bloom(&cache, 0));
        assert!(bloom(&cache, 1));
        assert!(cache.bytes() <= 3 * (1024 + ITEM_BYTES + 9));
    }
}
