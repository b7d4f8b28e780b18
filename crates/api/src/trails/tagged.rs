//! Which resource tags belong to, and what a tag may be.
//!
//! Spec: CloudTrail API Reference, "Tag"; AWS General Reference, "Tag naming limits and
//! requirements".

use std::collections::BTreeSet;

use catalog::{ChannelArn, StoreArn, TAGS_MAX, Tag, Tagged, TrailArn};
use wire::shapes::cloudtrail::{self as shape, ErrorCode};

use super::{Asked, find};
use crate::{
    fault::{Fault, fault},
    stores::Use,
};

/// A resource that a request about tags means.
pub(super) enum Resource {
    Channel(ChannelArn),
    Store(StoreArn),
    Trail(TrailArn),
}

impl Resource {
    /// As the catalog takes it.
    pub(super) fn tagged(&self) -> Tagged<'_> {
        match self {
            Self::Channel(arn) => Tagged::Channel(arn),
            Self::Store(arn) => Tagged::Store(arn),
            Self::Trail(arn) => Tagged::Trail(arn),
        }
    }
}

impl Asked<'_> {
    /// The resource whose tags are meant.
    ///
    /// # Errors
    /// `CloudTrailARNInvalidException` for what is not the ARN of a trail or not in the region of
    /// the call; `ResourceNotFoundException`; for event data stores and channels
    /// `EventDataStoreARNInvalidException`, `EventDataStoreNotFoundException`,
    /// `InactiveEventDataStoreException`, `ChannelARNInvalidException` and
    /// `ChannelNotFoundException`.
    pub(super) async fn find_tagged(&self, arn: &str) -> Result<Resource, Fault> {
        self.tagged(arn, false).await
    }

    /// The resource whose tags are to be changed, at home and its owner's.
    ///
    /// # Errors
    /// Those of [`Asked::find_tagged`]; `NotOrganizationMasterAccountException`.
    pub(super) async fn find_tagged_to_change(&self, arn: &str) -> Result<Resource, Fault> {
        self.tagged(arn, true).await
    }

    async fn tagged(&self, arn: &str, to_change: bool) -> Result<Resource, Fault> {
        let missing =
            || fault(ErrorCode::ResourceNotFoundException, &format!("Resource not found: {arn}"));
        if arn.contains(":eventdatastore/") {
            let wanted = if to_change { Use::Change } else { Use::Look };
            return Ok(Resource::Store(self.find_active_store(arn, wanted).await?.arn));
        }
        if arn.contains(":channel/") {
            return Ok(Resource::Channel(self.find_channel(arn).await?.arn));
        }
        if arn.contains(":dashboard/") {
            return Err(missing());
        }
        let wanted = find::arn(arn)?;
        let trails = self.all_visible().await?;
        let trail = trails.into_iter().find(|it| it.arn == wanted).ok_or_else(missing)?;
        if !trail.is_in(self.region) || to_change && trail.arn.home_region != self.region {
            return Err(self.wrong_region());
        }
        if to_change {
            self.find_to_change(arn).await?;
        }
        Ok(Resource::Trail(trail.arn))
    }
}

/// Reads the tags of a request.
///
/// # Errors
/// `TagsLimitExceededException`, `InvalidTagParameterException`.
pub(crate) fn tags(given: Vec<shape::Tag>) -> Result<Vec<Tag>, Fault> {
    if given.len() > TAGS_MAX {
        let message = format!("A resource can have at most {TAGS_MAX} tags.");
        return Err(fault(ErrorCode::TagsLimitExceededException, &message));
    }
    let mut seen = BTreeSet::new();
    let mut tags = Vec::with_capacity(given.len());
    for shape::Tag { key, value } in given {
        let key = key.unwrap_or_default();
        check_text(&key, KEY_MAX)?;
        if let Some(value) = &value {
            check_text(value, VALUE_MAX)?;
        }
        if key.get(..4).is_some_and(|it| it.eq_ignore_ascii_case("aws:")) {
            return Err(invalid("Tag keys that begin with aws: are reserved."));
        }
        if !seen.insert(key.clone()) {
            return Err(invalid(&format!("The tag key {key} is specified more than once.")));
        }
        tags.push(Tag { key, value });
    }
    Ok(tags)
}

fn check_text(text: &str, max: usize) -> Result<(), Fault> {
    let allowed = |it: char| it.is_alphanumeric() || it.is_whitespace() || "_.:/=+-@".contains(it);
    if (1..=max).contains(&text.chars().count()) && text.chars().all(allowed) {
        return Ok(());
    }
    Err(invalid(&format!(
        "The tag key or value {text} is not valid: keys have 1 to {KEY_MAX} and values 1 to \
         {VALUE_MAX} letters, digits, spaces and _ . : / = + - @."
    )))
}

fn invalid(message: &str) -> Fault {
    fault(ErrorCode::InvalidTagParameterException, message)
}

const KEY_MAX: usize = 128;
const VALUE_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(keys: &[(&str, Option<&str>)], expected: Result<usize, &str>) {
        let given = keys.iter().map(|(key, value)| shape::Tag {
            key: Some((*key).to_owned()),
            value: value.map(str::to_owned),
        });
        let read = tags(given.collect()).map(|it| it.len()).map_err(|it| it.code);
        assert_eq!(read, expected.map_err(str::to_owned), "{keys:?}");
    }

    #[test]
    fn tags_obey_the_rules_of_aws() {
        check(&[], Ok(0));
        check(&[("team", Some("blue")), ("Grüße an alle", None), ("a_.:/=+-@", Some("1"))], Ok(3));
        check(&[(&"k".repeat(128), Some(&"v".repeat(256)))], Ok(1));
        let wrong = Err("InvalidTagParameterException");
        check(&[("", None)], wrong);
        check(&[(&"k".repeat(129), None)], wrong);
        check(&[("k", Some(""))], wrong);
        check(&[("k", Some(&"v".repeat(257)))], wrong);
        check(&[("k*", None)], wrong);
        check(&[("AWS:own", None)], wrong);
        check(&[("k", Some("1")), ("k", Some("2"))], wrong);
        let many: Vec<_> = (0..51).map(|it| format!("k{it}")).collect();
        let many: Vec<_> = many.iter().map(|it| (it.as_str(), None)).collect();
        check(&many, Err("TagsLimitExceededException"));
        check(&many[1..], Ok(50));
    }
}
