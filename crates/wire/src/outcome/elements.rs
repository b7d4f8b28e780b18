//! What a response says, for operations whose answers CloudTrail shows.

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::{Document, is_query};
use crate::{
    catalogue::{Location, Protocol},
    identify::Identified,
    parameters::{json, markup, rest},
    xml::Element,
};

/// The elements with model names; nothing where there are none.
pub(super) fn read(
    it: &Identified,
    status: StatusCode,
    headers: &HeaderMap,
    document: &Document,
    body: Option<&[u8]>,
) -> Option<Value> {
    let (service, operation) = it.service.zip(it.operation)?;
    let model = service.model();
    let Some(shape) = operation.output else {
        // EC2 answers with its request id and `return` where the model has no output.
        return match document {
            Document::Xml(root) if it.protocol == Protocol::Ec2 && !operation.read_only => {
                Some(Value::Object(ec2_extras(root)))
            }
            Document::Xml(_) | Document::Json(_) | Document::None => None,
        };
    };
    let mut out = Map::new();
    match (it.protocol, document) {
        (Protocol::RestJson | Protocol::RestXml, _) => {
            for member in model.members(Some(shape)) {
                let value = if member.location == Location::StatusCode {
                    Some(Value::from(status.as_u16()))
                } else {
                    rest::from_headers(model, member, headers)
                };
                if let Some(value) = value {
                    out.insert(member.name.to_owned(), value);
                }
            }
            // A body that is not what it should be leaves the headers.
            let _ = rest::from_body(model, shape, it.protocol, body.unwrap_or_default(), &mut out);
        }
        (protocol, Document::Xml(root)) if is_query(protocol) => {
            let wrapped = operation.result_wrapper.and_then(|it| root.child(it)).unwrap_or(root);
            out = markup::structure(model, shape, wrapped);
            if protocol == Protocol::Ec2 {
                out.extend(ec2_extras(root));
            }
        }
        (_, Document::Json(value)) => {
            if let Ok(Value::Object(read)) = json::read(Some((model, Some(shape))), value) {
                out = read;
            }
        }
        (_, Document::Xml(_) | Document::None) => {}
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

/// The members that CloudTrail shows of every answer of EC2's, under its own names.
fn ec2_extras(root: &Element) -> Map<String, Value> {
    let mut out = Map::new();
    if let Some(id) = root.child_text("requestId") {
        out.insert("requestId".to_owned(), Value::String(id.to_owned()));
    }
    if let Some(done) = root.child_text("return") {
        out.insert("_return".to_owned(), Value::Bool(done == "true"));
    }
    out
}
