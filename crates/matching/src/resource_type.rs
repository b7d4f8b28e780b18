//! The types of resource that data events are about, and what their ARNs look like.
//!
//! The table is `resource_types.tsv`. Where it records no form of ARN, any ARN will do.
//! Spec: CloudTrail API Reference, `AdvancedFieldSelector`; CloudTrail User Guide, "Logging data
//! events", the table of `resources.type` values.

use std::sync::LazyLock;

/// A type of resource that `resources.type` may name in a selector of data events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResourceType {
    name: &'static str,
    service: &'static str,
    event_source: &'static str,
    basic: bool,
    arns: &'static str,
}

impl ResourceType {
    /// Every type, by name.
    #[must_use]
    pub fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<ResourceType>> = LazyLock::new(|| {
            let rows = include_str!("resource_types.tsv").lines();
            let mut all: Vec<_> =
                rows.filter(|it| !it.starts_with('#')).filter_map(ResourceType::of_row).collect();
            all.sort_unstable_by_key(|it| it.name);
            all
        });
        &ALL
    }

    /// The type of this name, spelt exactly so.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let all = Self::all();
        all.get(all.binary_search_by_key(&name, |it| it.name).ok()?)
    }

    /// The type whose name is most like `name`, to help who mistyped it. The case of letters
    /// counts for nothing here.
    #[must_use]
    pub fn nearest(name: &str) -> Option<&'static Self> {
        // Comparing costs the product of the lengths, and a stranger may send thousands of letters.
        let name: String = name.chars().take(NAME_MAX).collect::<String>().to_lowercase();
        let distance = |it: &Self| strsim::damerau_levenshtein(&it.name.to_lowercase(), &name);
        let nearest = Self::all().iter().min_by_key(|it| distance(it))?;
        (distance(nearest) <= nearest.name.len() / 3).then_some(nearest)
    }

    /// As CloudTrail spells it, such as `AWS::S3::Object`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The service that people know it by, such as `S3 access points`.
    #[must_use]
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// The `eventSource` of its data events, where that is known.
    #[must_use]
    pub fn event_source(&self) -> Option<&'static str> {
        (self.event_source != NONE).then_some(self.event_source)
    }

    /// Whether basic event selectors may name it, too.
    #[must_use]
    pub const fn is_basic(&self) -> bool {
        self.basic
    }

    /// Forms that an ARN of it may have, such as
    /// `arn:<partition>:sqs:<region>:<account_ID>:<queue_name>`. None where that is not known.
    pub fn arn_forms(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.arns.split(" | ").filter(|it| *it != NONE)
    }

    /// Whether a text can be the ARN of such a resource: of one of its forms, where they are known.
    #[must_use]
    pub fn is_arn(&self, text: &str) -> bool {
        let Some(arn) = Arn::split(text) else { return false };
        let mut forms = self.arn_forms().filter_map(Arn::split).peekable();
        forms.peek().is_none() || forms.any(|form| arn.has_form(&form))
    }

    /// The service as its ARNs name it; empty where that is not known.
    pub(crate) fn service_in_arn(&self) -> &'static str {
        self.arn_forms().find_map(Arn::split).map_or("", |it| it.service)
    }

    fn of_row(row: &'static str) -> Option<Self> {
        let mut columns = row.split('\t');
        Some(Self {
            name: columns.next()?,
            service: columns.next()?,
            event_source: columns.next()?,
            basic: columns.next()? == "yes",
            arns: columns.next()?,
        })
    }
}

/// The parts of an ARN, or of a form of ARNs.
struct Arn<'a> {
    partition: &'a str,
    service: &'a str,
    region: &'a str,
    account: &'a str,
    resource: &'a str,
}

impl<'a> Arn<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        (parts.next()? == "arn").then_some(())?;
        Some(Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next().filter(|it| !it.is_empty())?,
        })
    }

    /// Whether it has the form: the same service, a region and an account where the form has them,
    /// a resource that begins as the form's does and has its slashes.
    fn has_form(&self, form: &Self) -> bool {
        let fixed = form.resource.split('<').next().unwrap_or_default();
        let rest = self.resource.strip_prefix(fixed);
        let slashes = |it: &str| it.matches('/').count();
        // The form of objects ends with a slash: `bucket/`, which every object's ARN has.
        self.partition.starts_with("aws")
            && self.service == form.service
            && self.region.is_empty() == form.region.is_empty()
            && self.account.is_empty() == form.account.is_empty()
            && rest.is_some_and(|it| !it.is_empty() && !it.starts_with('/'))
            && slashes(self.resource) >= slashes(form.resource)
    }
}

/// What stands in a column without an entry.
const NONE: &str = "-";

/// Longer than any name of a type.
const NAME_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_arn(kind: &str, arn: &str, expected: bool) {
        assert_eq!(ResourceType::named(kind).unwrap().is_arn(arn), expected, "{kind} {arn}");
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        let rows = include_str!("resource_types.tsv").lines().filter(|it| !it.starts_with('#'));
        let rows: Vec<_> = rows.collect();
        assert_eq!(ResourceType::all().len(), rows.len());
        for kind in ResourceType::all() {
            assert_eq!(ResourceType::named(kind.name()), Some(kind));
            assert!(kind.name().len() < NAME_MAX && kind.name().starts_with("AWS::"), "{kind:?}");
            assert!(kind.event_source().is_none_or(|it| it.ends_with(".amazonaws.com")));
            for form in kind.arn_forms() {
                assert!(kind.is_arn(&form.replace("<partition>", "aws")), "{form}");
            }
        }
    }

    #[test]
    fn a_mistyped_name_finds_the_nearest() {
        let near = |name: &str| ResourceType::nearest(name).map(ResourceType::name);
        assert_eq!(near("AWS::S3::Objects"), Some("AWS::S3::Object"));
        assert_eq!(near("aws::lambda::function"), Some("AWS::Lambda::Function"));
        assert_eq!(near("AWS::DynamoDb::Tabel"), Some("AWS::DynamoDB::Table"));
        assert_eq!(near(&"x".repeat(2048)), None);
        assert_eq!(near(""), None);
    }

    #[test]
    fn an_object_has_a_bucket_and_a_slash() {
        check_arn("AWS::S3::Object", "arn:aws:s3:::ledger/", true);
        check_arn("AWS::S3::Object", "arn:aws-cn:s3:::ledger/2026/q.csv", true);
        check_arn("AWS::S3::Object", "arn:aws:s3:::ledger", false);
        check_arn("AWS::S3::Object", "arn:aws:s3:::/key", false);
        check_arn("AWS::S3::Object", "arn:aws:s3:eu-west-1:111122223333:ledger/", false);
    }

    #[test]
    fn a_table_and_a_function_have_a_region_and_an_account() {
        let arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders";
        check_arn("AWS::DynamoDB::Table", arn, true);
        check_arn("AWS::DynamoDB::Stream", arn, false);
        check_arn("AWS::Lambda::Function", arn, false);
        check_arn("AWS::DynamoDB::Table", "arn:aws:dynamodb:::table/orders", false);
        check_arn("AWS::DynamoDB::Table", "arn:aws:dynamodb:eu-west-1:111122223333:table/", false);
        check_arn(
            "AWS::Lambda::Function",
            "arn:aws:lambda:eu-west-1:111122223333:function:nightly",
            true,
        );
    }

    #[test]
    fn a_type_whose_arns_are_unknown_takes_any_arn() {
        check_arn("AWS::Redshift::Cluster", "arn:aws:redshift:eu-west-1:1:cluster/c", true);
        check_arn("AWS::Redshift::Cluster", "cluster/c", false);
    }
}
