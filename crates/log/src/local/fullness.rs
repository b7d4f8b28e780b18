//! When the log is said to be full, and when to have room again: once each for a time without room.
//!
//! On a full disk small appends often fit where larger ones do not, and those who wait try again with
//! small ones. So there is room again only once the log has taken as much as it had refused at once.

use crate::local::queue::{Append, Class};

/// Whether it was said that the log is full.
#[derive(Debug, Default)]
pub(crate) struct Fullness {
    /// What has to be taken until there is room again; nothing while there is.
    missing: Option<Missing>,
}

#[derive(Debug)]
struct Missing {
    /// Bytes of the largest append that was refused.
    refused: u64,
    /// Bytes that were taken since the last refusal.
    taken: u64,
}

/// What became of a group of appends.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Bytes of the ordinary appends that were taken.
    taken: Option<u64>,
    /// Bytes of the largest append that was refused.
    refused: Option<u64>,
}

/// Something to tell the operator.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Change {
    Full,
    RoomAgain,
}

impl Fullness {
    /// Takes note of a group; what there is to say, if anything.
    pub(crate) fn follow(&mut self, seen: &Seen) -> Option<Change> {
        match (&mut self.missing, seen.refused) {
            (missing @ None, Some(refused)) => {
                *missing = Some(Missing { refused, taken: 0 });
                Some(Change::Full)
            }
            (Some(missing), Some(refused)) => {
                *missing = Missing { refused: missing.refused.max(refused), taken: 0 };
                None
            }
            (Some(missing), None) => {
                missing.taken += seen.taken.unwrap_or(0);
                if missing.taken < missing.refused {
                    return None;
                }
                self.missing = None;
                Some(Change::RoomAgain)
            }
            (None, None) => None,
        }
    }
}

impl Seen {
    pub(crate) fn of(taken: &[Append], refused: &[Append]) -> Self {
        // What uses the reserve does not show that there is room for others.
        let ordinary = taken.iter().filter(|it| it.class == Class::Ordinary).map(|it| it.bytes);
        Self {
            taken: ordinary.reduce(|sum, bytes| sum + bytes),
            refused: refused.iter().map(|it| it.bytes).max(),
        }
    }

    /// Whether the last of them found no room; nothing when they do not show it.
    pub(crate) fn is_full(&self) -> Option<bool> {
        match (self.refused, self.taken) {
            (Some(_), _) => Some(true),
            (None, Some(_)) => Some(false),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows groups, each of so many bytes that were taken or refused.
    #[track_caller]
    fn check(groups: &[Result<u64, u64>], expected: &[Option<Change>]) {
        let mut fullness = Fullness::default();
        let follow =
            |it: &Result<u64, u64>| fullness.follow(&Seen { taken: it.ok(), refused: it.err() });
        assert_eq!(groups.iter().map(follow).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn small_appends_that_fit_beside_larger_ones_that_do_not_are_one_time_without_room() {
        let mut groups = vec![Ok(9_000)];
        for _ in 0..50 {
            groups.extend([Err(20_000), Ok(150)]);
        }
        groups.extend([Ok(150), Ok(20_000), Ok(150)]);
        let mut expected: Vec<_> = groups.iter().map(|_| None).collect();
        expected[1] = Some(Change::Full);
        expected[102] = Some(Change::RoomAgain);
        check(&groups, &expected);
    }

    #[test]
    fn small_appends_show_room_once_together_they_are_as_much_as_was_refused() {
        check(
            &[Err(1_000), Ok(600), Ok(600), Ok(1), Err(10), Ok(10)],
            &[
                Some(Change::Full),
                None,
                Some(Change::RoomAgain),
                None,
                Some(Change::Full),
                Some(Change::RoomAgain),
            ],
        );
    }

    #[test]
    fn a_group_of_which_a_part_was_refused_finds_the_log_full() {
        let mut fullness = Fullness::default();
        let part = Seen { taken: Some(5_000), refused: Some(100) };
        assert_eq!(part.is_full(), Some(true));
        assert_eq!(fullness.follow(&part), Some(Change::Full));
        assert_eq!(fullness.follow(&part), None);
        assert_eq!(fullness.follow(&Seen::default()), None, "nothing was tried");
    }
}
