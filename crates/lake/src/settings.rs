//! What of the lake can be set.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use record::Category;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Bounds on memory and age of the tail, how long records are kept, how much runs at once.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Bytes of the tail, indexes included, at which nothing more is read from the log. Default
    /// 128 MiB. More carries longer bursts; less saves memory.
    pub tail_bytes: usize,
    /// Bytes of the tail at which it is written to the table. Default 48 MiB; should be under half
    /// of `tail_bytes`. More makes fewer and larger files; less frees memory sooner.
    pub flush_bytes: usize,
    /// Seconds after which even a small tail is written to the table. Default 30. More makes fewer
    /// files; less lets the log be trimmed sooner and other engines see records sooner.
    pub flush_age_seconds: u64,
    /// Bytes of footers, page indexes and Bloom filters kept in memory. Default 8 MiB. More makes
    /// lookups over many files quicker.
    pub cache_bytes: usize,
    /// Lookups that run at once; more wait. Default 4. More uses more processors and memory.
    pub lookups_at_once: usize,
    /// Bytes of a data file at which compaction leaves it alone. Default 64 MiB. More makes fewer
    /// files; less makes each rewriting shorter.
    pub file_bytes: u64,
    /// Rows of a row group of a data file. Default 65536. More makes scans and footers smaller; less
    /// makes each step of a lookup quicker.
    pub row_group_rows: usize,
    /// Seconds between looks for files to merge, to drop or to delete. Default 10.
    pub upkeep_seconds: u64,
    /// Seconds for which files stay that no snapshot names any more, for engines that are still
    /// reading them. Default 600. More needs more disk.
    pub grace_seconds: u64,
    /// Days of event time for which a record is shown and kept. Default 90.
    pub retention_days: u32,
    /// Days by category where they differ, such as `{ Data = 30 }`; names as in `eventCategory`.
    pub retention_days_by_category: BTreeMap<String, u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tail_bytes: 128 << 20,
            flush_bytes: 48 << 20,
            flush_age_seconds: 30,
            cache_bytes: 8 << 20,
            lookups_at_once: 4,
            file_bytes: 64 << 20,
            row_group_rows: 1 << 16,
            upkeep_seconds: 10,
            grace_seconds: 600,
            retention_days: 90,
            retention_days_by_category: BTreeMap::new(),
        }
    }
}

/// How long records are kept, by category. Read from [`Settings`] once.
#[derive(Clone, Debug)]
pub(crate) struct Retention {
    days: u32,
    by_category: Vec<(Category, u32)>,
}

impl Retention {
    /// # Errors
    /// When a word is no category.
    pub(crate) fn read(settings: &Settings) -> Result<Self, Error> {
        let mut by_category = Vec::new();
        for (word, days) in &settings.retention_days_by_category {
            let category = Category::from_word(word);
            if category.as_str() != word {
                return Err(Error::Setting(format!(
                    "`retention_days_by_category` has `{word}`, which is no event category"
                )));
            }
            by_category.push((category, *days));
        }
        Ok(Self { days: settings.retention_days, by_category })
    }

    /// How long records of `category` are kept.
    pub(crate) fn of(&self, category: Category) -> SignedDuration {
        let days = self.by_category.iter().find(|it| it.0 == category).map_or(self.days, |it| it.1);
        SignedDuration::from_hours(24 * i64::from(days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_category_has_its_own_retention() {
        let by_category = BTreeMap::from([("Data".to_owned(), 7)]);
        let settings = Settings { retention_days_by_category: by_category, ..Settings::default() };
        let retention = Retention::read(&settings).unwrap();
        assert_eq!(retention.of(Category::Data), SignedDuration::from_hours(7 * 24));
        assert_eq!(retention.of(Category::Management), SignedDuration::from_hours(90 * 24));
    }

    #[test]
    fn a_word_that_is_no_category_is_refused() {
        let by_category = BTreeMap::from([("data".to_owned(), 7)]);
        let settings = Settings { retention_days_by_category: by_category, ..Settings::default() };
        assert!(matches!(Retention::read(&settings), Err(Error::Setting(_))));
    }
}
