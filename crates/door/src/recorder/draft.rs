//! A call of which only the end is missing: what is kept of it, with nothing secret left.

use jiff::Timestamp;
use record::{AccountId, Category};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wire::{catalogue::Operation, identify::Identified};

use super::{
    Error,
    caller::shown_key,
    hide,
    resources::Resource,
    seen::{Arrived, Caller, Tls},
    session::Wanted,
    sizes,
};

/// A call of which only the end is missing. Holds no secret: it may be written.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Draft {
    pub(super) arrival: Timestamp,
    pub(super) caller: Caller,
    /// Whose record it is.
    pub(super) account: AccountId,
    /// The other account that gets a copy, because what is touched belongs to it.
    pub(super) owner: Option<AccountId>,
    /// Whether a service of this process answers.
    pub(super) own: bool,
    pub(super) event: Event,
    pub(super) region: String,
    pub(super) source: String,
    pub(super) user_agent: Option<String>,
    pub(super) request_id: String,
    /// `requestParameters`, finished.
    pub(super) parameters: Value,
    pub(super) resources: Vec<Resource>,
    /// What `additionalEventData` holds before the end is known.
    pub(super) additional: Map<String, Value>,
    pub(super) tls: Option<TlsDetails>,
    /// The keys that DeleteObjects asks to delete.
    pub(super) deletes: Vec<Deletion>,
    /// What a call of STS asks for, to know the session that it gives.
    pub(super) wanted: Option<Wanted>,
}

/// Which event a call is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Event {
    /// `eventSource`.
    pub(super) source: String,
    /// `eventName`.
    pub(super) name: String,
    /// Whether it is a data event; else a management event.
    pub(super) data: bool,
    pub(super) read_only: bool,
    pub(super) api_version: Option<String>,
    /// The catalogue's name of the service.
    pub(super) service: Option<String>,
    /// The catalogue's name of the operation.
    pub(super) operation: Option<String>,
}

/// `tlsDetails`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TlsDetails {
    pub(super) tls_version: String,
    pub(super) cipher_suite: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_provided_host_header: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key_exchange: Option<String>,
}

/// A key that DeleteObjects asks to delete.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Deletion {
    pub(super) key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
}

impl Draft {
    /// The body of an intent: the draft, of which a claimed key id is left only when it looks like
    /// one. Of very many keys to delete the first ones are left, so that it fits into a frame: the
    /// outcome has them all, a call whose end nobody saw those.
    #[must_use]
    pub fn intent(&self) -> Vec<u8> {
        let mut written = self.clone();
        if let Caller::Claimed { access_key_id } = &mut written.caller {
            *access_key_id = shown_key(access_key_id);
        }
        sizes::fit(&mut written.parameters, "requestParameters", sizes::OBJECT_MAX);
        let mut left = INTENT_DELETES_MAX;
        written.deletes.retain(|it| {
            let bytes = it.key.len() + it.version.as_ref().map_or(0, String::len);
            let fits = left.checked_sub(bytes + DELETION_BYTES);
            left = fits.unwrap_or(0);
            fits.is_some()
        });
        serde_json::to_vec(&written).expect("a draft has texts as keys and no NaN")
    }

    /// Reads the body of an intent back.
    ///
    /// # Errors
    /// When `body` is not one that [`Draft::intent`] wrote.
    pub fn from_intent(body: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(body).map_err(|source| Error::Intent { source })
    }

    /// Takes away all that the call asks for, when nobody believed who asked.
    pub(super) fn forget_request(&mut self) {
        self.parameters = Value::Null;
        self.resources.clear();
        self.deletes.clear();
    }

    /// The account that the record will belong to.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The region that the record will have.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The category that the record will have.
    #[must_use]
    pub fn category(&self) -> Category {
        self.event.category()
    }

    /// Whether it only reads, by the catalogue, and is answered by this process; data events do not
    /// count as such.
    #[must_use]
    pub fn is_own_read(&self) -> bool {
        self.own && self.event.operation.is_some() && self.event.read_only && !self.event.data
    }
}

impl Event {
    /// Which event a call is, as far as it could be identified.
    pub(super) fn of(arrived: &Arrived<'_>) -> Self {
        let target = arrived.target;
        let method = arrived.parts.method.as_str();
        Self {
            source: event_source(target),
            name: target.operation.map_or_else(
                || claimed_name(target).unwrap_or_else(|| hide::word(method).to_owned()),
                |operation| operation.event_name.to_owned(),
            ),
            data: target.operation.is_some_and(|it| it.category == Category::Data),
            read_only: target
                .operation
                .map_or(matches!(method, "GET" | "HEAD" | "OPTIONS"), |it| it.read_only),
            api_version: target.service.and_then(|it| api_version(it.name, it.api_version)),
            service: target.service.map(|it| it.name.to_owned()),
            operation: target.operation.map(|it: &Operation| it.name.to_owned()),
        }
    }

    pub(super) fn category(&self) -> Category {
        if self.data { Category::Data } else { Category::Management }
    }

    pub(super) fn is(&self, service: &str) -> bool {
        self.service.as_deref() == Some(service)
    }
}

/// Bytes of keys to delete that an intent holds; written as JSON they may take twice as much.
const INTENT_DELETES_MAX: usize = 384 << 10;
/// What a key to delete takes beside its texts.
const DELETION_BYTES: usize = 32;

/// What a service is called that nobody knows: the name that the call was signed for, else this.
const UNKNOWN_SOURCE: &str = "unknown.amazonaws.com";

fn event_source(target: &Identified) -> String {
    if let Some(service) = target.service {
        return service.event_source.to_owned();
    }
    let signed_for = target.scope_service.as_deref().map(str::to_ascii_lowercase);
    match signed_for {
        Some(name) if is_label(&name) => format!("{name}.amazonaws.com"),
        Some(_) | None => UNKNOWN_SOURCE.to_owned(),
    }
}

/// A label of a host name, short enough to be the name of a service.
fn is_label(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
}

/// The name that the request gives its operation, when the catalogue has none of that name but the
/// service is known: an operation newer than the catalogue, or a mistyped one.
fn claimed_name(target: &Identified) -> Option<String> {
    let name = target.claimed_operation.as_deref()?;
    let plain = (1..=128).contains(&name.len())
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    plain.then(|| name.to_owned())
}

/// The services in whose records AWS writes `apiVersion`, as genuine records show. Others leave it
/// out, though their APIs have versions.
fn api_version(service: &str, version: &str) -> Option<String> {
    match service {
        "dynamodb" | "dynamodbstreams" | "efs" | "elbv2" | "wafv2" | "route53" | "dax" => {
            Some(version.to_owned())
        }
        "cloudfront" => Some(version.replace('-', "_")),
        "logs" => Some(version.replace('-', "")),
        _ => None,
    }
}

impl TlsDetails {
    pub(super) fn of(tls: &Tls<'_>, host: Option<&str>) -> Self {
        Self {
            tls_version: tls.version.to_owned(),
            cipher_suite: tls.cipher_suite.to_owned(),
            client_provided_host_header: host.map(hide::text),
            key_exchange: tls.key_exchange.map(str::to_owned),
        }
    }
}
