//! What the catalogue says about a service: operations, shapes, members.
//!
//! Lives here: the types only. `decode` fills them, `routes` matches paths.

use std::{fmt, sync::OnceLock};

use record::redact::Decision;

use super::routes::Routes;

/// How requests and responses of a service are spelt.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Protocol {
    /// AWS JSON 1.0: `X-Amz-Target` and a JSON body.
    Json10,
    /// AWS JSON 1.1.
    Json11,
    /// AWS query: a form with `Action` and `Version`, XML back.
    Query,
    /// EC2's dialect of query.
    Ec2,
    /// Method and path, JSON bodies.
    RestJson,
    /// Method and path, XML bodies.
    RestXml,
    /// Smithy RPC v2 over CBOR.
    RpcV2Cbor,
}

/// Whether a value belongs to what was asked or to what was answered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Side {
    /// `requestParameters`.
    Request,
    /// `responseElements`.
    Response,
}

/// The HTTP method of an operation.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Method {
    Get,
    Put,
    Post,
    Delete,
    Head,
    Patch,
    Options,
}

impl Method {
    /// The method of a request, if an operation can have it.
    #[must_use]
    pub fn of(method: &http::Method) -> Option<Self> {
        Some(match method.as_str() {
            "GET" => Self::Get,
            "PUT" => Self::Put,
            "POST" => Self::Post,
            "DELETE" => Self::Delete,
            "HEAD" => Self::Head,
            "PATCH" => Self::Patch,
            "OPTIONS" => Self::Options,
            _ => return None,
        })
    }
}

/// One operation of a service.
#[derive(Clone, Debug)]
pub struct Operation {
    /// As AWS spells it, such as `ListObjectsV2`.
    pub name: &'static str,
    /// What CloudTrail calls it: mostly the name; `ListObjects` for `ListObjectsV2`,
    /// `CreateFunction20150331` for Lambda's `CreateFunction`.
    pub event_name: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The URI template with its literal query, such as `/{Bucket}/{Key+}?acl`.
    pub uri: &'static str,
    /// What CloudTrail says in `readOnly`.
    pub read_only: bool,
    /// Whether AWS has put another in its place.
    pub deprecated: bool,
    /// Management or Data.
    pub category: record::Category,
    /// The CloudFormation-style type of what a data event is about, such as `AWS::S3::Object`.
    pub resource_type: Option<&'static str>,
    /// What is asked.
    pub input: Option<ShapeId>,
    /// What is answered. Only kept for operations that are not read-only, since CloudTrail shows
    /// the answers of no others.
    pub output: Option<ShapeId>,
    /// The element that holds the output in a query document, such as `AssumeRoleResult`.
    pub result_wrapper: Option<&'static str>,
}

/// A shape's number within its service.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ShapeId(pub(super) u32);

/// A type of the model.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What it consists of.
    pub kind: Kind,
    /// Whether the model marks it as sensitive.
    pub sensitive: bool,
    /// How it is spelt, where it is a timestamp that says so itself.
    pub timestamp: Option<TimestampFormat>,
}

/// What a shape consists of.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Named members; `payload` names the one that is the whole body.
    Structure {
        /// In the model's order.
        members: Box<[Member]>,
        /// The member that is the whole body.
        payload: Option<&'static str>,
    },
    /// Elements of one shape.
    List {
        /// Its wire name is that of each element in XML.
        element: Box<Member>,
        /// Whether XML and query leave out the enclosing element.
        flattened: bool,
    },
    /// Keys that are strings, and values of one shape.
    Map {
        /// The key.
        key: Box<Member>,
        /// The value.
        value: Box<Member>,
        /// Whether XML and query leave out the enclosing element.
        flattened: bool,
    },
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// An instant.
    Timestamp,
    /// Bytes.
    Blob,
    /// JSON of any shape.
    Document,
}

/// A member of a structure, the element of a list, the key or value of a map.
#[derive(Clone, Debug)]
pub struct Member {
    /// The model's name; `member`, `key` or `value` for parts of lists and maps.
    pub name: &'static str,
    /// The name on the wire, where it differs.
    pub wire_name: Option<&'static str>,
    /// The name in an EC2 query, where it differs from the rule.
    pub query_name: Option<&'static str>,
    /// Its type.
    pub shape: ShapeId,
    /// Where in an HTTP message it stands.
    pub location: Location,
    /// How it is spelt, where it is a timestamp and says so.
    pub timestamp: Option<TimestampFormat>,
    /// Whether its bytes stream.
    pub streaming: bool,
    /// Whether it is an attribute of its element in XML.
    pub xml_attribute: bool,
    /// Whether XML and query leave out the element that would enclose it.
    pub flattened: bool,
    /// Whether it is JSON within a string (within base64, in a header).
    pub json_text: bool,
    /// Whether the operation cannot be called without it.
    pub required: bool,
    /// The reviewed decision on whether a record may show it; wins over the model's own mark.
    pub decision: Option<Decision>,
}

impl Member {
    /// The name on the wire.
    #[must_use]
    pub fn wire(&self) -> &'static str {
        self.wire_name.unwrap_or(self.name)
    }
}

/// Where in an HTTP message a member stands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Location {
    /// In the body.
    Body,
    /// A label of the path.
    Uri,
    /// A parameter of the query.
    Query,
    /// A header.
    Header,
    /// All headers that begin with the wire name.
    Headers,
    /// The status code.
    StatusCode,
}

/// How a timestamp is spelt.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TimestampFormat {
    /// `2026-02-03T09:01:07Z`.
    Iso8601,
    /// Seconds since 1970, possibly with a fraction.
    Unix,
    /// `Tue, 03 Feb 2026 09:01:07 GMT`.
    Rfc822,
}

/// The operations and shapes of one service.
pub struct Model {
    pub(super) operations: Box<[Operation]>,
    pub(super) shapes: Box<[Shape]>,
    pub(super) routes: OnceLock<Routes>,
}

impl Model {
    /// Every operation, sorted by name.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation of that name, as AWS spells it.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        let at = self.operations.binary_search_by(|it| it.name.cmp(name)).ok()?;
        self.operations.get(at)
    }

    /// The shape of that number; a document where the number is none of this service's.
    #[must_use]
    pub fn shape(&self, id: ShapeId) -> &Shape {
        const UNKNOWN: &Shape = &Shape { kind: Kind::Document, sensitive: false, timestamp: None };
        self.shapes.get(id.0 as usize).unwrap_or(UNKNOWN)
    }

    /// The members of a structure; none where the shape is something else.
    #[must_use]
    pub fn members(&self, id: Option<ShapeId>) -> &[Member] {
        match id.map(|id| &self.shape(id).kind) {
            Some(Kind::Structure { members, .. }) => members,
            _ => &[],
        }
    }

    /// The operation's shape on that side.
    #[must_use]
    pub fn side(&self, operation: &Operation, side: Side) -> Option<ShapeId> {
        match side {
            Side::Request => operation.input,
            Side::Response => operation.output,
        }
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("operations", &self.operations.len())
            .field("shapes", &self.shapes.len())
            .finish_non_exhaustive()
    }
}
