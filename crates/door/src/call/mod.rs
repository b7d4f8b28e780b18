//! The path of a call: identify, authenticate, authorise, capture, answer here or forward.
//!
//! Lives here: [`House`], what all calls share, and the order of the steps.
//! Lives elsewhere: each step (`authenticate`, `authorise`, `deliver`, `refuse`), HTTP itself
//! (`http1`, `http2`), when records are durable (`capture`).
//!
//! INVARIANT: a call leaves, or reaches a service of ours, only with an [`Open`] in hand, so that
//! whatever becomes of it there is a record.
//!
//! Start at [`House::answer`].

mod authenticate;
mod authorise;
mod deliver;
mod pages;
mod refuse;
mod visit;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use ambient::Ambient;
use catalog::Catalog;
use http_body::Body as _;
use jiff::Timestamp;
use record::AccountId;
use tokio::sync::Semaphore;
use wire::{
    identify::{BodyKind, Domains},
    sigv4::{Verification, Verifier, View},
};

use crate::{
    Components, Error, Settings,
    capture::{Beginning, Capture, Place},
    hold::{self, Taken},
    message::{Answer, Request},
    metrics::Metrics,
    network::Network,
    outflow::{Inflow, Outflow},
    settings::Mode,
    upstream::{Upstream, exchange::Outgoing},
};

use authenticate::Proof;
use authorise::Policies;
use refuse::Refusal;
use visit::{Destination, Kept, Visit};

/// What all calls share.
pub(crate) struct House {
    pub(crate) ambient: Ambient,
    pub(crate) capture: Arc<Capture>,
    pub(crate) metrics: Arc<Metrics>,
    answers: HashMap<String, Arc<dyn wire::answer::Answer>>,
    catalog: Catalog,
    domains: Domains,
    exposition: Arc<dyn Fn() -> String + Send + Sync>,
    own: BTreeMap<String, Mode>,
    places: Arc<Semaphore>,
    policies: Policies,
    public_log: Option<ledger::PublicLog>,
    ready: Arc<dyn Fn() -> bool + Send + Sync>,
    region: String,
    trusted: Vec<Network>,
    upstreams: HashMap<String, Arc<Upstream>>,
    verifier: Verifier,
    accounts: Mutex<Option<(Timestamp, Arc<HashSet<AccountId>>)>>,
}

impl House {
    pub(crate) fn new(settings: &Settings, components: Components) -> Result<Self, Error> {
        let capture = Arc::new(Capture::new(settings, &components));
        let Components {
            ambient, answers, catalog, exposition, metrics, public_log, ready, ..
        } = components;
        let mut upstreams = HashMap::new();
        for (name, upstream) in &settings.upstreams {
            let upstream = Upstream::new(upstream.clone(), Arc::clone(&ambient.clock))?;
            upstreams.insert(name.clone(), Arc::new(upstream));
        }
        let domains = Domains {
            s3: settings.s3_domains.clone(),
            unsigned_is_s3: upstreams.contains_key("s3") || answers.contains_key("s3"),
        };
        let skew = settings.signature_skew;
        let standard = wire::sigv4::Settings::default();
        let verifier =
            Verifier::new(wire::sigv4::Settings { skew, skew_s3: standard.skew_s3.max(skew) });
        Ok(Self {
            capture,
            metrics,
            answers,
            catalog,
            domains,
            exposition,
            own: settings.own.clone(),
            places: Arc::new(Semaphore::new(settings.calls_max.min(Semaphore::MAX_PERMITS))),
            policies: Policies::default(),
            public_log,
            ready,
            region: settings.region.clone(),
            trusted: settings.trusted.clone(),
            upstreams,
            verifier,
            accounts: Mutex::new(None),
            ambient,
        })
    }

    /// Answers a request.
    pub(crate) async fn answer(self: Arc<Self>, request: Request) -> Answer {
        if let Some(page) = self.page(&request.parts).await {
            return page;
        }
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            self.metrics.refused_capacity.add(1);
            return refuse::overloaded();
        };
        let place = Place::new(permit, &self.metrics);
        let Request { parts, raw, body, arrival, peer } = request;
        let mut visit = Visit::new(&self, parts, raw, peer, arrival);
        match self.pass(&mut visit, body, place).await {
            Ok(answer) => answer,
            Err(refusal) => self.refuse(&visit, refusal).await,
        }
    }

    /// Takes a call along its path.
    async fn pass(
        self: &Arc<Self>,
        visit: &mut Visit,
        body: crate::message::RequestBody,
        place: Place,
    ) -> Result<Answer, Refusal> {
        visit.identify(&self.domains)?;
        let proof = match self.authenticate(visit).await {
            Err(refusal @ Refusal::Unbelieved(_)) if visit.target.needs_form => {
                self.name_by_form(visit, body).await;
                return Err(refusal);
            }
            proof => proof?,
        };

        // What the caller waits to send is asked for only now that its signature is known to be
        // true, as far as it can be without the body.
        let inflow = Inflow::new(body, visit.meter.clone());
        let view = if visit.is_own() { View::Decoded } else { View::Raw };
        let (kept, outflow) = self.take(visit, inflow, proof, view).await?;
        if visit.target.needs_form {
            visit.read_form(&kept)?;
            visit.destination = self.destination(visit);
        }
        visit.require_proof()?;
        let allowed = self.authorise(visit, &kept);
        self.find_owners(visit).await?;

        let open = self.capture.begin(self.beginning(visit, &kept, place)).await?;
        drop(kept);
        if let Err(denied) = allowed {
            return Ok(self.deny(visit, open, denied).await);
        }
        match visit.destination.clone() {
            Destination::Elsewhere(upstream) => {
                let parts = &visit.parts;
                let outgoing = Outgoing { parts, raw: visit.raw.as_ref(), body: outflow };
                match upstream.send(outgoing).await {
                    Ok((head, exchange)) => {
                        Ok(self.deliver_forwarded(visit, open, head, exchange).await)
                    }
                    Err(fault) => Ok(self.fail(visit, open, fault).await),
                }
            }
            Destination::Own { service, answer, .. } => {
                let call = match visit.call(service, outflow, &self.region) {
                    Ok(call) => call,
                    Err(refusal) => return Ok(self.deny(visit, open, refusal).await),
                };
                let reply = answer.answer(call).await;
                Ok(self.deliver_own(visit, open, reply.response).await)
            }
            Destination::Nowhere => Ok(self.deny(visit, open, Refusal::Nowhere).await),
        }
    }

    fn beginning(&self, visit: &mut Visit, kept: &Kept, place: Place) -> Beginning {
        let decoded = visit.parts.headers.get("x-amz-decoded-content-length");
        Beginning {
            draft: self.capture.recorder.begin(&visit.arrived(kept.held())),
            target: Arc::clone(&visit.target),
            arrival: visit.arrival,
            mode: self.mode(visit),
            service: visit.counted_as(),
            meter: visit.meter.clone(),
            decoded_length: decoded.and_then(|it| it.to_str().ok()?.parse().ok()),
            reserve: std::mem::take(&mut visit.reserve),
            place,
        }
    }

    fn mode(&self, visit: &Visit) -> Mode {
        match &visit.destination {
            Destination::Elsewhere(upstream) => upstream.settings.capture,
            Destination::Own { service, .. } => self.own.get(*service).copied().unwrap_or_default(),
            Destination::Nowhere => Mode::default(),
        }
    }

    /// Who answers the call.
    fn destination(&self, visit: &Visit) -> Destination {
        if visit.route.is_some() {
            return match self.answers.get(TRAILMARK) {
                Some(answer) => Destination::Own { service: TRAILMARK, answer: Arc::clone(answer) },
                None => Destination::Nowhere,
            };
        }
        let target = &visit.target;
        let name = target.service.map(|it| it.name).or(target.scope_service.as_deref());
        let own = || {
            let service = target.service?.name;
            let answer = Arc::clone(self.answers.get(service)?);
            Some(Destination::Own { service, answer })
        };
        let elsewhere =
            |name: &str| self.upstreams.get(name).map(|it| Destination::Elsewhere(Arc::clone(it)));
        let found = match name {
            Some("cloudtrail" | "cloudtrail-data") => own(),
            Some(name) => elsewhere(name).or_else(|| elsewhere(DEFAULT)).or_else(own),
            None => elsewhere(DEFAULT),
        };
        found.unwrap_or(Destination::Nowhere)
    }

    /// Takes the body: what a record shows of it is held and checked, the rest is guarded and will
    /// stream.
    async fn take(
        &self,
        visit: &mut Visit,
        inflow: Inflow,
        proof: Option<Proof>,
        view: View,
    ) -> Result<(Kept, Outflow), Refusal> {
        let is_read = visit.route.is_none()
            && (visit.target.needs_form || visit.target.request_body() == BodyKind::Structured);
        if !is_read && !inflow.is_end_stream() {
            let outflow = match proof {
                None => Outflow::Streaming(inflow),
                Some(proof) => Outflow::Guarded(proof.guard(inflow, view)?),
            };
            return Ok((Kept::None, outflow));
        }
        let budget = &self.capture.budget;
        let max = wire::parameters::body_max(&visit.target);
        match hold::hold(inflow, max, &mut visit.reserve, budget).await {
            Taken::Whole(sent) => {
                let (read, sent) = match proof {
                    None => (sent.clone(), sent),
                    Some(Proof(verification)) => {
                        let verified = verification.with_body(sent.clone(), View::Decoded);
                        if verified.is_err() && visit.target.needs_form {
                            visit.name_by(&sent);
                        }
                        let (_, decoded, _) = verified?;
                        match view {
                            View::Raw => (decoded, sent),
                            View::Decoded => (decoded.clone(), decoded),
                        }
                    }
                };
                let kept = if is_read { Kept::Whole(read) } else { Kept::None };
                Ok((kept, Outflow::Held(sent)))
            }
            Taken::TooLarge(..) if visit.target.needs_form => Err(Refusal::FormTooLarge),
            Taken::TooLarge(begun, rest) => {
                let resumed = Outflow::Resumed(begun, rest);
                let outflow = match proof {
                    None => resumed,
                    Some(proof) => Outflow::Guarded(proof.guard(resumed, view)?),
                };
                Ok((Kept::TooLarge, outflow))
            }
            Taken::Failed(error) => Err(Refusal::Body(error)),
            Taken::NoRoom => Err(Refusal::Overloaded),
        }
    }

    /// Looks up who owns what the call is about, since the recorder asks for it and cannot wait.
    async fn find_owners(&self, visit: &mut Visit) -> Result<(), Refusal> {
        if let Some(bucket) = visit.target.bucket.as_deref() {
            let resource = crate::capture::bucket_resource(bucket);
            visit.owners.bucket = self.catalog.owner_of(&resource).await?;
        }
        if visit.caller.account().is_some() && !visit.is_own() {
            visit.owners.accounts = self.accounts().await?;
        }
        Ok(())
    }

    /// The accounts of the deployment; may be some seconds old.
    async fn accounts(&self) -> Result<Arc<HashSet<AccountId>>, Refusal> {
        let now = self.ambient.clock.now();
        let known = || self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, accounts)) = known().as_ref()
            && now.duration_since(*at).unsigned_abs() < ACCOUNTS_AGE
        {
            return Ok(Arc::clone(accounts));
        }
        let accounts = self.catalog.accounts().await?;
        let accounts = Arc::new(accounts.into_iter().map(|it| it.id).collect::<HashSet<_>>());
        *known() = Some((now, Arc::clone(&accounts)));
        Ok(accounts)
    }
}

impl Proof {
    /// Guards a body that streams by what was signed of it.
    fn guard<B>(self, body: B, view: View) -> Result<wire::answer::Body, Refusal>
    where
        B: http_body::Body<Data = bytes::Bytes, Error = wire::answer::BoxError> + Send + 'static,
    {
        Ok(match self.0 {
            Verification::Verified(verified) => verified.guard(body, view)?,
            Verification::AwaitsBody(awaits) => awaits.guard(body)?,
        })
    }
}

/// The name under which Trailmark's own routes are answered, counted and configured.
pub(crate) const TRAILMARK: &str = "trailmark";
/// The name of the upstream for services that have none of their own.
const DEFAULT: &str = "default";
/// How old the list of accounts may be.
const ACCOUNTS_AGE: std::time::Duration = std::time::Duration::from_secs(5);
