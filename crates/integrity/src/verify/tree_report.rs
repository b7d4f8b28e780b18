//! What came of checking a Merkle tree, and how older checkpoints stand to it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    digest::Stamp,
    tree::{
        Error, Hash, Policy, Tiles, TreeHead,
        proof::{check_consistency, prove_consistency},
    },
    verify::{Count, Finding, Kind, Statement, TreeCounts, Verdict, report::write_findings},
};

/// What came of checking a tree.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TreeReport {
    /// What came of it, in one word.
    pub verdict: Verdict,
    /// Where the tree lies.
    pub tree: String,
    /// When it was checked.
    pub made_at: Stamp,
    /// The log, by the name of its key.
    pub origin: String,
    /// Leaves that the newest checkpoint covers.
    pub size: u64,
    /// The root that it says, as base64.
    pub root: String,
    /// Who cosigned the newest checkpoint that witnesses have seen, of those whom the policy knows.
    pub cosigned: Vec<Cosigned>,
    /// Hash tiles.
    pub tiles: Count,
    /// Tiles of entries.
    pub entry_bundles: Count,
    /// Older checkpoints that the tree was held against; the good ones are those that it continues.
    pub checkpoints: Count,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What is not wrong but should be known.
    pub notes: Vec<String>,
    /// The newest checkpoint. Keep it: the next check takes it as the older one.
    pub checkpoint: String,
}

/// What a witness says of a tree.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Cosigned {
    /// The witness, by the name of its key.
    pub witness: String,
    /// When it saw the tree.
    pub at: Stamp,
    /// How many leaves the tree had.
    pub size: u64,
}

/// How an older checkpoint stands to a tree.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Compared {
    /// The tree continues it.
    Continued,
    /// It does not, or is older itself.
    Contradicted(Finding),
    /// The tiles that would tell are not there or not good.
    Unknown(String),
}

/// Holds an older checkpoint against the newest one, by tiles of which
/// [`crate::tree::Tile::of_consistency`] says which. `tiles_are_good` when nothing was found wrong
/// with any.
#[must_use]
pub fn compare(
    older: &Statement,
    newest: &Statement,
    tiles: &Tiles,
    tiles_are_good: bool,
) -> Compared {
    let finding = |kind, detail| Compared::Contradicted(Finding { kind, object: None, detail });
    let evidence = || format!("--\n{}--\n{}", older.note, newest.note);
    let sizes =
        format!("{} has {} leaves, {} knew {}", newest.seen, newest.size, older.seen, older.size);
    if older.size > newest.size {
        return finding(Kind::OldCheckpoint, sizes);
    }
    let [old, new] = [older, newest].map(|it| TreeHead { size: it.size, root: Hash::new(it.root) });
    let compared =
        prove_consistency(tiles, old.size).and_then(|proof| check_consistency(&old, &new, &proof));
    match compared {
        Ok(()) => Compared::Continued,
        Err(Error::Inconsistent { .. }) if tiles_are_good || old.size == new.size => {
            let detail = format!("{sizes}; it does not continue that\n{}", evidence());
            finding(Kind::Equivocation, detail)
        }
        Err(error) => Compared::Unknown(format!(
            "whether the tree continues the checkpoint of {} cannot be told: {error}",
            older.seen
        )),
    }
}

impl TreeReport {
    /// Begins a report with what the newest checkpoint says.
    #[must_use]
    pub fn new(tree: String, made_at: Stamp, newest: &Statement) -> Self {
        Self {
            verdict: Verdict::Valid,
            tree,
            made_at,
            origin: newest.origin.clone(),
            size: newest.size,
            root: Hash::new(newest.root).to_string(),
            cosigned: Vec::new(),
            tiles: Count::default(),
            entry_bundles: Count::default(),
            checkpoints: Count::default(),
            findings: Vec::new(),
            notes: Vec::new(),
            checkpoint: newest.note.clone(),
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.verdict == Verdict::Valid
    }

    /// Takes what came of the tiles.
    pub fn tiles(&mut self, counts: TreeCounts, findings: Vec<Finding>) {
        self.tiles = counts.tiles;
        self.entry_bundles = counts.bundles;
        self.add(findings);
    }

    /// Takes how an older checkpoint stands to the tree.
    pub fn compared(&mut self, compared: Compared) {
        self.checkpoints.add(compared == Compared::Continued);
        match compared {
            Compared::Continued => {}
            Compared::Contradicted(finding) => self.add(vec![finding]),
            Compared::Unknown(words) => self.notes.push(words),
        }
    }

    /// Takes what witnesses say: the newest checkpoint that they cosigned, if there is one.
    pub fn witnessed(&mut self, cosigned: Option<&Statement>, policy: &Policy) {
        let cosigned: Vec<_> = cosigned
            .into_iter()
            .flat_map(|it| it.cosigned.iter().map(|(witness, at)| (witness.clone(), *at, it.size)))
            .map(|(witness, at, size)| Cosigned { witness, at, size })
            .collect();
        let newest = cosigned.iter().map(|it| it.size).max();
        match (policy.quorum(), newest) {
            (None, None) => {
                self.notes.push("not witnessed: the log alone vouches for it".to_owned())
            }
            (_, Some(size)) if size < self.size => self.notes.push(format!(
                "witnesses have seen {size} of the {} leaves: for the rest the log alone vouches",
                self.size
            )),
            (_, _) => {}
        }
        self.cosigned = cosigned;
    }

    /// Adds what is wrong.
    pub fn add(&mut self, findings: Vec<Finding>) {
        self.findings.extend(findings);
        self.findings.sort();
        self.findings.dedup();
        if !self.findings.is_empty() {
            self.verdict = Verdict::Invalid;
        }
    }
}

impl fmt::Display for TreeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Verification of the Merkle tree in {}", self.tree)?;
        writeln!(f, "made at    {}", self.made_at)?;
        writeln!(f, "log        {}", self.origin)?;
        writeln!(f, "leaves     {}", self.size)?;
        writeln!(f, "root       {}", self.root)?;
        for Cosigned { witness, at, size } in &self.cosigned {
            writeln!(f, "cosigned   {size} leaves at {at} by {witness}")?;
        }
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        write_findings(f, &self.findings)?;
        writeln!(f)?;
        for (Count { valid, total }, what) in [
            (self.tiles, "hash tiles valid"),
            (self.entry_bundles, "entry bundles valid"),
            (self.checkpoints, "older checkpoints are continued"),
        ] {
            if total > 0 {
                writeln!(f, "{valid}/{total} {what}")?;
            }
        }
        match self.verdict {
            Verdict::Valid => f.write_str("VALID"),
            Verdict::Invalid | Verdict::NothingFound => {
                write!(f, "INVALID: {} findings", self.findings.len())
            }
        }
    }
}
