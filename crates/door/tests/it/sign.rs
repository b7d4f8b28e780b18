//! Signs requests, written from the specification and not from the verifier.

use std::fmt::Write as _;

use aws_lc_rs::{digest, hmac};
use jiff::Timestamp;

use crate::stage::{KEY, SECRET};

/// A request that is signed by header.
pub(crate) struct Sign<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) service: &'a str,
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) body: &'a [u8],
    pub(crate) key: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) now: Timestamp,
}

impl<'a> Sign<'a> {
    /// A request of the root user, signed now.
    #[expect(clippy::disallowed_methods, reason = "the door under test runs on the system's clock")]
    pub(crate) fn new(method: &'a str, path: &'a str, service: &'a str) -> Self {
        Self {
            method,
            path,
            query: "",
            service,
            headers: Vec::new(),
            body: b"",
            key: KEY,
            secret: SECRET,
            now: Timestamp::now(),
        }
    }

    pub(crate) fn header(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: &'a [u8]) -> Self {
        self.body = body;
        self
    }

    /// A call in AWS JSON 1.1.
    pub(crate) fn json(target: &'a str, service: &'a str, body: &'a [u8]) -> Self {
        Self::new("POST", "/", service)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(body)
    }

    /// The request as it is sent.
    pub(crate) fn request(self) -> Vec<u8> {
        let body = self.body.to_vec();
        [self.head(), body].concat()
    }

    /// The head of the request as it is sent.
    pub(crate) fn head(mut self) -> Vec<u8> {
        let date = self.now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = &date[..8];
        let hash = hex::encode(digest::digest(&digest::SHA256, self.body));
        self.headers.push(("host", "127.0.0.1".to_owned()));
        self.headers.push(("x-amz-date", date.clone()));
        if self.service == "s3" && !self.headers.iter().any(|it| it.0 == "x-amz-content-sha256") {
            self.headers.push(("x-amz-content-sha256", hash.clone()));
        }
        self.headers.sort();
        let hash = self
            .headers
            .iter()
            .find(|it| it.0 == "x-amz-content-sha256")
            .map_or(hash, |it| it.1.clone());
        let names: Vec<_> = self.headers.iter().map(|it| it.0).collect();
        let names = names.join(";");
        let mut canonical = format!("{}\n{}\n{}\n", self.method, self.path, self.query);
        for (name, value) in &self.headers {
            writeln!(canonical, "{name}:{value}").unwrap();
        }
        write!(canonical, "\n{names}\n{hash}").unwrap();
        let scope = format!("{day}/us-east-1/{}/aws4_request", self.service);
        let hashed = hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashed}");
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, "us-east-1", self.service, "aws4_request", &text] {
            let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes());
            key = signed.as_ref().to_vec();
        }
        let target = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        let mut head = format!("{} {}{target} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        write!(
            head,
            "authorization: AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, \
             Signature={}\r\n",
            self.key,
            hex::encode(&key)
        )
        .unwrap();
        if !self.body.is_empty() {
            write!(head, "content-length: {}\r\n", self.body.len()).unwrap();
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}
