//! The catalogue of all AWS services: what they are called, and how their calls are spelt.
//!
//! Lives here: looking services up by folder name, signing name, endpoint prefix and target prefix;
//! their operations, shapes and REST routes. The data is generated (`tools/generate`) and lies in
//! `catalogue/services.bin`: a small index that is read at first use, and one compressed block per
//! service that is decoded when that service is first asked for something.
//! Lives elsewhere: telling the service of a request (`identify`), reading bodies (`parameters`).
//!
//! Start at [`catalogue`], then [`Service::operation`].
//! Source: the service models of botocore, Apache-2.0; version in `tools/generate/generate.py`.

mod decode;
mod model;
mod routes;

use std::sync::OnceLock;

pub use model::{
    Kind, Location, Member, Method, Model, Operation, Protocol, Shape, ShapeId, Side,
    TimestampFormat,
};
pub use routes::{Request, Route};

/// All services, sorted by name.
#[derive(Debug)]
pub struct Catalogue {
    services: Box<[Service]>,
    by_signing_name: Box<[(String, u16)]>,
    by_target: Box<[(&'static str, u16)]>,
}

/// What the index says about one service; its operations are decoded at first use.
#[derive(Debug)]
pub struct Service {
    /// The folder name in botocore, such as `s3` or `cognito-idp`. Unique.
    pub name: &'static str,
    /// The name that SDKs derive theirs from, such as `Cognito Identity Provider`.
    pub service_id: &'static str,
    /// The service of a credential scope, such as `monitoring` for CloudWatch. Several services may
    /// share one.
    pub signing_name: &'static str,
    /// The first labels of the host name, such as `email` for SES.
    pub endpoint_prefix: &'static str,
    /// What CloudTrail calls the service, such as `monitoring.amazonaws.com`.
    pub event_source: &'static str,
    /// The API's version, such as `2013-11-01`.
    pub api_version: &'static str,
    /// The protocols that the service speaks, its preferred one first.
    pub protocols: &'static [Protocol],
    /// What stands before the last dot of `X-Amz-Target`, and is the service in an RPC v2 path.
    pub target_prefix: Option<&'static str>,
    /// The namespace of its XML documents.
    pub xml_namespace: Option<&'static str>,
    block: &'static [u8],
    model: OnceLock<Model>,
}

/// The catalogue. The first call reads the index, which takes less than a millisecond.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| Catalogue::new(decode::index()))
}

impl Catalogue {
    fn new(services: Box<[Service]>) -> Self {
        let numbered = || services.iter().zip(0_u16..);
        let mut by_signing_name: Box<[_]> =
            numbered().map(|(it, at)| (it.signing_name.to_ascii_lowercase(), at)).collect();
        by_signing_name.sort_unstable();
        let mut by_target: Box<[_]> =
            numbered().filter_map(|(it, at)| Some((short_target(it.target_prefix?), at))).collect();
        by_target.sort_unstable();
        Self { services, by_signing_name, by_target }
    }

    /// Every service, sorted by name.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The service of that folder name, such as `sts`.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        let at = self.services.binary_search_by(|it| it.name.cmp(name)).ok()?;
        self.services.get(at)
    }

    /// The services that sign with that name, in any case: none, one, or a family such as that of
    /// `rds`, which Neptune and DocumentDB share.
    pub fn by_signing_name(&self, name: &str) -> impl Iterator<Item = &Service> {
        let name = name.to_ascii_lowercase();
        let from = self.by_signing_name.partition_point(|(it, _)| *it < name);
        self.by_signing_name
            .iter()
            .skip(from)
            .take_while(move |(it, _)| *it == name)
            .filter_map(|(_, at)| self.services.get(usize::from(*at)))
    }

    /// The services of an `X-Amz-Target` prefix or of the service in an RPC v2 path. Java's long
    /// form of a prefix (`com.amazonaws.….CloudTrail_20131101`) and the short one are the same.
    pub fn by_target_prefix(&self, prefix: &str) -> impl Iterator<Item = &Service> {
        let name = short_target(prefix);
        let from = self.by_target.partition_point(|(it, _)| *it < name);
        self.by_target
            .iter()
            .skip(from)
            .take_while(move |(it, _)| *it == name)
            .filter_map(|(_, at)| self.services.get(usize::from(*at)))
    }

    /// The services whose endpoint prefix that is, such as `email`.
    pub fn by_endpoint_prefix(&self, prefix: &str) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(move |it| it.endpoint_prefix.eq_ignore_ascii_case(prefix))
    }
}

impl Service {
    /// Operations, shapes and routes. The first call decodes the block of this service, which takes
    /// a fraction of a millisecond for most and a few for the largest; what it yields stays.
    pub fn model(&self) -> &Model {
        self.model.get_or_init(|| decode::model(self.block))
    }

    /// The operation of that name, as AWS spells it.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.model().operation(name)
    }

    /// Every operation, sorted by name.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        self.model().operations()
    }

    /// The operation that a REST request means.
    #[must_use]
    pub fn route(&self, request: &Request<'_>) -> Option<Route> {
        let model = self.model();
        model.routes.get_or_init(|| routes::Routes::compile(model)).find(request)
    }

    /// Whether the service speaks that protocol.
    #[must_use]
    pub fn speaks(&self, protocol: Protocol) -> bool {
        self.protocols.contains(&protocol)
    }

    /// Whether the service is addressed by method and path.
    #[must_use]
    pub fn is_rest(&self) -> bool {
        self.speaks(Protocol::RestJson) || self.speaks(Protocol::RestXml)
    }
}

/// What stands after the last dot: Java SDKs send the whole package, others the last part.
fn short_target(prefix: &str) -> &str {
    prefix.rsplit_once('.').map_or(prefix, |(_, last)| last)
}

#[cfg(test)]
mod tests;
