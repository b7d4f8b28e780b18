//! What the Merkle tree shows, in the verifier's words: checkpoints, tiles, entries, proofs.

use crate::{
    digest::{DigestName, Stamp},
    tree::{self, Checkpoint, Note, Policy, Tiles, TreeHead, builder::entries_of},
    verify::{Expectation, Finding, Kind, Statement, judge},
};

impl From<&tree::Error> for Kind {
    fn from(error: &tree::Error) -> Self {
        use tree::Error as E;
        match error {
            E::Cosignatures { .. } => Self::MissingCosignature,
            E::Diverged { .. } => Self::ChangedTile,
            E::Inclusion | E::Index { .. } => Self::ProofOfAnotherLeaf,
            // A tree that does not continue the one before it is a second history.
            E::Inconsistent { .. } => Self::Equivocation,
            E::Malformed { .. } | E::TooLong { .. } => Self::DamagedObject,
            E::MissingTile(_) => Self::MissingTile,
            E::Origin { .. } => Self::WrongOrigin,
            E::Record => Self::WrongSalt,
            E::Signature { .. } | E::Unsigned { .. } => Self::UnsignedCheckpoint,
        }
    }
}

/// Reads a checkpoint and checks who signed it. `seen` says where it was found, for people.
///
/// # Errors
/// When it is no checkpoint, or a signature of a witness that the policy knows is false.
pub fn statement(seen: &str, note: &[u8], policy: &Policy) -> Result<Statement, Finding> {
    let failed = |error: tree::Error| Finding {
        kind: Kind::from(&error),
        object: None,
        detail: format!("{seen}: {error}"),
    };
    let note = Note::parse(note).map_err(failed)?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(failed)?;
    let signed = policy.logs().iter().any(|key| Checkpoint::open(&note, key).is_ok());
    let cosigned = note.check(&policy.witnesses()).map_err(failed)?;
    Ok(Statement {
        seen: seen.to_owned(),
        origin: checkpoint.origin,
        size: checkpoint.head.size,
        root: *checkpoint.head.root.as_bytes(),
        note: note.to_string(),
        signed,
        cosigned: cosigned
            .into_iter()
            .filter_map(|it| Some((it.key.name().to_string(), Stamp::of(it.time?))))
            .collect(),
    })
}

/// A checkpoint that a digest carries: the newest that there was when the digest was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Carried {
    /// The digest.
    pub digest: DigestName,
    /// What it says of the tree.
    pub statement: Statement,
}

impl Carried {
    /// Whether it is in the same chain. Chains wait for their buckets each for itself, so that a
    /// checkpoint tells nothing of those that digests of another chain carry.
    fn follows(&self, other: &Self) -> bool {
        (&self.digest.chain, self.digest.backfill) == (&other.digest.chain, other.digest.backfill)
    }
}

/// Holds the checkpoints that digests carry, in the order of [`DigestName`], against each other, and
/// against what a witness says.
pub fn judge_checkpoints(
    carried: &[Carried],
    witness: Option<&Statement>,
    policy: &Policy,
) -> Vec<Finding> {
    let expected = Expectation {
        origin: policy.logs().first().map(|it| it.name().to_string()),
        ..Expectation::default()
    };
    let mut statements: Vec<_> = witness.into_iter().cloned().collect();
    statements.extend(carried.iter().map(|it| it.statement.clone()));
    let mut findings = judge(&statements, &expected);
    let mut find = |kind, detail| findings.push(Finding { kind, object: None, detail });
    for pair in carried.windows(2) {
        if let [older, newer] = pair
            && newer.follows(older)
            && newer.statement.size < older.statement.size
        {
            let [older, newer] = [older, newer].map(|it| &it.statement);
            let sizes = format!("{} knows {} leaves", newer.seen, newer.size);
            find(Kind::OldCheckpoint, format!("{sizes}, {} knew {}", older.seen, older.size));
        }
    }
    let Some(witness) = witness else { return findings };
    let Some(time) = witness.cosigned.iter().map(|(_, time)| *time).max() else {
        let detail = format!("{} has no cosignature that the policy knows", witness.seen);
        find(Kind::MissingCosignature, detail);
        return findings;
    };
    let newest = carried.iter().max_by_key(|it| (it.digest.end, it.statement.size));
    if let Some(Carried { digest, statement: newest }) = newest {
        let end = digest.end;
        let known = format!("{} knew {} leaves at {time}", witness.seen, witness.size);
        let here = format!("{} of {end} knows {}", newest.seen, newest.size);
        if end >= time && newest.size < witness.size {
            find(Kind::OldCheckpoint, format!("{known}; {here}"));
        } else if end.plus_seconds(PATIENCE) < time && newest.size < witness.size {
            find(Kind::CutTail, format!("{known}; the newest digest, {here}"));
        }
    }
    findings
}

/// Checks hash tiles against a signed checkpoint's head.
pub fn judge_tiles(head: &TreeHead, tiles: &Tiles) -> Option<Finding> {
    let detail = match tiles.root() {
        Ok(root) if root == head.root => return None,
        Ok(root) => format!("the tiles give the root {root}, signed was {}", head.root),
        Err(error) => error.to_string(),
    };
    Some(Finding { kind: Kind::ChangedTile, object: None, detail })
}

/// Checks a bundle of entries, the first of which is leaf `first`, against hash tiles that are good.
pub fn judge_entries(bundle: &[u8], first: u64, tiles: &Tiles) -> Vec<Finding> {
    let changed = |detail| Finding { kind: Kind::ChangedEntryBundle, object: None, detail };
    let entries = match entries_of(bundle) {
        Ok(entries) => entries,
        Err(error) => return vec![changed(error.to_string())],
    };
    (first..)
        .zip(entries)
        .filter(|(index, entry)| tiles.leaf(*index).ok() != Some(entry.leaf_hash()))
        .map(|(index, _)| changed(format!("entry {index} is not the leaf of its tile")))
        .collect()
}

/// A digest carries the checkpoint of its hour, and comes within the next.
const PATIENCE: i64 = 2 * 3_600;
