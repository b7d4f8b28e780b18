//! One call on its path: what is known of it so far.

use std::{collections::HashSet, net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::request::Parts;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use record::{AccountId, Identity};
use wire::{
    auth::AuthError,
    catalogue::{Protocol, catalogue},
    identify::{Domains, Identified, identify},
};

use super::{House, refuse::Refusal};
use crate::{
    hold::Reserve,
    http1::head::RawHead,
    message::Peer,
    network::forwarded_for,
    outflow::{Meter, Outflow},
    recorder::{self, Arrived, Caller, Held, Mechanism},
    upstream::Upstream,
};

/// One call on its path.
pub(super) struct Visit {
    pub(super) parts: Parts,
    pub(super) raw: Option<RawHead>,
    pub(super) peer: Arc<Peer>,
    pub(super) arrival: Timestamp,
    /// The address that the record shows.
    pub(super) source: IpAddr,
    pub(super) request_id: String,
    /// Which of Trailmark's own routes it is for.
    pub(super) route: Option<Route>,
    pub(super) target: Arc<Identified>,
    pub(super) caller: Caller,
    pub(super) mechanism: Mechanism,
    /// Why the caller is not believed; nothing when it is, or when it is for others to say.
    pub(super) disbelief: Option<AuthError>,
    /// What the caller may do here, when it is one of ours.
    pub(super) credential: Option<Arc<catalog::Credential>>,
    pub(super) destination: Destination,
    pub(super) owners: Owners,
    pub(super) meter: Meter,
    pub(super) reserve: Reserve,
}

/// Who answers a call.
#[derive(Clone)]
pub(super) enum Destination {
    Own {
        /// The name of the service.
        service: &'static str,
        answer: Arc<dyn wire::answer::Answer>,
    },
    Elsewhere(Arc<Upstream>),
    Nowhere,
}

/// One of Trailmark's own routes that are signed like a service's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    /// The name of the call for the service `trailmark`.
    pub(super) operation: &'static str,
    path: &'static str,
    /// The service for which the call is signed.
    pub(super) service: &'static str,
    /// The action that a policy has to allow.
    pub(super) action: &'static str,
    /// What a record calls it.
    event_name: &'static str,
}

const ROUTES: [Route; 2] = [
    Route {
        operation: "records",
        path: "/_trailmark/records",
        service: "cloudtrail-data",
        action: "cloudtrail-data:PutAuditEvents",
        event_name: "PutRecords",
    },
    Route {
        operation: "tail",
        path: "/_trailmark/tail",
        service: "cloudtrail",
        action: "cloudtrail:LookupEvents",
        event_name: "TailRecords",
    },
];

/// What is held of a request's body for the record.
pub(super) enum Kept {
    None,
    Whole(Bytes),
    TooLarge,
}

/// Who owns what the call is about, looked up before the recorder asks.
#[derive(Default)]
pub(super) struct Owners {
    pub(super) bucket: Option<AccountId>,
    pub(super) accounts: Arc<HashSet<AccountId>>,
}

impl Route {
    /// The route of a path, if it is one.
    pub(super) fn of(path: &str) -> Option<Self> {
        ROUTES.into_iter().find(|it| it.path == path)
    }
}

impl Kept {
    pub(super) fn held(&self) -> Held<'_> {
        match self {
            Self::None => Held::None,
            Self::Whole(bytes) => Held::Whole(bytes),
            Self::TooLarge => Held::TooLarge,
        }
    }
}

impl recorder::Owners for Owners {
    fn of_bucket(&self, _: &str) -> Option<AccountId> {
        self.bucket
    }

    fn keeps_records_of(&self, account: AccountId) -> bool {
        self.accounts.contains(&account)
    }
}

impl Visit {
    pub(super) fn new(
        house: &House,
        parts: Parts,
        raw: Option<RawHead>,
        peer: Arc<Peer>,
        arrival: Timestamp,
    ) -> Self {
        let forwarded =
            peer.is_trusted.then(|| forwarded_for(&parts.headers, &house.trusted)).flatten();
        Self {
            source: forwarded.unwrap_or(peer.address),
            request_id: house.ambient.random.uuid().to_string(),
            route: Route::of(parts.uri.path()),
            target: Arc::new(unidentified(&parts, Protocol::RestXml)),
            caller: Caller::Anonymous,
            mechanism: Mechanism::None,
            disbelief: None,
            credential: None,
            destination: Destination::Nowhere,
            owners: Owners::default(),
            meter: Meter::default(),
            reserve: Reserve::default(),
            parts,
            raw,
            peer,
            arrival,
        }
    }

    pub(super) fn identify(&mut self, domains: &Domains) -> Result<(), Refusal> {
        let mut target = match identify(&self.parts, domains) {
            Ok(target) => target,
            Err(ambiguous) => {
                self.target = Arc::new(unidentified(&self.parts, ambiguous.protocol));
                return Err(ambiguous.into());
            }
        };
        if let Some(route) = self.route {
            // Whatever its form says: a route is a route.
            target = Identified {
                service: catalogue().service(route.service),
                claimed_operation: Some(route.event_name.to_owned()),
                scope_service: target.scope_service,
                scope_region: target.scope_region,
                ..unidentified(&self.parts, Protocol::RestJson)
            };
        }
        self.target = Arc::new(target);
        Ok(())
    }

    /// Goes on with the form that names the operation.
    pub(super) fn read_form(&mut self, kept: &Kept) -> Result<(), Refusal> {
        let Kept::Whole(form) = kept else { return Err(Refusal::FormTooLarge) };
        self.target = Arc::new(Identified::clone(&self.target).with_form(form)?);
        Ok(())
    }

    /// Takes the name of a refused call from the form that claims it. Nothing else is kept of it,
    /// and a form that cannot be read leaves the call without a name.
    pub(super) fn name_by(&mut self, form: &[u8]) {
        if let Ok(target) = Identified::clone(&self.target).with_form(form) {
            self.target = Arc::new(target);
        }
    }

    /// Whether the call is answered here.
    pub(super) fn is_own(&self) -> bool {
        matches!(self.destination, Destination::Own { .. })
    }

    /// Calls that are answered here need a caller whom we believe.
    pub(super) fn require_proof(&mut self) -> Result<(), Refusal> {
        match (&self.destination, &self.caller) {
            (Destination::Own { .. }, Caller::Proven { .. }) | (Destination::Elsewhere(_), _) => {
                Ok(())
            }
            (Destination::Own { .. }, _) => {
                Err(Refusal::Unbelieved(self.disbelief.take().unwrap_or(AuthError::Missing)))
            }
            // A caller whom we believe gets a record with its name on it.
            (Destination::Nowhere, Caller::Proven { .. }) => Ok(()),
            (Destination::Nowhere, _) => Err(Refusal::Nowhere),
        }
    }

    /// The name under which the call is counted: one of the catalogue, since callers could make up
    /// others without end.
    pub(super) fn counted_as(&self) -> &'static str {
        match (&self.destination, self.target.service) {
            (Destination::Own { service, .. }, _) => service,
            (_, Some(service)) => service.name,
            (_, None) => "unknown",
        }
    }

    pub(super) fn arrived<'a>(&'a self, body: Held<'a>) -> Arrived<'a> {
        Arrived {
            parts: &self.parts,
            body,
            target: &self.target,
            caller: &self.caller,
            mechanism: self.mechanism,
            upstream: match &self.destination {
                Destination::Own { .. } | Destination::Nowhere => recorder::Upstream::Own,
                Destination::Elsewhere(upstream) => {
                    recorder::Upstream::Elsewhere { account: upstream.settings.account }
                }
            },
            owners: &self.owners,
            source: self.source,
            tls: self.peer.tls.as_ref().map(|it| recorder::Tls {
                version: it.version,
                cipher_suite: &it.cipher_suite,
                key_exchange: it.key_exchange.as_deref(),
            }),
            arrival: self.arrival,
            request_id: &self.request_id,
        }
    }

    /// The call for a service of ours. Its caller has been proven.
    pub(super) fn call(
        &mut self,
        service: &'static str,
        body: Outflow,
        region: &str,
    ) -> Result<wire::answer::Call, Refusal> {
        let (Caller::Proven { identity, account }, Some(credential)) =
            (&self.caller, &self.credential)
        else {
            return Err(Refusal::Unbelieved(AuthError::Missing));
        };
        let named = self.target.operation.map(|it| it.name);
        let operation = self.route.map(|it| it.operation).or(named).unwrap_or_default();
        let caller = wire::answer::Caller {
            identity: Identity::clone(identity),
            account: *account,
            is_deployment_root: credential.is_deployment_root,
        };
        let mut parts = self.parts.clone();
        parts.extensions.clear();
        Ok(wire::answer::Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
            caller,
            region: self.target.scope_region.clone().unwrap_or_else(|| region.to_owned()),
            source: self.source,
            arrival: self.arrival,
            request_id: self.request_id.clone(),
            request: http::Request::from_parts(parts, body.boxed_unsync()),
        })
    }
}

/// A request of which nothing is known but how to answer it.
fn unidentified(parts: &Parts, protocol: Protocol) -> Identified {
    let host = parts.headers.get(http::header::HOST).and_then(|it| it.to_str().ok());
    let host = host.or_else(|| parts.uri.authority().map(|it| it.as_str()));
    Identified {
        service: None,
        operation: None,
        protocol,
        scope_service: None,
        scope_region: None,
        claimed_operation: None,
        bucket: None,
        key: None,
        virtual_host: false,
        host: host.map(str::to_owned),
        labels: Vec::new(),
        query: Vec::new(),
        needs_form: false,
    }
}
