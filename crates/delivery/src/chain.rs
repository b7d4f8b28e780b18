//! Where a chain of digests stands, as the catalog keeps it.

use integrity::digest::{Chain, ChainId, Link, Root, Stamp, Window};
use serde::{Deserialize, Serialize};

use crate::{log_file::StreamId, trail::TrailVersion};

/// Everything that the next digest needs, also after the trail is gone.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ChainState {
    name: String,
    home_region: String,
    pub(crate) bucket: String,
    prefix: Option<String>,
    organization: Option<String>,
    /// When logging or validation was turned on.
    pub(crate) run: Stamp,
    started: Stamp,
    previous: Option<Previous>,
    /// The newest backfill digest.
    #[serde(default)]
    backfill: Option<Previous>,
    /// Set once the last digest was made.
    pub(crate) ended: Option<Stamp>,
    /// The trail's version that the next digest is written as.
    pub(crate) version: u64,
    pub(crate) kms_key: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Previous {
    bucket: String,
    key: String,
    sha256: String,
    signature: String,
    end: Stamp,
}

impl Previous {
    fn new(link: Link) -> Self {
        let Link { bucket, key, sha256, signature, end } = link;
        Self { bucket, key, sha256, signature, end }
    }

    fn link(self) -> Link {
        let Self { bucket, key, sha256, signature, end } = self;
        Link { bucket, key, sha256, signature, end }
    }
}

impl ChainState {
    /// A chain that starts now, for a trail that has been logging and validating since `run`.
    ///
    /// All chains of a trail keep the minute and second at which it was turned on, so one that starts
    /// later, since its region is new, starts at the last such instant. It never reaches back behind
    /// the end of the one before it: names of digests tell their ends only.
    pub(crate) fn start(
        version: &TrailVersion,
        run: Stamp,
        after: Option<Stamp>,
        now: Stamp,
    ) -> Self {
        let hours = now.seconds_since(run).div_euclid(HOUR).max(0);
        let phase = run.plus_seconds(hours * HOUR);
        let started = after.map_or(phase, |after| phase.max(after.plus_seconds(1)));
        let mut chain = Self {
            name: String::new(),
            home_region: String::new(),
            bucket: String::new(),
            prefix: None,
            organization: None,
            run,
            started,
            previous: None,
            backfill: None,
            ended: None,
            version: 0,
            kms_key: None,
        };
        chain.follow(version);
        chain
    }

    /// Takes over where the trail's files go now. The chain goes on there.
    pub(crate) fn follow(&mut self, version: &TrailVersion) {
        let Root { prefix, organization } = version.root();
        (self.prefix, self.organization) = (prefix, organization);
        self.name.clone_from(&version.name);
        self.home_region.clone_from(&version.home_region);
        self.bucket.clone_from(&version.bucket);
        self.kms_key.clone_from(&version.kms_key);
        self.version = version.version;
    }

    /// The chain in the form that has its rules.
    pub(crate) fn chain(&self, stream: &StreamId) -> Chain {
        let id = ChainId {
            account: stream.account.to_string(),
            region: stream.region.clone(),
            trail: self.name.clone(),
            home_region: self.home_region.clone(),
        };
        let root = Root { prefix: self.prefix.clone(), organization: self.organization.clone() };
        let mut chain = Chain::start(id, self.bucket.clone(), root, self.started);
        chain.previous = self.previous.clone().map(Previous::link);
        chain
    }

    /// The chain of its backfill digests, in the form that has its rules.
    pub(crate) fn backfill_chain(&self, stream: &StreamId) -> Chain {
        let previous = self.backfill.clone().map(Previous::link);
        Chain { previous, backfill: true, ..self.chain(stream) }
    }

    /// The hour of a log file that was decided on at `planned`, if a backfill digest has to name it:
    /// the digest of that hour was made without it. Backfill digests only ever go forward; what comes
    /// after the one of its hour is left to the next regular digest.
    pub(crate) fn late(&self, planned: Stamp) -> Option<Window> {
        let window = Window::of(planned, self.started);
        let is_made = self.previous.as_ref().is_some_and(|it| window.end <= it.end);
        let is_open = self.backfill.as_ref().is_none_or(|it| it.end < window.end);
        (is_made && is_open).then_some(window)
    }

    /// A digest was made.
    pub(crate) fn link(&mut self, link: Link) {
        self.previous = Some(Previous::new(link));
    }

    /// A backfill digest was made.
    pub(crate) fn link_backfill(&mut self, link: Link) {
        self.backfill = Some(Previous::new(link));
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and options of them are always JSON")
    }

    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

const HOUR: i64 = 3_600;
