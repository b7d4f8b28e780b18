//! Basic event selectors: management events by reading and writing, data events by ARN.
//!
//! Spec: CloudTrail API Reference, `EventSelector` and `DataResource`.

use serde::{Deserialize, Serialize};

use crate::{Condition, Error, Field, Predicate, ResourceType, Test, given};

/// Event sources whose management events can be left out, in either form of selector.
pub(crate) const EXCLUDABLE: [&str; 2] = ["kms.amazonaws.com", "rdsdata.amazonaws.com"];

/// How many basic event selectors a trail may have.
const MAX_SELECTORS: usize = 5;

/// How many ARNs the basic event selectors of a trail may name. Those that stand for all resources
/// of a service do not count.
const MAX_VALUES: usize = 250;

/// A basic event selector. The default one chooses all management events, and nothing else.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventSelector {
    /// Which calls, of management and data events alike.
    pub read_write_type: ReadWriteType,
    /// Whether management events are chosen.
    pub include_management_events: bool,
    /// Data events are chosen when they are about one of these.
    pub data_resources: Vec<DataResource>,
    /// Event sources whose management events are not chosen.
    pub exclude_management_event_sources: Vec<String>,
}

/// Whether calls that read, that write, or both are chosen.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum ReadWriteType {
    /// Both.
    #[default]
    All,
    /// Calls whose record says that they are read-only.
    ReadOnly,
    /// All others.
    WriteOnly,
}

/// Resources of one type. Without values it chooses nothing.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataResource {
    /// `AWS::DynamoDB::Table`, `AWS::Lambda::Function` or `AWS::S3::Object`.
    pub r#type: String,
    /// The ARN of a table or function, the beginning of an object's ARN, or what stands for all.
    pub values: Vec<String>,
}

/// Which rule a basic event selector breaks. AWS's text where it is known.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum BasicReason {
    #[error(
        "Value {0} for ExcludeManagementEventSources is invalid; \
         specify kms.amazonaws.com or rdsdata.amazonaws.com."
    )]
    Exclude(String),
    #[error(
        "Invalid combination of parameters in EventSelectors. When includeManagementEvents is \
         false, DataResources must not be empty."
    )]
    Nothing,
    #[error("Value {0} for ReadWriteType is invalid; specify All, ReadOnly or WriteOnly.")]
    ReadWriteType(String),
    #[error(
        "Value {0} for DataResources.Type is invalid; specify AWS::DynamoDB::Table, \
         AWS::Lambda::Function or AWS::S3::Object, or use AdvancedEventSelectors for other types."
    )]
    Type(String),
    #[error("Value {0} for DataResources.Values is invalid.")]
    Value(String),
}

/// Checks the basic event selectors of a trail.
pub(crate) fn parse(given: Vec<given::EventSelector>) -> Result<Vec<EventSelector>, Error> {
    if given.len() > MAX_SELECTORS {
        return Err(Error::Selectors { given: given.len() });
    }
    let selectors: Vec<_> = given
        .into_iter()
        .map(EventSelector::parse)
        .collect::<Result<_, _>>()
        .map_err(Error::Basic)?;
    let resources = selectors.iter().flat_map(|it| &it.data_resources);
    let values = resources.flat_map(|it| &it.values).filter(|it| !stands_for_all(it)).count();
    if values > MAX_VALUES {
        return Err(Error::DataResources { given: values });
    }
    Ok(selectors)
}

impl Default for EventSelector {
    fn default() -> Self {
        Self {
            read_write_type: ReadWriteType::All,
            include_management_events: true,
            data_resources: Vec::new(),
            exclude_management_event_sources: Vec::new(),
        }
    }
}

impl EventSelector {
    fn parse(given: given::EventSelector) -> Result<Self, BasicReason> {
        let read_write_type = match given.read_write_type.as_deref() {
            None | Some("All") => ReadWriteType::All,
            Some("ReadOnly") => ReadWriteType::ReadOnly,
            Some("WriteOnly") => ReadWriteType::WriteOnly,
            Some(other) => return Err(BasicReason::ReadWriteType(other.to_owned())),
        };
        let include_management_events = given.include_management_events.unwrap_or(true);
        let data_resources = given.data_resources.unwrap_or_default();
        let data_resources: Vec<_> =
            data_resources.into_iter().map(DataResource::parse).collect::<Result<_, _>>()?;
        if !include_management_events && data_resources.is_empty() {
            return Err(BasicReason::Nothing);
        }
        let exclude = given.exclude_management_event_sources.unwrap_or_default();
        if let Some(other) = exclude.iter().find(|it| !EXCLUDABLE.contains(&it.as_str())) {
            return Err(BasicReason::Exclude(other.clone()));
        }
        Ok(Self {
            read_write_type,
            include_management_events,
            data_resources,
            exclude_management_event_sources: exclude,
        })
    }

    /// What it says: one predicate for management events, one for each kind of data resource.
    #[must_use]
    pub fn predicates(&self) -> Vec<Predicate> {
        let mut predicates = Vec::new();
        if self.include_management_events {
            let excluded = self.exclude_management_event_sources.iter().cloned();
            predicates.push(self.of_category("Management").with(Condition {
                field: Field::EventSource,
                any_of: Vec::new(),
                none_of: excluded.map(Test::Equals).collect(),
            }));
        }
        for resource in self.data_resources.iter().filter(|it| !it.values.is_empty()) {
            predicates.push(resource.narrow(self.of_category("Data")));
        }
        predicates
    }

    fn of_category(&self, category: &str) -> Predicate {
        let predicate = Predicate::default().with_equals(Field::EventCategory, category);
        match self.read_write_type {
            ReadWriteType::All => predicate,
            ReadWriteType::ReadOnly => predicate.with_equals(Field::ReadOnly, "true"),
            ReadWriteType::WriteOnly => predicate.with_equals(Field::ReadOnly, "false"),
        }
    }
}

impl DataResource {
    fn parse(given: given::DataResource) -> Result<Self, BasicReason> {
        let kind = given.r#type.unwrap_or_default();
        let Some(known) = ResourceType::named(&kind).filter(|it| it.is_basic()) else {
            return Err(BasicReason::Type(kind));
        };
        let values = given.values.unwrap_or_default();
        let valid = |it: &&String| {
            !it.contains('*')
                && (service_of_all(it) == Some(known.service_in_arn()) || known.is_arn(it))
        };
        match values.iter().find(|it| !valid(it)) {
            Some(other) => Err(BasicReason::Value(other.clone())),
            None => Ok(Self { r#type: kind, values }),
        }
    }

    /// Adds to a predicate that the record is about one of these resources.
    fn narrow(&self, predicate: Predicate) -> Predicate {
        let predicate = predicate.with_equals(Field::ResourceType, &self.r#type);
        if self.values.iter().any(|it| stands_for_all(it)) {
            return predicate;
        }
        // Objects are named by a beginning of their ARN, functions and tables by the whole of it.
        let test = if self.r#type == "AWS::S3::Object" { Test::StartsWith } else { Test::Equals };
        let any_of = self.values.iter().cloned().map(test).collect();
        predicate.with(Condition { field: Field::ResourceArn, any_of, none_of: Vec::new() })
    }
}

/// Whether a value stands for all resources of a service, such as `arn:aws:lambda`.
fn stands_for_all(value: &str) -> bool {
    service_of_all(value).is_some()
}

/// The service of a value that stands for all of its resources. That of S3 is also spelt
/// `arn:aws:s3:::`, as in its early days.
fn service_of_all(value: &str) -> Option<&str> {
    let (partition, service) = value.strip_prefix("arn:")?.split_once(':')?;
    let service = if service == "s3:::" { "s3" } else { service };
    let known = matches!(service, "dynamodb" | "lambda" | "s3");
    (partition.starts_with("aws") && known).then_some(service)
}

#[cfg(test)]
mod tests;
