//! `DeleteTrail`. Bucket, files and log group stay.

use serde_json::{Map, Value};
use wire::shapes::cloudtrail::DeleteTrailRequest;

use super::{Asker, Trails, arn_of, read};
use crate::fault::{Fault, internal};

impl Trails {
    pub(super) async fn delete(&self, asker: Asker<'_>, request: Value) -> Result<Value, Fault> {
        let request: DeleteTrailRequest = read(request)?;
        let trail = self.find_to_change(asker, request.name.as_deref()).await?;
        let deleted = self.catalog.delete_trail(&trail, &arn_of(&trail), self.position()).await;
        deleted.map_err(internal)?;
        Ok(Value::Object(Map::new()))
    }
}
