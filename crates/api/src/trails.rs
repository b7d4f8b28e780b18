//! Trails: what a caller may ask of them.
//!
//! Lives here: finding the trail that a call means, and who may change it where. Each operation has
//! a file of its own below.
//! Lives elsewhere: where trails are kept (`catalog`), what selectors are (`matching`).
//!
//! Start at [`Trails::answer`].
//! Spec: CloudTrail API Reference and User Guide, "Working with trails".

mod create;
mod delete;
mod name;
mod selectors;
mod settings;
mod show;
mod status;
mod tags;
mod update;

use std::{fmt, sync::Arc};

use catalog::{Catalog, Trail};
use futures::future::BoxFuture;
use log::Position;
use record::AccountId;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use wire::shapes::{
    Request,
    cloudtrail::{ErrorCode, Operation},
};

use self::name::{Wanted, arn};
use crate::fault::{Fault, fault, internal, refused};

/// Whether a trail may deliver where it wants to. Handed in, since buckets are a neighbour's.
pub trait Destinations: fmt::Debug + Send + Sync {
    /// Whether `bucket` is there and takes the files of `account`.
    fn check<'a>(
        &'a self,
        bucket: &'a str,
        account: AccountId,
    ) -> BoxFuture<'a, Result<(), Unusable>>;
}

/// Why a bucket cannot be a trail's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unusable {
    /// There is none of that name.
    Missing,
    /// It is another account's, and no policy lets the trail write.
    Denied,
}

/// What answers the operations on trails.
#[derive(Clone, Debug)]
pub struct Trails {
    catalog: Catalog,
    destinations: Arc<dyn Destinations>,
    /// The end of the log: where a change takes effect.
    end: watch::Receiver<Position>,
}

/// Who asks, and where.
#[derive(Clone, Copy, Debug)]
struct Asker<'a> {
    account: AccountId,
    region: &'a str,
}

impl Trails {
    /// Answers from `catalog`. A change takes effect at the position that `end` has then.
    #[must_use]
    pub fn new(
        catalog: Catalog,
        destinations: Arc<dyn Destinations>,
        end: watch::Receiver<Position>,
    ) -> Self {
        Self { catalog, destinations, end }
    }

    /// Answers a call; `None` when the operation is not one of these.
    ///
    /// # Errors
    /// The faults that the model names for the operation.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most operations are not about trails")]
    pub(crate) async fn answer(
        &self,
        operation: Operation,
        account: AccountId,
        region: &str,
        request: Value,
    ) -> Option<Result<Value, Fault>> {
        let asker = Asker { account, region };
        Some(match operation {
            Operation::AddTags => self.add_tags(asker, request).await,
            Operation::CreateTrail => self.create(asker, request).await,
            Operation::DeleteTrail => self.delete(asker, request).await,
            Operation::DescribeTrails => self.describe(asker, request).await,
            Operation::GetEventSelectors => self.get_selectors(asker, request).await,
            Operation::GetTrail => self.get(asker, request).await,
            Operation::GetTrailStatus => self.status(asker, request).await,
            Operation::ListTags => self.list_tags(asker, request).await,
            Operation::ListTrails => self.list(asker, request).await,
            Operation::PutEventSelectors => self.put_selectors(asker, request).await,
            Operation::RemoveTags => self.remove_tags(asker, request).await,
            Operation::UpdateTrail => self.update(asker, request).await,
            _ => return None,
        })
    }

    /// The trail that a name or an ARN means. A bare name is one of the asker's region.
    async fn find(&self, asker: Asker<'_>, text: Option<&str>) -> Result<Trail, Fault> {
        let text = text.unwrap_or_default();
        let wanted = Wanted::parse(text, asker)?;
        let found = self.catalog.trail(wanted.as_name()).await.map_err(internal)?;
        // Whether another account has such a trail is nobody's business.
        let found = found.filter(|it| it.account == asker.account);
        found.ok_or_else(|| unknown(&wanted.arn(), asker))
    }

    /// The same, for an operation that changes it: that is done in its home region alone.
    async fn find_to_change(&self, asker: Asker<'_>, text: Option<&str>) -> Result<Trail, Fault> {
        let trail = self.find(asker, text).await?;
        if trail.home_region == asker.region {
            return Ok(trail);
        }
        Err(fault(
            ErrorCode::InvalidHomeRegionException,
            &format!(
                "Trail {} can only be changed in its home region, {}.",
                arn_of(&trail),
                trail.home_region
            ),
        ))
    }

    /// The trails that can be seen in the asker's region: those at home there, and the shadows of
    /// those that are in every region.
    async fn visible(&self, asker: Asker<'_>, shadows: bool) -> Result<Vec<Trail>, Fault> {
        let mut trails = self.catalog.trails(asker.account).await.map_err(internal)?;
        trails.retain(|it| {
            it.home_region == asker.region || (shadows && it.settings.is_multi_region)
        });
        Ok(trails)
    }

    fn position(&self) -> u64 {
        self.end.borrow().0
    }
}

fn arn_of(trail: &Trail) -> String {
    arn(&trail.home_region, trail.account, &trail.name)
}

fn unknown(arn: &str, asker: Asker<'_>) -> Fault {
    let message = format!("Unknown trail: {arn} for the user: {}", asker.account.as_str());
    fault(ErrorCode::TrailNotFoundException, &message)
}

/// Reads a request, and checks what the model demands.
fn read<R: Request>(request: Value) -> Result<R, Fault> {
    R::read(request).map_err(refused)
}

/// Writes an answer.
fn written(answer: &impl Serialize) -> Result<Value, Fault> {
    serde_json::to_value(answer).map_err(internal)
}
