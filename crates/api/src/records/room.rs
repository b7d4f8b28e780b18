//! A bound on the memory that bodies take, shared by all requests.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many bytes for all requests together.
#[derive(Clone, Debug)]
pub(super) struct Room {
    units: Arc<Semaphore>,
}

/// What one request has taken of it; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    room: Room,
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        Self { units: Arc::new(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS))) }
    }

    pub(super) fn share(&self) -> Share {
        Share { room: self.clone(), bytes: 0, permit: None }
    }
}

impl Share {
    /// Takes `bytes` more. False when there is no room for them.
    ///
    /// Never waits: requests that hold a part each and wait for the rest would wait for each other.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let total = self.bytes.saturating_add(bytes);
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = total.div_ceil(UNIT).saturating_sub(held);
        if missing > 0 {
            let Ok(missing) = u32::try_from(missing) else { return false };
            let units = Arc::clone(&self.room.units);
            let Ok(more) = units.try_acquire_many_owned(missing) else { return false };
            match &mut self.permit {
                Some(permit) => permit.merge(more),
                none => *none = Some(more),
            }
        }
        self.bytes = total;
        true
    }
}

/// Room is counted in these.
const UNIT: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_come_from_one_room_and_go_back_to_it() {
        let room = Room::new(8 << 10);
        let (mut one, mut other) = (room.share(), room.share());
        assert!(one.grow(100) && one.grow(900) && one.grow(25));
        assert!(other.grow(6 << 10) && !other.grow(1));
        drop(one);
        assert!(other.grow(1) && other.grow(2_000) && !other.grow(1 << 40));
    }
}
