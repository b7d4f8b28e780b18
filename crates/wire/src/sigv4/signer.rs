//! A client that signs, and can be told to do it wrongly.
//!
//! It writes the canonical request down as the specification's example does and shares no code with
//! the verifier; paths and queries are given in canonical form.

use aws_lc_rs::{digest, hmac};
use http::{Request, request::Parts};

/// What to sign.
#[derive(Clone, Debug)]
pub(crate) struct Sign {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Lower case; signed, unless named in `unsigned`.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) unsigned: Vec<&'static str>,
    pub(crate) payload: String,
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) date: &'static str,
    pub(crate) day: &'static str,
    pub(crate) region: &'static str,
    pub(crate) service: &'static str,
}

impl Sign {
    /// `GET /` to `service` at noon of 2026-03-01, without a body.
    pub(crate) fn get(service: &'static str) -> Self {
        let payload = hex::encode(digest::digest(&digest::SHA256, b""));
        let mut headers = vec![
            ("host".to_owned(), "localhost:7171".to_owned()),
            ("x-amz-date".to_owned(), "20260301T120000Z".to_owned()),
        ];
        if service == "s3" {
            headers.push(("x-amz-content-sha256".to_owned(), payload.clone()));
        }
        Self {
            method: "GET",
            path: "/".to_owned(),
            query: String::new(),
            headers,
            unsigned: Vec::new(),
            payload,
            id: ID,
            secret: SECRET,
            date: "20260301T120000Z",
            day: "20260301",
            region: "eu-west-3",
            service,
        }
    }

    /// The same with a header added or replaced.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a body whose hash is declared as `mode`, or signed without a declaration.
    pub(crate) fn payload(mut self, mode: &str) -> Self {
        self.payload = mode.to_owned();
        self.header("x-amz-content-sha256", mode)
    }

    /// The names that are signed: lower case, sorted.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.retain(|name| !self.unsigned.contains(name));
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(crate) fn signing_key(&self) -> Vec<u8> {
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [self.day, self.region, self.service, "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        key
    }

    pub(crate) fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.day, self.region, self.service)
    }

    pub(crate) fn signature(&self, query: &str) -> String {
        let mut text = format!("{}\n{}\n{query}\n", self.method, self.path);
        for name in self.names() {
            let values: Vec<_> = self
                .headers
                .iter()
                .filter(|(known, _)| known == name)
                .map(|(_, value)| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            text += &format!("{name}:{}\n", values.join(","));
        }
        text += &format!("\n{}\n{}", self.names().join(";"), self.payload);
        let hash = hex::encode(digest::digest(&digest::SHA256, text.as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{}\n{}\n{hash}", self.date, self.scope());
        hex::encode(mac(&self.signing_key(), text.as_bytes()))
    }

    /// The value of the `Authorization` header.
    pub(crate) fn authorization(&self) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{},SignedHeaders={},Signature={}",
            self.id,
            self.scope(),
            self.names().join(";"),
            self.signature(&self.query)
        )
    }

    /// The request with an `Authorization` header.
    pub(crate) fn parts(&self) -> Parts {
        self.parts_with(&[("authorization", &self.authorization())])
    }

    /// The request with other headers than that of its authorization.
    pub(crate) fn parts_with(&self, more: &[(&str, &str)]) -> Parts {
        let target = match self.query.as_str() {
            "" => self.path.clone(),
            query => format!("{}?{query}", self.path),
        };
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers: Vec<_> = headers.chain(more.iter().copied()).collect();
        parts(self.method, &target, &headers).expect("a target that HTTP takes")
    }

    /// The target of a presigned request; of `headers` only `host` should be there.
    pub(crate) fn presigned(&self, expires: &str) -> String {
        let mut parameters = vec![
            "X-Amz-Algorithm=AWS4-HMAC-SHA256".to_owned(),
            format!("X-Amz-Credential={}%2F{}", self.id, self.scope().replace('/', "%2F")),
            format!("X-Amz-Date={}", self.date),
            format!("X-Amz-Expires={expires}"),
            format!("X-Amz-SignedHeaders={}", self.names().join("%3B")),
        ];
        if !self.query.is_empty() {
            parameters.extend(self.query.split('&').map(str::to_owned));
        }
        parameters.sort_unstable();
        let query = parameters.join("&");
        format!("{}?{query}&X-Amz-Signature={}", self.path, self.signature(&query))
    }
}

pub(crate) fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message).as_ref().to_vec()
}

/// The head of a request; a target that HTTP itself would refuse is `None`.
pub(crate) fn parts(method: &str, target: &str, headers: &[(&str, &str)]) -> Option<Parts> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, value.as_bytes());
    }
    Some(request.body(()).ok()?.into_parts().0)
}

/// AWS's documented example key.
pub(crate) const ID: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
