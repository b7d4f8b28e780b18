//! The AWS services that Trailmark implements, one operation per file, and its own routes.
//!
//! Lives here: what operations do and which errors they have.
//! Lives elsewhere: how requests and answers are spelt (`wire`), who may call (`door`), where records
//! are kept (`log`, `lake`).
//!
//! Start at [`CloudTrail`], [`Trails`], [`Stores`], [`Organizations`] and [`Records`].

mod body;
pub mod channels;
mod cloudtrail;
mod cloudtrail_data;
mod fault;
mod imports;
mod lookup_events;
mod organizations;
mod page;
mod policies;
mod queries;
pub mod records;
pub mod stores;
mod sts;
mod tail;
mod trailmark;
pub mod trails;

pub use cloudtrail::CloudTrail;
pub use cloudtrail_data::CloudTrailData;
pub use organizations::Organizations;
pub use records::{KeepBeforeTrim, Records, Window};
pub use stores::Stores;
pub use sts::Sts;
pub use tail::Tail;
pub use trailmark::Trailmark;
pub use trails::Trails;
