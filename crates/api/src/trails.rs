//! Trails: everything that CloudTrail's control plane can do with them.
//!
//! Lives here: what the operations have in common, and who sees which trail.
//! Lives elsewhere: each operation, in a file of its own; how trails are kept (`catalog`), what
//! selectors mean (`matching`), deliveries (`delivery`).
//!
//! A change takes effect at the end of the log as it is when the change is made: records before it
//! are judged by what the trail was.
//!
//! Start at [`Trails`], then at `create_trail`.
//! Spec: CloudTrail API Reference, the operations named as the files here; CloudTrail User Guide,
//! "Understanding multi-Region trails and opt-in Regions" and "Creating a trail for an organization".

mod add_tags;
mod create_trail;
mod delegated_admins;
mod delete_trail;
mod describe_trails;
mod destinations;
mod find;
mod get_event_selectors;
mod get_insight_selectors;
mod get_trail;
mod get_trail_status;
mod kept;
mod list_public_keys;
mod list_tags;
mod list_trails;
pub(crate) mod organizations;
mod put_event_selectors;
mod put_insight_selectors;
mod remove_tags;
pub(crate) mod settings;
mod shown;
mod start_logging;
mod stop_logging;
pub(crate) mod tagged;
mod update_trail;

use std::sync::Arc;

use catalog::Catalog;
use jiff::Timestamp;
use log::EventLog;
use record::AccountId;

pub(crate) use self::{
    add_tags::add_tags,
    create_trail::create_trail,
    delegated_admins::{
        deregister_organization_delegated_admin, register_organization_delegated_admin,
    },
    delete_trail::delete_trail,
    describe_trails::describe_trails,
    get_event_selectors::get_event_selectors,
    get_insight_selectors::get_insight_selectors,
    get_trail::get_trail,
    get_trail_status::get_trail_status,
    list_public_keys::list_public_keys,
    list_tags::list_tags,
    list_trails::list_trails,
    put_event_selectors::put_event_selectors,
    put_insight_selectors::put_insight_selectors,
    remove_tags::remove_tags,
    start_logging::start_logging,
    stop_logging::stop_logging,
    update_trail::update_trail,
};
pub use self::{
    destinations::{Anywhere, Destination, DestinationProblem, Destinations, key_in},
    organizations::{Organization, Organizations},
};
use crate::stores::Stores;

/// What operations on trails need.
#[derive(Clone, Debug)]
pub struct Trails {
    /// Keeps the trails.
    pub catalog: Catalog,
    /// Says at which position a change takes effect.
    pub log: Arc<dyn EventLog>,
    /// Says whether a trail can write to where it is told to.
    pub destinations: Arc<dyn Destinations>,
    /// Says which organization an account belongs to.
    pub organizations: Arc<dyn Organizations>,
    /// Whether somebody looks for unusual activity. If not, what would promise it is refused.
    pub have_insights: bool,
}

/// One call: who asks, where and when.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) trails: &'a Trails,
    /// Absent when nobody keeps event data stores here.
    pub(crate) stores: Option<&'a Stores>,
    pub(crate) account: AccountId,
    /// ARN of the caller.
    pub(crate) principal: &'a str,
    pub(crate) region: &'a str,
    pub(crate) now: Timestamp,
}

impl Asked<'_> {
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.trails.catalog
    }

    /// Where a change takes effect: at the end of what is acknowledged.
    pub(crate) fn position(&self) -> u64 {
        self.trails.log.durable().borrow().0
    }

    /// Where an end takes effect: behind the record of the call that ends it, which CloudTrail still
    /// delivers. What comes next is that record, or the record of a call made meanwhile.
    pub(crate) fn position_behind(&self) -> u64 {
        self.position().saturating_add(1)
    }
}
