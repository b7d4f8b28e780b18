//! Which resource tags belong to, and what a tag may be.
//!
//! Spec: CloudTrail API Reference, "Tag"; AWS General Reference, "Tag naming limits and
//! requirements".

use std::collections::BTreeSet;

use catalog::{TAGS_MAX, Tag, Trail};
use wire::shapes::cloudtrail::{self as shape, ErrorCode};

use super::{Asked, find};
use crate::fault::{Fault, fault};

impl Asked<'_> {
    /// The trail whose tags are meant.
    ///
    /// # Errors
    /// `CloudTrailARNInvalidException` for what is not the ARN of a trail or not in the region of
    /// the call; `ResourceNotFoundException`, and `EventDataStoreNotFoundException` for the ARN of an
    /// event data store, of which there are none.
    pub(super) async fn find_tagged(&self, arn: &str) -> Result<Trail, Fault> {
        let missing =
            || fault(ErrorCode::ResourceNotFoundException, &format!("Resource not found: {arn}"));
        if arn.contains(":eventdatastore/") {
            let message = format!("Event data store not found: {arn}");
            return Err(fault(ErrorCode::EventDataStoreNotFoundException, &message));
        }
        if arn.contains(":channel/") || arn.contains(":dashboard/") {
            return Err(missing());
        }
        let wanted = find::arn(arn)?;
        let trails = self.all_visible().await?;
        let trail = trails.into_iter().find(|it| it.arn == wanted).ok_or_else(missing)?;
        if trail.is_in(self.region) { Ok(trail) } else { Err(self.wrong_region()) }
    }

    /// The trail whose tags are to be changed, at home and its owner's.
    ///
    /// # Errors
    /// Those of [`Asked::find_tagged`]; `NotOrganizationMasterAccountException`.
    pub(super) async fn find_tagged_to_change(&self, arn: &str) -> Result<Trail, Fault> {
        let trail = self.find_tagged(arn).await?;
        if trail.arn.home_region != self.region {
            return Err(self.wrong_region());
        }
        self.find_to_change(arn).await
    }
}

/// Reads the tags of a request.
///
/// # Errors
/// `TagsLimitExceededException`, `InvalidTagParameterException`.
pub(super) fn tags(given: Vec<shape::Tag>) -> Result<Vec<Tag>, Fault> {
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
