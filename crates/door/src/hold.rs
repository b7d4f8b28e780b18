//! Bodies that are held in memory to be read, within a bound that all calls share.

use std::{pin::Pin, sync::Arc};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wire::answer::BoxError;

use crate::outflow::Inflow;

/// How many bytes all calls may hold at once.
#[derive(Debug)]
pub(crate) struct Budget {
    units: Arc<Semaphore>,
}

/// A part of the budget; given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Reserve {
    permit: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

/// What became of a body that was to be held.
pub(crate) enum Taken {
    /// All of it is here.
    Whole(Bytes),
    /// It is too long: what was read of it, and the rest.
    TooLarge(Bytes, Inflow),
    /// It broke off.
    Failed(BoxError),
    /// The budget is spent.
    NoRoom,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).min(Semaphore::MAX_PERMITS);
        Self { units: Arc::new(Semaphore::new(units)) }
    }
}

impl Reserve {
    /// Adds so many bytes to the reserve; whether there was room.
    pub(crate) fn grow(&mut self, budget: &Budget, bytes: usize) -> bool {
        let total = self.bytes + bytes;
        let units = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = total.div_ceil(UNIT).saturating_sub(units);
        if missing > 0 {
            let Ok(missing) = u32::try_from(missing) else { return false };
            let Ok(more) = Arc::clone(&budget.units).try_acquire_many_owned(missing) else {
                return false;
            };
            match &mut self.permit {
                Some(permit) => permit.merge(more),
                None => self.permit = Some(more),
            }
        }
        self.bytes = total;
        true
    }
}

/// Holds a body of up to `max` bytes. One that says itself that it is longer is not begun.
pub(crate) async fn hold(
    mut body: Inflow,
    max: usize,
    reserve: &mut Reserve,
    budget: &Budget,
) -> Taken {
    if body.size_hint().lower() > max as u64 {
        return Taken::TooLarge(Bytes::new(), body);
    }
    let mut whole = BytesMut::new();
    loop {
        let frame = match Pin::new(&mut body).frame().await {
            None => return Taken::Whole(whole.freeze()),
            Some(Err(error)) => return Taken::Failed(error),
            Some(Ok(frame)) => frame,
        };
        // Trailers of HTTP say nothing that a record shows.
        let Ok(data) = frame.into_data() else { continue };
        if !reserve.grow(budget, data.len()) {
            return Taken::NoRoom;
        }
        if whole.is_empty() && body.is_end_stream() && data.len() <= max {
            return Taken::Whole(data);
        }
        whole.extend_from_slice(&data);
        if whole.len() > max {
            return Taken::TooLarge(whole.freeze(), body);
        }
    }
}

/// The budget is counted in these.
const UNIT: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_given_back_and_never_more_than_there_is() {
        let budget = Budget::new(8 << 10);
        let (mut one, mut other) = (Reserve::default(), Reserve::default());
        assert!(one.grow(&budget, 100) && one.grow(&budget, 900));
        assert_eq!(budget.units.available_permits(), 7);
        assert!(other.grow(&budget, 7 << 10));
        assert!(!one.grow(&budget, 1000));
        drop(other);
        assert!(one.grow(&budget, 1000));
        drop(one);
        assert_eq!(budget.units.available_permits(), 8);
    }
}
