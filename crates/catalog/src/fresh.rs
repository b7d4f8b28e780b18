//! A small memory of what the database said less than a second ago.
//!
//! It forgets by time rather than by notice, because another process may change the same file.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

/// How long an answer may be told again: the bound within which changes of another process are seen.
pub(crate) const AGE_MAX: Duration = Duration::from_secs(1);

/// Answers by name, none older than [`AGE_MAX`], at most `max` of them.
pub(crate) struct Fresh<V> {
    max: usize,
    entries: Mutex<HashMap<String, (Timestamp, V)>>,
}

impl<V: Clone> Fresh<V> {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, entries: Mutex::default() }
    }

    /// What was put under `name`, unless that is too long ago. A clock that stepped back makes every
    /// answer too old.
    pub(crate) fn get(&self, name: &str, now: Timestamp) -> Option<V> {
        self.entries().get(name).filter(|(asked, _)| is_fresh(*asked, now)).map(|it| it.1.clone())
    }

    /// Keeps an answer. `asked` is the time before the question was put to the database.
    pub(crate) fn put(&self, name: &str, asked: Timestamp, value: V) {
        let mut entries = self.entries();
        if entries.len() >= self.max {
            entries.retain(|_, (since, _)| is_fresh(*since, asked));
            if entries.len() >= self.max {
                entries.clear();
            }
        }
        entries.insert(name.to_owned(), (asked, value));
    }

    /// Forgets everything, after a change made here.
    pub(crate) fn clear(&self) {
        self.entries().clear();
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, (Timestamp, V)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(asked: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(asked);
    !age.is_negative() && age.unsigned_abs() < AGE_MAX
}

impl<V> fmt::Debug for Fresh<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh").field("max", &self.max).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn an_answer_is_told_for_less_than_a_second() {
        let fresh = Fresh::new(2);
        fresh.put("a", at(5_000), 1);
        assert_eq!(fresh.get("a", at(5_999)), Some(1));
        assert_eq!(fresh.get("a", at(6_000)), None);
        assert_eq!(fresh.get("a", at(4_999)), None);
    }

    #[test]
    fn strangers_names_do_not_fill_the_memory() {
        let fresh = Fresh::new(3);
        for n in 0..100 {
            fresh.put(&n.to_string(), at(n), ());
            assert!(fresh.entries().len() <= 3);
        }
        assert_eq!(fresh.get("99", at(99)), Some(()));
    }
}
