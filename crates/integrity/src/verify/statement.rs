//! What checkpoints and witnesses say, held against each other and against what is expected.

use std::collections::BTreeMap;

use crate::{
    digest::Stamp,
    verify::{Finding, Kind},
};

/// A checkpoint that was seen somewhere, its signatures already checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    /// Where it was seen, for people: a digest, a file, a witness.
    pub seen: String,
    /// The log's name.
    pub origin: String,
    /// Leaves of the tree.
    pub size: u64,
    /// Root of the tree.
    pub root: [u8; 32],
    /// The whole note, as evidence.
    pub note: String,
    /// Whether the log's key signed it.
    pub signed: bool,
    /// Who cosigned it, and when.
    pub cosigned: Vec<(String, Stamp)>,
}

/// What a checkpoint has to be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Expectation {
    /// The log's name.
    pub origin: Option<String>,
    /// How large the tree is known to have been already.
    pub size_min: u64,
    /// How many witnesses have to cosign.
    pub cosignatures: usize,
    /// How old a cosignature may be.
    pub cosigned_since: Option<Stamp>,
}

/// Holds statements against the expectation and against each other. The last one is the newest.
pub fn judge(statements: &[Statement], expected: &Expectation) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |kind, detail| findings.push(Finding { kind, object: None, detail });
    for statement in statements {
        let seen = &statement.seen;
        if !statement.signed {
            let why = if signers(&statement.note).any(|it| it == statement.origin) {
                "is signed by another key than the one that is trusted"
            } else {
                "carries no signature of its log"
            };
            find(Kind::UnsignedCheckpoint, format!("the checkpoint of {seen} {why}"));
        }
        if let Some(origin) = expected.origin.as_ref().filter(|it| **it != statement.origin) {
            let detail = format!("{seen} is of `{}`, expected was `{origin}`", statement.origin);
            find(Kind::WrongOrigin, detail);
        }
    }
    // Only what the log itself signed convicts it.
    let mut by_size: BTreeMap<(&str, u64), Vec<&Statement>> = BTreeMap::new();
    for statement in statements.iter().filter(|it| it.signed) {
        let same = by_size.entry((&statement.origin, statement.size)).or_default();
        if same.iter().any(|it| it.root == statement.root) {
            continue;
        }
        if let Some(one) = same.first() {
            let detail = format!(
                "size {} at {} and at {}\n--\n{}--\n{}",
                one.size, one.seen, statement.seen, one.note, statement.note
            );
            find(Kind::Equivocation, detail);
        }
        same.push(statement);
    }
    if let Some(newest) = statements.last() {
        if newest.size < expected.size_min {
            let detail = format!(
                "{} knows {} leaves; {} were known before",
                newest.seen, newest.size, expected.size_min
            );
            find(Kind::OldCheckpoint, detail);
        }
        let fresh = |at: &Stamp| expected.cosigned_since.is_none_or(|since| *at >= since);
        let count = newest.cosigned.iter().filter(|(_, at)| fresh(at)).count();
        if count < expected.cosignatures {
            let detail = format!(
                "{} has {count} recent cosignatures, {} are needed",
                newest.seen, expected.cosignatures
            );
            find(Kind::MissingCosignature, detail);
        }
    }
    findings
}

/// Whose names stand at the signatures of a note.
fn signers(note: &str) -> impl Iterator<Item = &str> {
    note.lines().filter_map(|it| it.strip_prefix("\u{2014} ")?.split(' ').next())
}
