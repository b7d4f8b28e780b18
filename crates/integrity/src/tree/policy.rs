//! Whom a verifier trusts: keys of logs, keys of witnesses, and how many of those must agree.
//!
//! Spec: C2SP tlog-policy.

use std::{collections::HashMap, str::FromStr};

use jiff::Timestamp;

use crate::tree::{
    error::Error,
    note::Checked,
    vkey::{Algorithm, VerifierKey},
};

/// Logs, witnesses, and a quorum. Read from lines such as these:
///
/// ```text
/// log audit.example/t1+550508d1+AQOh…
/// witness laptop witness.example/w1+20324abe+BCms…
/// group both all laptop cloud
/// quorum both
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    logs: Vec<VerifierKey>,
    /// In the order of definition: a group's members come before it.
    members: Vec<(String, Member)>,
    /// Place in `members`; `None` asks for no witness.
    quorum: Option<usize>,
}

#[derive(Clone, Debug)]
enum Member {
    Witness(Box<VerifierKey>),
    Group { threshold: usize, members: Vec<usize> },
}

impl Policy {
    /// The largest policy that is read, in bytes.
    pub const MAX_BYTES: usize = 64 << 10;

    /// Trusts one log, and asks for no witness.
    #[must_use]
    pub fn of_log(key: VerifierKey) -> Self {
        Self { logs: vec![key], members: Vec::new(), quorum: None }
    }

    /// The keys of the logs.
    #[must_use]
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// The keys of the witnesses.
    #[must_use]
    pub fn witnesses(&self) -> Vec<VerifierKey> {
        self.members
            .iter()
            .filter_map(|(_, member)| match member {
                Member::Witness(key) => Some((**key).clone()),
                Member::Group { .. } => None,
            })
            .collect()
    }

    /// The name of the quorum, when one is asked for.
    #[must_use]
    pub fn quorum(&self) -> Option<&str> {
        self.members.get(self.quorum?).map(|(name, _)| name.as_str())
    }

    /// The time from which on the quorum had agreed; `None` when no quorum is asked for.
    ///
    /// # Errors
    /// [`Error::Cosignatures`] when there is a quorum and it has not agreed.
    pub fn agreed(&self, cosignatures: &[Checked]) -> Result<Option<Timestamp>, Error> {
        let Some(quorum) = self.quorum else { return Ok(None) };
        let mut times: Vec<Timestamp> = cosignatures.iter().filter_map(|it| it.time).collect();
        times.sort();
        let agreed_at = |time: &Timestamp| {
            let until: Vec<&VerifierKey> = cosignatures
                .iter()
                .filter(|it| it.time.is_some_and(|stated| stated <= *time))
                .map(|it| &it.key)
                .collect();
            self.is_agreed(quorum, &until)
        };
        let first = times.into_iter().find(agreed_at);
        let quorum = || self.quorum().unwrap_or_default().to_owned();
        first.map(Some).ok_or_else(|| Error::Cosignatures { quorum: quorum() })
    }

    fn is_agreed(&self, quorum: usize, keys: &[&VerifierKey]) -> bool {
        let mut agreed: Vec<bool> = Vec::with_capacity(self.members.len());
        for (_, member) in &self.members {
            let is_agreed = match member {
                Member::Witness(key) => keys.contains(&&**key),
                Member::Group { threshold, members } => {
                    let count = members.iter().filter(|it| agreed.get(**it) == Some(&true)).count();
                    count >= *threshold
                }
            };
            agreed.push(is_agreed);
        }
        agreed.get(quorum) == Some(&true)
    }
}

impl FromStr for Policy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() > Self::MAX_BYTES {
            return Err(Error::TooLong { what: "policy", bound: Self::MAX_BYTES });
        }
        let mut reader = Reader::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            match words.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["log", key] | ["log", key, _] => reader.log(key)?,
                ["witness", name, key] | ["witness", name, key, _] => reader.witness(name, key)?,
                ["group", name, threshold, members @ ..] => {
                    reader.group(name, threshold, members)?;
                }
                ["quorum", name] => reader.quorum(name)?,
                _ => return Err(malformed("has a line that is not understood")),
            }
        }
        let quorum = reader.quorum.ok_or(malformed("has no quorum"))?;
        if reader.logs.is_empty() {
            return Err(malformed("has no log"));
        }
        Ok(Self { logs: reader.logs, members: reader.members, quorum })
    }
}

#[derive(Default)]
struct Reader {
    logs: Vec<VerifierKey>,
    members: Vec<(String, Member)>,
    places: HashMap<String, usize>,
    /// Whether the member of this place is in a group already.
    grouped: Vec<bool>,
    quorum: Option<Option<usize>>,
}

impl Reader {
    fn log(&mut self, key: &str) -> Result<(), Error> {
        let key: VerifierKey = key.parse()?;
        if key.algorithm() != Algorithm::Ed25519 {
            return Err(malformed("has a log whose key is that of a witness"));
        }
        if self.logs.contains(&key) {
            return Err(malformed("has a log twice"));
        }
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str) -> Result<(), Error> {
        let key: VerifierKey = key.parse()?;
        if key.algorithm() != Algorithm::Cosignature {
            return Err(malformed("has a witness whose key is that of a log"));
        }
        let is_known = self.members.iter().any(|(_, member)| match member {
            Member::Witness(other) => **other == key,
            Member::Group { .. } => false,
        });
        if is_known {
            // Counted twice, one witness would be a quorum of two.
            return Err(malformed("has a witness twice"));
        }
        self.add(name, Member::Witness(Box::new(key)))
    }

    fn group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Result<(), Error> {
        let mut places = Vec::with_capacity(members.len());
        for member in members {
            let place =
                *self.places.get(*member).ok_or(malformed("has a member before it is defined"))?;
            if self.grouped.get(place) != Some(&false) {
                return Err(malformed("has a member of two groups"));
            }
            self.grouped.iter_mut().skip(place).take(1).for_each(|it| *it = true);
            places.push(place);
        }
        let threshold = match threshold {
            "any" => 1,
            "all" => places.len(),
            number => number.parse().map_err(|_| malformed("has a threshold that is no number"))?,
        };
        if threshold == 0 || threshold > places.len() {
            return Err(malformed("has a threshold that its group cannot meet"));
        }
        self.add(name, Member::Group { threshold, members: places })
    }

    fn quorum(&mut self, name: &str) -> Result<(), Error> {
        if self.quorum.is_some() {
            return Err(malformed("has two quorums"));
        }
        self.quorum = Some(match name {
            "none" => None,
            name => {
                Some(*self.places.get(name).ok_or(malformed("has a quorum that is not defined"))?)
            }
        });
        Ok(())
    }

    fn add(&mut self, name: &str, member: Member) -> Result<(), Error> {
        if name == "none" || self.places.insert(name.to_owned(), self.members.len()).is_some() {
            return Err(malformed("has a name twice, or names something `none`"));
        }
        self.members.push((name.to_owned(), member));
        self.grouped.push(false);
        Ok(())
    }
}

const fn malformed(why: &'static str) -> Error {
    Error::Malformed { what: "policy", why }
}
