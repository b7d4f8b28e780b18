//! Heads of HTTP/1 messages, read strictly and kept as they were sent.
//!
//! Lives here: finding the end of a head, reading its lines, deciding how the body is framed, and
//! writing the head again for the next hop.
//! Lives elsewhere: the framing itself (`decode`).
//!
//! Both sides of a contradiction may be believed by someone behind us, so whatever can be read in
//! two ways is refused: two lengths, a length and chunks, two hosts, folded lines, bare line feeds.

use std::ops::Range;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING},
    request, response,
};
use smallvec::SmallVec;

use super::{HEAD_MAX, LINES_MAX, decode::Framing};

/// The head of a request.
#[derive(Debug)]
pub struct RequestHead {
    /// Method, target, version and headers.
    pub parts: request::Parts,
    /// The head as it was sent.
    pub raw: RawHead,
    /// How the body is framed.
    pub framing: Framing,
    /// Whether another request may follow on the connection.
    pub keep_alive: bool,
    /// Whether the caller waits to be told to send the body.
    pub expects_continue: bool,
}

/// The head of an answer.
#[derive(Debug)]
pub struct ResponseHead {
    /// Status, version and headers.
    pub parts: response::Parts,
    /// The head as it was sent.
    pub raw: RawHead,
    /// How the body is framed.
    pub framing: Framing,
    /// Whether another request may be sent on the connection.
    pub keep_alive: bool,
}

/// The bytes of a head, and where its lines are.
#[derive(Clone, Debug)]
pub struct RawHead {
    bytes: Bytes,
    /// Without the line's end.
    first: Range<usize>,
    /// With the lines' ends; those that concern this hop alone are left out.
    end_to_end: SmallVec<[Range<usize>; 24]>,
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    /// The target names another host than `Host` does, or is of a form that proxies alone serve.
    #[error("the target is not that of the host")]
    Authority,
    /// `Connection` names a header that has to travel on.
    #[error("the connection header names an end-to-end header")]
    Connection,
    /// An expectation other than `100-continue`.
    #[error("the expectation is not known")]
    Expectation,
    /// A length together with chunks, two lengths, or one that is no number.
    #[error("the length of the body is ambiguous")]
    Framing,
    /// No host, or more than one.
    #[error("the host is missing or given twice")]
    Host,
    /// A line that is no header: folded, with a blank before the colon, with a bare line feed.
    #[error("a header line is malformed")]
    Line,
    /// The first line is none of the protocol's.
    #[error("the first line is malformed")]
    Start,
    /// More bytes or lines than are read.
    #[error("the head is too large")]
    TooLarge,
    /// A transfer coding other than `chunked`.
    #[error("the transfer coding is not known")]
    TransferCoding,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    #[error("the version of the protocol is not known")]
    Version,
}

impl Refused {
    /// What to answer a caller.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Authority
            | Self::Connection
            | Self::Framing
            | Self::Host
            | Self::Line
            | Self::Start => StatusCode::BAD_REQUEST,
        }
    }
}

/// Takes the head of a request off `input`; `None` while it is not complete. `scanned` remembers
/// how far `input` was searched, and starts at zero for each head. Never panics, whatever the bytes.
///
/// # Errors
/// When the head is not one that can be read in one way only.
pub fn parse_request(
    input: &mut BytesMut,
    scanned: &mut usize,
) -> Result<Option<RequestHead>, Refused> {
    let Some(bytes) = complete(input, scanned)? else { return Ok(None) };
    let mut lines = Lines::of(&bytes);
    let first = lines.next().ok_or(Refused::Start)??;
    let (method, target, version) = request_line(&bytes, first.clone())?;
    let (mut headers, places) = headers(&bytes, lines)?;

    let target = settle_host(&method, target, version, &mut headers)?;
    let framing = match body_length(&headers, version)? {
        Some(framing) => framing,
        None => Framing::Empty,
    };
    let keep_alive = keep_alive(&headers, version)?;
    let expects_continue = match single(&headers, &EXPECT) {
        Ok(None) => false,
        Ok(Some(value)) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            version == Version::HTTP_11 && framing != Framing::Empty
        }
        Ok(Some(_)) | Err(Twice) => return Err(Refused::Expectation),
    };

    let (mut parts, ()) = http::Request::new(()).into_parts();
    (parts.method, parts.uri, parts.version, parts.headers) = (method, target, version, headers);
    let raw = RawHead { bytes, first, end_to_end: places };
    Ok(Some(RequestHead { parts, raw, framing, keep_alive, expects_continue }))
}

/// Takes the head of an answer off `input`, as [`parse_request`] does. `asked` is the method of the
/// request that is answered. Never panics, whatever the bytes.
///
/// # Errors
/// When the head is not one that can be read in one way only.
pub fn parse_response(
    input: &mut BytesMut,
    scanned: &mut usize,
    asked: &Method,
) -> Result<Option<ResponseHead>, Refused> {
    let Some(bytes) = complete(input, scanned)? else { return Ok(None) };
    let mut lines = Lines::of(&bytes);
    let first = lines.next().ok_or(Refused::Start)??;
    let (version, status) = status_line(bytes.get(first.clone()).unwrap_or_default())?;
    let (headers, places) = headers(&bytes, lines)?;

    let has_none = *asked == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let framing = match body_length(&headers, version)? {
        _ if has_none => Framing::Empty,
        Some(framing) => framing,
        None => Framing::UntilClose,
    };
    let keep_alive = keep_alive(&headers, version)? && framing != Framing::UntilClose;

    let (mut parts, ()) = http::Response::new(()).into_parts();
    (parts.status, parts.version, parts.headers) = (status, version, headers);
    let raw = RawHead { bytes, first, end_to_end: places };
    Ok(Some(ResponseHead { parts, raw, framing, keep_alive }))
}

impl RawHead {
    /// The first line, without its end.
    #[must_use]
    pub fn first_line(&self) -> &[u8] {
        self.bytes.get(self.first.clone()).unwrap_or_default()
    }

    /// Writes the header lines that travel on, each as it was sent and in the order of sending.
    pub fn write_lines(&self, to: &mut BytesMut) {
        to.reserve(self.bytes.len());
        for line in &self.end_to_end {
            to.put_slice(self.bytes.get(line.clone()).unwrap_or_default());
        }
    }
}

/// Takes a head off `input`, with the empty line that ends it.
fn complete(input: &mut BytesMut, scanned: &mut usize) -> Result<Option<Bytes>, Refused> {
    if *scanned == 0 && input.starts_with(b"\r\n") {
        // One empty line before a request is forgiven (RFC 9112, 2.2).
        let _ = input.split_to(2);
    }
    let from = scanned.saturating_sub(3);
    let unseen = input.get(from..).unwrap_or_default();
    let Some(at) = memchr::memmem::find(unseen, b"\r\n\r\n") else {
        *scanned = input.len();
        return if input.len() >= HEAD_MAX { Err(Refused::TooLarge) } else { Ok(None) };
    };
    *scanned = 0;
    let length = from + at + 4;
    if length > HEAD_MAX {
        Err(Refused::TooLarge)
    } else {
        Ok(Some(input.split_to(length).freeze()))
    }
}

/// The lines of a head, without their ends, up to the empty one.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Range<usize>, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..)?;
        // Whatever stands before the line feed must be the carriage return, and the only one.
        let feed = memchr::memchr2(b'\r', b'\n', rest)?;
        if rest.get(feed..feed + 2) != Some(b"\r\n") {
            return Some(Err(Refused::Line));
        }
        let line = self.at..self.at + feed;
        self.at = line.end + 2;
        (!line.is_empty()).then_some(Ok(line))
    }
}

fn request_line(bytes: &Bytes, line: Range<usize>) -> Result<(Method, Uri, Version), Refused> {
    let text = bytes.get(line.clone()).unwrap_or_default();
    let method_end = memchr::memchr(b' ', text).ok_or(Refused::Start)?;
    let target_end = memchr::memrchr(b' ', text).filter(|it| *it > method_end);
    let target_end = target_end.ok_or(Refused::Start)?;
    let version = match text.get(target_end + 1..).unwrap_or_default() {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/1.0" => Version::HTTP_10,
        other if other.starts_with(b"HTTP/") => return Err(Refused::Version),
        _ => return Err(Refused::Start),
    };
    let method = text.get(..method_end).unwrap_or_default();
    let method = Method::from_bytes(method).map_err(|_| Refused::Start)?;
    let target = line.start + method_end + 1..line.start + target_end;
    let text = bytes.get(target.clone()).unwrap_or_default();
    // A fragment never travels; whoever sends one means us to see another path than the upstream.
    if text.contains(&b'#') || text.contains(&b' ') {
        return Err(Refused::Start);
    }
    let target = Uri::from_maybe_shared(bytes.slice(target)).map_err(|_| Refused::Start)?;
    Ok((method, target, version))
}

fn status_line(line: &[u8]) -> Result<(Version, StatusCode), Refused> {
    let version = match line.get(..9) {
        Some(b"HTTP/1.1 ") => Version::HTTP_11,
        Some(b"HTTP/1.0 ") => Version::HTTP_10,
        Some(_) | None => return Err(Refused::Start),
    };
    let status = line.get(9..12).and_then(|it| StatusCode::from_bytes(it).ok());
    match (status, line.get(12)) {
        (Some(status), None | Some(b' ')) => Ok((version, status)),
        _ => Err(Refused::Start),
    }
}

type Places = SmallVec<[Range<usize>; 24]>;

fn headers(bytes: &Bytes, lines: Lines<'_>) -> Result<(HeaderMap, Places), Refused> {
    let mut headers = HeaderMap::with_capacity(24);
    let mut places = Places::new();
    for (number, line) in lines.enumerate() {
        let line = line?;
        if number == LINES_MAX {
            return Err(Refused::TooLarge);
        }
        let text = bytes.get(line.clone()).unwrap_or_default();
        let colon = memchr::memchr(b':', text).ok_or(Refused::Line)?;
        // A name with a blank in it (so also a folded line) is no name.
        let name = text.get(..colon).unwrap_or_default();
        let name = HeaderName::from_bytes(name).map_err(|_| Refused::Line)?;
        let value = trimmed(text, colon + 1);
        let value = bytes.slice(line.start + value.start..line.start + value.end);
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| Refused::Line)?;
        if !is_for_this_hop(&name) {
            places.push(line.start..line.end + 2);
        }
        headers.append(name, value);
    }
    Ok((headers, places))
}

/// The value behind `from`, without blanks around it.
fn trimmed(text: &[u8], from: usize) -> Range<usize> {
    let is_text = |it: &u8| !matches!(it, b' ' | b'\t');
    let value = text.get(from..).unwrap_or_default();
    let Some(start) = value.iter().position(is_text) else { return from..from };
    let end = value.iter().rposition(is_text).map_or(start, |it| it + 1);
    from + start..from + end
}

/// Whether a header says something about one connection only, so that it does not travel on.
pub(crate) fn is_for_this_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

/// A header that may be given once is given twice.
struct Twice;

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Twice> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Twice),
    }
}

/// How the headers say that the body is framed, if they do.
fn body_length(headers: &HeaderMap, version: Version) -> Result<Option<Framing>, Refused> {
    let length = single(headers, &CONTENT_LENGTH).map_err(|_| Refused::Framing)?;
    let coding = single(headers, &TRANSFER_ENCODING).map_err(|_| Refused::Framing)?;
    match (length, coding) {
        (None, None) => Ok(None),
        (Some(length), None) => {
            let text = length.to_str().map_err(|_| Refused::Framing)?;
            let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
            let length: u64 =
                digits.then(|| text.parse().ok()).flatten().ok_or(Refused::Framing)?;
            Ok(Some(if length == 0 { Framing::Empty } else { Framing::Length(length) }))
        }
        (None, Some(_)) if version != Version::HTTP_11 => Err(Refused::Framing),
        (None, Some(coding)) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Ok(Some(Framing::Chunked))
        }
        (None, Some(_)) => Err(Refused::TransferCoding),
        (Some(_), Some(_)) => Err(Refused::Framing),
    }
}

/// Whether the connection stays open. What `Connection` names concerns this hop alone, so it must
/// not name what we read and the next hop has to read too.
fn keep_alive(headers: &HeaderMap, version: Version) -> Result<bool, Refused> {
    let mut keep_alive = version == Version::HTTP_11;
    for value in headers.get_all(CONNECTION) {
        let text = value.to_str().map_err(|_| Refused::Connection)?;
        for option in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            if option.eq_ignore_ascii_case("close") {
                return Ok(false);
            }
            if option.eq_ignore_ascii_case("keep-alive") {
                keep_alive = true;
                continue;
            }
            let name = HeaderName::try_from(option).map_err(|_| Refused::Connection)?;
            if !is_for_this_hop(&name) && headers.contains_key(&name) {
                return Err(Refused::Connection);
            }
        }
    }
    Ok(keep_alive)
}

/// Checks that there is one host, and that the target names no other. The target that travels on is
/// path and query alone.
fn settle_host(
    method: &Method,
    target: Uri,
    version: Version,
    headers: &mut HeaderMap,
) -> Result<Uri, Refused> {
    let host = single(headers, &HOST).map_err(|_| Refused::Host)?;
    if host.is_none() && version == Version::HTTP_11 {
        return Err(Refused::Host);
    }
    if *method == Method::CONNECT {
        return Err(Refused::Authority);
    }
    let Some(authority) = target.authority() else {
        return if target.path_and_query().is_some() {
            Ok(target)
        } else {
            Err(Refused::Authority)
        };
    };
    let same =
        host.is_none_or(|it| it.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()));
    if !same || target.scheme().is_none() {
        return Err(Refused::Authority);
    }
    if host.is_none() {
        let value = HeaderValue::from_str(authority.as_str()).map_err(|_| Refused::Authority)?;
        headers.insert(HOST, value);
    }
    let path = target.into_parts().path_and_query.ok_or(Refused::Authority)?;
    Ok(Uri::from(path))
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
