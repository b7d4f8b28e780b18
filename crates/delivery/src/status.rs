//! What `GetTrailStatus` says of deliveries.

use std::collections::BTreeMap;

pub use catalog::DeliveryStatus as Status;

/// The status of every trail that ever had something to deliver, by ARN.
pub type Statuses = BTreeMap<String, Status>;
