//! What an operator says about the door.
//!
//! Lives here: values that are read from the configuration, parsed before the first port opens.
//! Lives elsewhere: the components that the door works with ([`crate::Components`]).

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use http::Uri;
use record::AccountId;
use serde::{Deserialize, Serialize};

use crate::network::Network;

/// How the door listens, whom it trusts, and where calls go.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long a body may stand still before its caller is given up, in seconds. Default 60. Longer
    /// forgives worse lines, and lets idle callers keep their place for longer.
    #[serde(with = "seconds")]
    pub body_timeout: Duration,
    /// How many records may be lost by a crash in the mode `buffered`. Default 10,000. More bridges
    /// slower disks; fewer makes the gap that a crash leaves smaller.
    pub buffered_max: u32,
    /// How many calls may be under way at once. Default 4,096. Beyond it callers are answered 503.
    pub calls_max: usize,
    /// How many connections may be open at once. Default 4,096. Beyond it callers are answered 503.
    pub connections_max: usize,
    /// How long calls may take to end once the process was told to stop, in seconds. Default 25.
    #[serde(with = "seconds")]
    pub drain_timeout: Duration,
    /// How long the head of a request may take to arrive, in seconds. Default 10.
    #[serde(with = "seconds")]
    pub header_timeout: Duration,
    /// Bytes of bodies that may be held in memory at once, to be read for parameters. Default
    /// 64 MiB. Beyond it callers are answered 503.
    pub held_bytes_max: usize,
    /// How records of calls that are answered here are kept, by service; `durable` for those that
    /// are not named.
    pub own: BTreeMap<String, Mode>,
    /// The region of calls that name none. Default `us-east-1`.
    pub region: String,
    /// Domains under which buckets are virtual hosts, such as `s3.example.net`.
    pub s3_domains: Vec<String>,
    /// How far a signed time may be from ours, in seconds; S3 allows 15 minutes in any case.
    /// Default 300. More forgives worse clocks, and lets a captured request be replayed for longer.
    #[serde(with = "seconds")]
    pub signature_skew: Duration,
    /// Certificate and key of the listener; without them it speaks clear text.
    pub tls: Option<Tls>,
    /// Peers whose `X-Forwarded-For` and PROXY protocol are believed, such as `10.0.0.0/8`.
    pub trusted: Vec<Network>,
    /// Where calls go, by the service's name; `default` for services that are not named. What has
    /// no upstream is answered here if Trailmark implements it, and refused if not; `cloudtrail` and
    /// `cloudtrail-data` are always answered here.
    pub upstreams: BTreeMap<String, Upstream>,
}

/// Certificate and key of the listener.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate and those that vouch for it, in this order.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// Where calls of a service go.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Such as `http://127.0.0.1:9000`. Has no path: those of the calls go there unchanged.
    pub url: Endpoint,
    /// The account of calls whose key we do not know; the deployment's own unless given.
    #[serde(default)]
    pub account: Option<AccountId>,
    /// PEM file with certificates that vouch for the upstream; the system's unless given.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// When the record of a call is durable. Default `durable`.
    #[serde(default)]
    pub capture: Mode,
    /// How long a connection may take, in seconds. Default 5.
    #[serde(default = "connect_timeout", with = "seconds")]
    pub connect_timeout: Duration,
    /// How long the upstream may be silent, in seconds. Default 60.
    #[serde(default = "answer_timeout", with = "seconds")]
    pub answer_timeout: Duration,
}

/// What is promised about the record of a call.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Durable soon after the answer. A crash loses some, and leaves a record of how many at most.
    Buffered,
    /// Durable before the last byte of the answer.
    #[default]
    Durable,
    /// What is known before the call leaves is durable before it leaves; the rest as in `Durable`.
    Strict,
}

/// Scheme, host and port of an upstream.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(into = "String", try_from = "String")]
pub struct Endpoint {
    /// Whether the connection is TLS.
    pub is_tls: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why a text is not an [`Endpoint`]. Reads on from "The URL …".
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// It is no URL with a host.
    #[error("has no host")]
    Host,
    /// It has a path, a query or user information.
    #[error("has more than scheme, host and port")]
    More,
    /// It is neither `http` nor `https`.
    #[error("begins with neither `http://` nor `https://`")]
    Scheme,
}

impl Upstream {
    /// An upstream with the standard timeouts, captured in mode `durable`.
    #[must_use]
    pub fn at(url: Endpoint) -> Self {
        Self {
            url,
            account: None,
            ca_file: None,
            capture: Mode::default(),
            connect_timeout: connect_timeout(),
            answer_timeout: answer_timeout(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_timeout: Duration::from_mins(1),
            buffered_max: 10_000,
            calls_max: 4096,
            connections_max: 4096,
            drain_timeout: Duration::from_secs(25),
            header_timeout: Duration::from_secs(10),
            held_bytes_max: 64 << 20,
            own: BTreeMap::new(),
            region: "us-east-1".to_owned(),
            s3_domains: Vec::new(),
            signature_skew: Duration::from_mins(5),
            tls: None,
            trusted: Vec::new(),
            upstreams: BTreeMap::new(),
        }
    }
}

impl TryFrom<String> for Endpoint {
    type Error = InvalidEndpoint;

    fn try_from(text: String) -> Result<Self, InvalidEndpoint> {
        let uri: Uri = text.parse().map_err(|_| InvalidEndpoint::Host)?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) | None => return Err(InvalidEndpoint::Scheme),
        };
        let authority = uri.authority().ok_or(InvalidEndpoint::Host)?;
        let bare = uri.path_and_query().is_none_or(|it| it == "/");
        if !bare || authority.as_str().contains('@') {
            return Err(InvalidEndpoint::More);
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        if host.is_empty() { Err(InvalidEndpoint::Host) } else { Ok(Self { is_tls, host, port }) }
    }
}

impl From<Endpoint> for String {
    fn from(it: Endpoint) -> Self {
        it.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

fn connect_timeout() -> Duration {
    Duration::from_secs(5)
}

fn answer_timeout() -> Duration {
    Duration::from_mins(1)
}

/// A duration as a number of seconds, with a fraction where there is one.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(it: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(it.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(from)?;
        Duration::try_from_secs_f64(seconds).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, InvalidEndpoint>) {
        let read = Endpoint::try_from(text.to_owned()).map(|it| it.to_string());
        assert_eq!(read, expected.map(str::to_owned));
    }

    #[test]
    fn an_endpoint_is_scheme_host_and_port() {
        check("http://127.0.0.1:9000", Ok("http://127.0.0.1:9000"));
        check("https://s3.example.net/", Ok("https://s3.example.net:443"));
        check("http://[::1]:80", Ok("http://[::1]:80"));
    }

    #[test]
    fn an_endpoint_with_a_path_is_refused_because_paths_travel_unchanged() {
        check("http://example.net/prefix", Err(InvalidEndpoint::More));
        check("http://example.net/?a", Err(InvalidEndpoint::More));
        check("http://user:pass@example.net", Err(InvalidEndpoint::More));
        check("ftp://example.net", Err(InvalidEndpoint::Scheme));
        check("/only/a/path", Err(InvalidEndpoint::Scheme));
        check("not a url", Err(InvalidEndpoint::Host));
    }

    #[test]
    fn settings_are_read_as_an_operator_writes_them() {
        let text = r#"{"header_timeout": 0.5, "trusted": ["10.0.0.0/8"],
            "upstreams": {"s3": {"url": "http://127.0.0.1:9000", "capture": "strict"}}}"#;
        let settings: Settings = serde_json::from_str(text).unwrap();
        assert_eq!(settings.header_timeout, Duration::from_millis(500));
        assert_eq!(settings.upstreams["s3"].capture, Mode::Strict);
        assert!(serde_json::from_str::<Settings>(r#"{"header_timeuot": 1}"#).is_err());
    }
}
