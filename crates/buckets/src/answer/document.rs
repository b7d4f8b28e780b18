//! S3's error document: written here, or by `s3s` and completed here.

use http::{Response, StatusCode, header};
use wire::answer::{Body, full};

/// An error that `s3s` did not write.
pub(super) fn error(
    status: StatusCode,
    code: &str,
    message: &str,
    extras: &[(&'static str, String)],
) -> Response<Body> {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>",
        escape(code),
        escape(message)
    );
    for (name, value) in extras.iter().filter(|(name, _)| !matches!(*name, "RequestId" | "HostId"))
    {
        text.push_str(&format!("<{name}>{}</{name}>", escape(value)));
    }
    text.push_str(END);
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/xml"));
    response
}

/// The document with a message, where it had none, and the ids of the answer.
pub(super) fn complete(document: &[u8], request_id: &str, host_id: &str) -> Vec<u8> {
    let Some(text) = str::from_utf8(document).ok().and_then(|it| it.strip_suffix(END)) else {
        return document.to_vec();
    };
    let mut text = text.to_owned();
    if !text.contains("<Message>") {
        let code = between(&text, "<Code>", "</Code>").unwrap_or_default();
        text.push_str(&format!("<Message>{}</Message>", escape(usual_message(code))));
    }
    text.push_str(&format!(
        "<RequestId>{}</RequestId><HostId>{}</HostId>{END}",
        escape(request_id),
        escape(host_id)
    ));
    text.into_bytes()
}

const END: &str = "</Error>";

/// What S3 says with the codes that `s3s` uses without a message.
fn usual_message(code: &str) -> &'static str {
    match code {
        "IncompleteBody" => {
            "You did not provide the number of bytes specified by the Content-Length HTTP header"
        }
        "InvalidBucketName" => "The specified bucket is not valid.",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long",
        "MalformedXML" => {
            "The XML you provided was not well-formed or did not validate against our published \
             schema"
        }
        "MaxMessageLengthExceeded" => "Your request was too big.",
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "MissingContentLength" => "You must provide the Content-Length HTTP header.",
        "MissingRequestBodyError" => "Request Body is empty",
        "NotImplemented" => "A header you provided implies functionality that is not implemented",
        _ => "The request cannot be served.",
    }
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inner, _)| inner)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_code_message_and_ids() {
        let document = b"<Error><Code>InvalidBucketName</Code></Error>";
        assert_eq!(
            String::from_utf8(complete(document, "R<1>", "H")).unwrap(),
            "<Error><Code>InvalidBucketName</Code>\
             <Message>The specified bucket is not valid.</Message>\
             <RequestId>R&lt;1&gt;</RequestId><HostId>H</HostId></Error>"
        );
    }

    #[test]
    fn what_is_no_error_document_stays_as_it_is() {
        assert_eq!(complete(b"\xff<Error>", "R", "H"), b"\xff<Error>");
    }
}
