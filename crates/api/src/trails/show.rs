//! `GetTrail`, `DescribeTrails` and `ListTrails`.

use catalog::Trail;
use serde_json::{Map, Value, json};
use wire::shapes::cloudtrail::{DescribeTrailsRequest, GetTrailRequest, ListTrailsRequest};

use super::{Asker, Trails, arn_of, name::Wanted, read, selectors, settings::members};
use crate::fault::{Fault, internal};

impl Trails {
    pub(super) async fn get(&self, asker: Asker<'_>, request: Value) -> Result<Value, Fault> {
        let request: GetTrailRequest = read(request)?;
        let trail = self.find(asker, request.name.as_deref()).await?;
        Ok(json!({"Trail": shown(&trail)}))
    }

    /// Names that nobody knows are left out: that is no error here.
    pub(super) async fn describe(&self, asker: Asker<'_>, request: Value) -> Result<Value, Fault> {
        let request: DescribeTrailsRequest = read(request)?;
        let names = request.trail_name_list.unwrap_or_default();
        let shadows = request.include_shadow_trails.unwrap_or(true);
        let found = if names.is_empty() {
            self.visible(asker, shadows).await?
        } else {
            let mut found: Vec<Trail> = Vec::new();
            for name in &names {
                let wanted = Wanted::parse(name, asker)?;
                let trail = self.catalog.trail(wanted.as_name()).await.map_err(internal)?;
                let trail = trail.filter(|it| it.account == asker.account);
                found.extend(trail.filter(|it| found.iter().all(|other| other.id != it.id)));
            }
            found
        };
        let found: Vec<Value> = found.iter().map(|it| Value::Object(shown(it))).collect();
        Ok(json!({"trailList": found}))
    }

    pub(super) async fn list(&self, asker: Asker<'_>, request: Value) -> Result<Value, Fault> {
        // All fit on one page: a region shows five, so no token was ever given out.
        let _request: ListTrailsRequest = read(request)?;
        let trails: Vec<Value> = self
            .visible(asker, true)
            .await?
            .iter()
            .map(
                |it| json!({"TrailARN": arn_of(it), "Name": it.name, "HomeRegion": it.home_region}),
            )
            .collect();
        Ok(json!({"Trails": trails}))
    }
}

fn shown(trail: &Trail) -> Map<String, Value> {
    let mut shown = members(&trail.name, &arn_of(trail), &trail.settings);
    shown.insert("HomeRegion".to_owned(), trail.home_region.as_str().into());
    shown.insert("HasCustomEventSelectors".to_owned(), selectors::are_custom(trail).into());
    let insights = !trail.settings.insight_selectors.is_empty();
    shown.insert("HasInsightSelectors".to_owned(), insights.into());
    shown
}
