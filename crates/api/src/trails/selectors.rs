//! `PutEventSelectors` and `GetEventSelectors`.

use catalog::{LoggingChange, Trail, TrailSettings};
use matching::{Given, Selectors, Target};
use serde_json::{Value, json};
use wire::shapes::cloudtrail::{ErrorCode, GetEventSelectorsRequest, PutEventSelectorsRequest};

use super::{Asker, Trails, arn_of, read};
use crate::fault::{Fault, fault, internal};

impl Trails {
    pub(super) async fn put_selectors(
        &self,
        asker: Asker<'_>,
        request: Value,
    ) -> Result<Value, Fault> {
        let given: Given = serde_json::from_value(request.clone()).unwrap_or_default();
        let request: PutEventSelectorsRequest = read(request)?;
        let trail = self.find_to_change(asker, request.trail_name.as_deref()).await?;
        let selectors = Selectors::parse(given, Target::Trail).map_err(|error| {
            fault(ErrorCode::InvalidEventSelectorsException, &error.to_string())
        })?;
        let stored = serde_json::to_value(&selectors).map_err(internal)?;
        let settings = TrailSettings { selectors: Some(stored.clone()), ..trail.settings.clone() };
        if settings != trail.settings {
            self.catalog
                .change_trail(&trail.id, &settings, self.position(), LoggingChange::None)
                .await
                .map_err(internal)?;
        }
        Ok(with_arn(&trail, stored))
    }

    pub(super) async fn get_selectors(
        &self,
        asker: Asker<'_>,
        request: Value,
    ) -> Result<Value, Fault> {
        let request: GetEventSelectorsRequest = read(request)?;
        let trail = self.find(asker, request.trail_name.as_deref()).await?;
        let selectors = serde_json::to_value(of(&trail)).map_err(internal)?;
        Ok(with_arn(&trail, selectors))
    }
}

/// The selectors of a trail, or the default ones.
fn of(trail: &Trail) -> Selectors {
    let stored = trail.settings.selectors.clone();
    stored.and_then(|it| serde_json::from_value(it).ok()).unwrap_or_default()
}

/// Whether somebody has set other selectors than the default ones.
pub(super) fn are_custom(trail: &Trail) -> bool {
    of(trail).is_custom()
}

fn with_arn(trail: &Trail, selectors: Value) -> Value {
    let mut answer = json!({"TrailARN": arn_of(trail)});
    if let (Some(answer), Value::Object(selectors)) = (answer.as_object_mut(), selectors) {
        answer.extend(selectors);
    }
    answer
}
