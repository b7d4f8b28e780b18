//! The library of sample queries, and the search in it.
//!
//! Lives here: reading the library, which is the file `samples.sql` in our own words; how well a
//! sample goes with a phrase.
//!
//! Start at [`Samples::all`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

/// A sample query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Unique.
    pub(super) name: &'static str,
    /// A sentence or two.
    pub(super) description: &'static str,
    /// One statement, with `$EDS_ID` for the id of a store.
    pub(super) sql: &'static str,
}

/// All of them, with what a search needs to know.
#[derive(Debug)]
pub(super) struct Samples {
    samples: Vec<(Sample, Words)>,
    /// In how many samples each word occurs.
    common: BTreeMap<String, usize>,
}

/// How much each word counts in one sample.
type Words = BTreeMap<String, f64>;

impl Samples {
    /// The library.
    pub(super) fn all() -> &'static Self {
        static ALL: OnceLock<Samples> = OnceLock::new();
        ALL.get_or_init(|| Self::read(include_str!("samples.sql")))
    }

    /// Reads samples: a line `-- name: …`, a line `-- description: …`, a statement, for each.
    fn read(text: &'static str) -> Self {
        let blocks = text.split("-- name: ").skip(1);
        let samples: Vec<_> = blocks.filter_map(sample).map(|it| (it, weighed(&it))).collect();
        let mut common = BTreeMap::new();
        for word in samples.iter().flat_map(|(_, words)| words.keys()) {
            *common.entry(word.clone()).or_default() += 1;
        }
        Self { samples, common }
    }

    /// The samples that have any word of a phrase, best first, each with a relevance above 0 and up
    /// to 1: how much of what the phrase says is in the sample. A word counts by how rare it is, and
    /// most when it is in the name.
    pub(super) fn search(&self, phrase: &str) -> Vec<(Sample, f64)> {
        let wanted: BTreeSet<_> = words(phrase).collect();
        let whole: f64 = wanted.iter().map(|it| self.rarity(it)).sum();
        let relevance = |of: &Words| {
            let score = |it: &String| of.get(it).map_or(0.0, |weight| weight * self.rarity(it));
            wanted.iter().map(score).sum::<f64>() / whole
        };
        let mut found: Vec<_> = self
            .samples
            .iter()
            .map(|(sample, words)| (*sample, relevance(words)))
            .filter(|(_, relevance)| *relevance > 0.0)
            .collect();
        found.sort_by(|(a, x), (b, y)| y.total_cmp(x).then_with(|| a.name.cmp(b.name)));
        found
    }

    /// The best sample whose name and description have every word of a phrase that matters.
    pub(super) fn saying(&self, phrase: &str) -> Option<Sample> {
        let wanted: BTreeSet<_> = words(phrase).collect();
        let says = |sample: &Sample| {
            let of: BTreeSet<_> = words(sample.name).chain(words(sample.description)).collect();
            wanted.is_subset(&of)
        };
        let found = self.search(phrase).into_iter().map(|(sample, _)| sample);
        found.into_iter().find(says)
    }

    /// More for a word that fewer samples have; most for one that none has.
    fn rarity(&self, word: &str) -> f64 {
        let having = self.common.get(word).copied().unwrap_or_default();
        let ratio = (self.samples.len() as f64 + 1.0) / (having as f64 + 1.0);
        1.0 + ratio.ln()
    }
}

fn sample(block: &'static str) -> Option<Sample> {
    let (name, rest) = block.split_once('\n')?;
    let (description, sql) = rest.strip_prefix("-- description: ")?.split_once('\n')?;
    let sql = sql.trim().trim_end_matches(';');
    Some(Sample { name: name.trim(), description: description.trim(), sql })
}

fn weighed(sample: &Sample) -> Words {
    let mut weights = Words::new();
    for (text, weight) in [(sample.sql, 0.3), (sample.description, 0.7), (sample.name, 1.0)] {
        for word in words(text) {
            weights.insert(word, weight);
        }
    }
    weights
}

/// The words of a text that say something, without their endings.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|it: char| !it.is_alphanumeric())
        .filter(|it| !it.is_empty())
        .map(str::to_lowercase)
        .filter(|it| !EMPTY.contains(&it.as_str()))
        .map(stem)
}

/// Without the commonest endings of English, so that `deletes`, `deleted` and `deletion` are one.
fn stem(mut word: String) -> String {
    for ending in ["ions", "ion", "ing", "ies", "ed", "es", "s", "e", "y"] {
        if word.len() > ending.len() + 2 && word.ends_with(ending) && !word.ends_with("ss") {
            word.truncate(word.len() - ending.len());
            break;
        }
    }
    word
}

/// Words that every question has.
const EMPTY: [&str; 52] = [
    "a", "all", "an", "and", "any", "are", "as", "at", "be", "been", "by", "did", "do", "each",
    "event", "events", "find", "for", "from", "get", "give", "had", "has", "have", "how", "i",
    "in", "is", "it", "list", "me", "my", "of", "on", "or", "our", "please", "select", "show",
    "that", "the", "their", "there", "these", "to", "was", "were", "what", "where", "which",
    "with", "you",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_has_a_name_of_its_own_a_description_and_a_statement_over_a_store() {
        let all = Samples::all();
        let blocks = include_str!("samples.sql").matches("-- name: ").count();
        assert_eq!(all.samples.len(), blocks);
        assert!(blocks >= 60, "{blocks}");
        let names: BTreeSet<_> = all.samples.iter().map(|(it, _)| it.name).collect();
        assert_eq!(names.len(), blocks);
        for (sample, _) in &all.samples {
            assert!(sample.description.ends_with('.'), "{}", sample.name);
            let sql = sample.sql;
            assert!(sql.starts_with("SELECT") || sql.starts_with("WITH"), "{}", sample.name);
            assert!(sql.contains("FROM $EDS_ID") && !sql.contains(';'), "{}", sample.name);
            assert!(sql.len() <= 10_000 && sql.is_ascii(), "{}", sample.name);
            let count = |it| sql.matches(it).count();
            assert_eq!(count('('), count(')'), "{}", sample.name);
            assert_eq!(count('\'') % 2, 0, "{}", sample.name);
        }
    }

    #[test]
    fn a_sample_is_found_by_its_own_name_before_all_others() {
        let all = Samples::all();
        for (sample, _) in &all.samples {
            let found = all.search(sample.name);
            assert_eq!(found[0].0.name, sample.name);
            assert!(found.iter().all(|(_, it)| (0.0..=1.0).contains(it)), "{}", sample.name);
            assert!((found[0].1 - 1.0).abs() < 1e-9, "{} {}", sample.name, found[0].1);
        }
    }

    #[track_caller]
    fn check(phrase: &str, expected: &[&str]) {
        let found = Samples::all().search(phrase);
        let best: Vec<_> = found.iter().take(3).map(|(it, _)| it.name).collect();
        for name in expected {
            assert!(best.contains(name), "{phrase}: {best:?}");
        }
    }

    #[test]
    fn questions_find_what_they_ask_for() {
        check("who deleted my bucket", &["S3 buckets deleted"]);
        check("console logins without MFA", &["Console sign-ins without MFA"]);
        check("root user activity", &["Activity of the root user"]);
        check("KMS keys scheduled for deletion", &["KMS keys disabled or scheduled for deletion"]);
        check("Glue table changes", &["Glue tables and databases changed"]);
        check("who changed security groups?", &["Security group changes"]);
    }

    #[test]
    fn nothing_is_found_for_what_no_sample_says() {
        assert!(Samples::all().search("xylophone").is_empty());
        assert!(Samples::all().search("the of and").is_empty());
        assert!(Samples::all().saying("root user activity in the xylophone").is_none());
        let found = Samples::all().saying("Show me the activity of the root user").unwrap();
        assert_eq!(found.name, "Activity of the root user");
        assert!(Samples::all().saying("").is_none());
    }
}
