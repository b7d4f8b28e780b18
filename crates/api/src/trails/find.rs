//! Which trail a name or an ARN means to a caller, and what the caller may do with it.
//!
//! A bare name means a trail of the caller's account whose home is the region of the call. Another
//! region's trail, and an organization's in a member account, are reached by ARN. A trail is changed
//! in its home region only.

use catalog::{InvalidTrailArn, Trail, TrailArn, TrailName};
use wire::shapes::cloudtrail::ErrorCode;

use super::{Asked, organizations::not_management};
use crate::fault::{Fault, fault};

impl Asked<'_> {
    /// The ARN that a name or an ARN stands for here.
    ///
    /// # Errors
    /// `CloudTrailARNInvalidException`, `InvalidTrailNameException`.
    pub(super) fn arn(&self, name_or_arn: &str) -> Result<TrailArn, Fault> {
        if name_or_arn.starts_with("arn:") {
            return arn(name_or_arn);
        }
        self.arn_of_new(name_or_arn)
    }

    /// The ARN that a trail of that name has here.
    ///
    /// # Errors
    /// `InvalidTrailNameException`.
    pub(super) fn arn_of_new(&self, name: &str) -> Result<TrailArn, Fault> {
        let name = TrailName::parse(name)
            .map_err(|reason| fault(ErrorCode::InvalidTrailNameException, &reason.to_string()))?;
        Ok(TrailArn { home_region: self.region.to_owned(), account: self.account, name })
    }

    /// A trail to look at.
    ///
    /// # Errors
    /// Those of [`Asked::arn`]; `TrailNotFoundException`; `CloudTrailARNInvalidException` when the
    /// trail is not in the region of the call.
    pub(super) async fn find(&self, name_or_arn: &str) -> Result<Trail, Fault> {
        let trail = self.visible(&self.arn(name_or_arn)?).await?;
        if trail.is_in(self.region) { Ok(trail) } else { Err(self.wrong_region()) }
    }

    /// A trail to change.
    ///
    /// # Errors
    /// Those of [`Asked::arn`]; `TrailNotFoundException`; `InvalidHomeRegionException` outside its
    /// home region; `NotOrganizationMasterAccountException` for an organization's, in a member
    /// account.
    pub(super) async fn find_to_change(&self, name_or_arn: &str) -> Result<Trail, Fault> {
        let trail = self.visible(&self.arn(name_or_arn)?).await?;
        if trail.arn.account != self.account {
            let organization = self.organization().await?;
            if !organization.is_some_and(|it| it.administers(self.account)) {
                return Err(not_management());
            }
        }
        if trail.arn.home_region == self.region {
            return Ok(trail);
        }
        let message = format!("The home region of this trail is {}.", trail.arn.home_region);
        Err(fault(ErrorCode::InvalidHomeRegionException, &message))
    }

    /// Every trail that the caller can see from any region: those of its account, and those of its
    /// organization.
    pub(super) async fn all_visible(&self) -> Result<Vec<Trail>, Fault> {
        let own = self.catalog().trails(self.account).await;
        let mut trails = own.map_err(|it| self.refused(it))?;
        if let Some(organization) = self.organization().await?
            && organization.management != self.account
        {
            let theirs = self.catalog().trails(organization.management).await;
            let theirs = theirs.map_err(|it| self.refused(it))?;
            let is_shared =
                |it: &Trail| it.settings.organization.as_ref() == Some(&organization.id);
            trails.extend(theirs.into_iter().filter(is_shared));
        }
        Ok(trails)
    }

    /// The trail of that ARN, as if there were none when the caller must not see it.
    async fn visible(&self, arn: &TrailArn) -> Result<Trail, Fault> {
        let found = self.catalog().trail(arn).await.map_err(|it| self.refused(it))?;
        let found = found.ok_or_else(|| self.unknown(&arn.to_string()))?;
        if found.arn.account == self.account {
            return Ok(found);
        }
        let organization = self.organization().await?.map(|it| it.id);
        if organization.is_some() && organization == found.settings.organization {
            Ok(found)
        } else {
            Err(self.unknown(&arn.to_string()))
        }
    }

    pub(crate) fn wrong_region(&self) -> Fault {
        let region = self.region;
        fault(
            ErrorCode::CloudTrailARNInvalidException,
            &format!("Region in ARN is wrong, you can only access resources in region {region}."),
        )
    }
}

/// Reads the ARN of a trail.
pub(super) fn arn(text: &str) -> Result<TrailArn, Fault> {
    TrailArn::parse(text).map_err(|reason| match reason {
        InvalidTrailArn::Form => {
            fault(ErrorCode::CloudTrailARNInvalidException, &format!("The ARN {text} {reason}."))
        }
        InvalidTrailArn::Name(reason) => {
            fault(ErrorCode::CloudTrailARNInvalidException, &reason.to_string())
        }
    })
}
