//! Asks witnesses to cosign our checkpoints, and says loudly when one has seen another tree.
//!
//! While one says so, nothing is signed: two checkpoints that contradict each other, under one key,
//! cost the log its name. Records are kept and delivered, and the tree grows. It goes on when the
//! newest folder is put back, or when the operator takes the witness out. After a start nothing is
//! signed before the witnesses were asked about the last checkpoint.
//!
//! An older copy of the data folder that was put back, and a second server on a copy of it, are seen
//! here and nowhere else on our side: all that they know of is consistent in itself.
//!
//! Spec: C2SP tlog-witness, `add-checkpoint`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ambient::{Ambient, Clock};
use anyhow::{Context as _, anyhow};
use futures::future::join_all;
use http::Uri;
use integrity::tree::{
    Algorithm, Note, NoteSignature, VerifierKey,
    note::signature_lines,
    witness::{AddCheckpoint, latest_size},
};
use jiff::Timestamp;
use ledger::{PublicLog, SignedHead};
use object_store::client::HttpClient;
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, time::timeout};
use tracing::{error, info, warn};

use crate::caller::{self, Failure};

/// A witness: `witnesses.<name>`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WitnessSettings {
    /// URL under which `add-checkpoint` lies.
    pub(crate) url: String,
    /// The key that checks its cosignatures, as `trailmark witness` prints it.
    pub(crate) key: String,
}

/// How many witnesses stand how, after the last round.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Witnessed {
    /// Have seen a tree that ours does not continue.
    pub(crate) contradicting: u64,
    /// Did not cosign for another reason.
    pub(crate) silent: u64,
}

/// Gathers cosignatures, in a task of its own.
#[derive(Debug)]
pub(crate) struct Cosigning {
    witnesses: Vec<Witness>,
    log: PublicLog,
    clock: Arc<dyn Clock>,
    signed: watch::Receiver<Option<Arc<SignedHead>>>,
    published: watch::Sender<Option<Arc<SignedHead>>>,
    witnessed: watch::Sender<Witnessed>,
    may_sign: watch::Sender<bool>,
}

impl Cosigning {
    /// Reads which witnesses there are; asks nobody yet. Until a round has ended, what is published is
    /// the last checkpoint without cosignatures.
    ///
    /// # Errors
    /// When a URL or a key cannot be used.
    pub(crate) fn new(
        settings: &BTreeMap<String, WitnessSettings>,
        log: PublicLog,
        signed: watch::Receiver<Option<Arc<SignedHead>>>,
        ambient: &Ambient,
    ) -> anyhow::Result<Self> {
        let witness = |(name, settings): (&String, &WitnessSettings)| {
            Witness::new(name, settings)
                .with_context(|| format!("`witnesses.{name}` cannot be used"))
        };
        let witnesses: Vec<_> = settings.iter().map(witness).collect::<anyhow::Result<_>>()?;
        let published = watch::Sender::new(signed.borrow().clone());
        let clock = Arc::clone(&ambient.clock);
        let witnessed = watch::Sender::default();
        let may_sign = watch::Sender::new(witnesses.is_empty() || signed.borrow().is_none());
        Ok(Self { witnesses, log, clock, signed, published, witnessed, may_sign })
    }

    /// What the public may see: each checkpoint once witnesses were asked about it.
    pub(crate) fn published(&self) -> watch::Receiver<Option<Arc<SignedHead>>> {
        self.published.subscribe()
    }

    /// How the witnesses stand.
    pub(crate) fn witnessed(&self) -> watch::Receiver<Witnessed> {
        self.witnessed.subscribe()
    }

    /// Whether nobody contradicts what was signed.
    pub(crate) fn may_sign(&self) -> watch::Receiver<bool> {
        self.may_sign.subscribe()
    }

    /// Asks about every checkpoint, the one of the start included, until the tree ends.
    pub(crate) async fn run(mut self) {
        loop {
            let signed = self.signed.borrow_and_update().clone();
            if let Some(signed) = signed {
                self.round(&signed).await;
            }
            let troubled = self.witnesses.iter().any(|it| it.standing != Standing::Cosigns);
            let again = self.clock.sleep(PAUSE);
            tokio::select! {
                changed = self.signed.changed() => if changed.is_err() { return },
                () = again, if troubled => {}
            }
        }
    }

    async fn round(&mut self, signed: &SignedHead) {
        let (log, now) = (&self.log, self.clock.now());
        let asked = self.witnesses.iter_mut().map(|it| it.cosignature(log, signed, now));
        let cosignatures: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        let is_cosigned = !cosignatures.is_empty();
        let note = cosignatures.into_iter().fold(signed.note.clone(), Note::with);
        let signed = SignedHead { head: signed.head, note };
        if is_cosigned && let Err(error) = self.log.keep_cosigned(&signed).await {
            warn!(error = &error as &dyn std::error::Error, "cannot keep cosignatures");
        }
        self.published.send_replace(Some(Arc::new(signed)));
        let count = |is: fn(&Standing) -> bool| {
            self.witnesses.iter().filter(|it| is(&it.standing)).count() as u64
        };
        let contradicting = count(|it| matches!(it, Standing::Contradicts(_)));
        let silent = count(|it| matches!(it, Standing::Silent(_)));
        self.witnessed.send_replace(Witnessed { contradicting, silent });
        self.may_sign.send_replace(contradicting == 0);
    }
}

/// One witness, and what we know of it.
#[derive(Debug)]
struct Witness {
    name: String,
    url: Uri,
    key: VerifierKey,
    client: HttpClient,
    /// The size that it saw last, as far as we know.
    seen: u64,
    standing: Standing,
    /// When it was asked last.
    asked: Option<Timestamp>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Standing {
    Cosigns,
    /// It has seen another tree than ours.
    Contradicts(String),
    Silent(String),
}

impl Witness {
    fn new(name: &str, settings: &WitnessSettings) -> anyhow::Result<Self> {
        let key: VerifierKey = settings.key.parse().context("`key` is none")?;
        if key.algorithm() != Algorithm::Cosignature {
            return Err(anyhow!("`key` is not that of a witness"));
        }
        let url = format!("{}/add-checkpoint", settings.url.trim_end_matches('/'));
        Ok(Self {
            name: name.to_owned(),
            url: url.parse().with_context(|| format!("`{}` is no URL", settings.url))?,
            key,
            client: caller::client()?,
            seen: 0,
            standing: Standing::Silent(String::new()),
            asked: None,
        })
    }

    /// The witness's line for the checkpoint, if it gives one. One that did not is left alone for a
    /// while; what it said is logged when it is new.
    async fn cosignature(
        &mut self,
        log: &PublicLog,
        signed: &SignedHead,
        now: Timestamp,
    ) -> Option<NoteSignature> {
        let is_early = self.asked.is_some_and(|it| now.duration_since(it).unsigned_abs() < PAUSE);
        if is_early && self.standing != Standing::Cosigns {
            return None;
        }
        self.asked = Some(now);
        let asked = timeout(ANSWER_WITHIN, self.ask(log, signed)).await;
        let (standing, line) = match asked {
            Ok(Ok(line)) => (Standing::Cosigns, Some(line)),
            Ok(Err(standing)) => (standing, None),
            Err(_) => (Standing::Silent("no answer in time".to_owned()), None),
        };
        if standing != self.standing {
            let (witness, size) = (&self.name, signed.head.size);
            match &standing {
                Standing::Cosigns => info!(witness, size, "the witness cosigns"),
                Standing::Contradicts(why) => {
                    error!(
                        witness,
                        size,
                        why,
                        "a witness has seen another history of this log, nothing is signed: was an older copy of the data folder put back?"
                    );
                }
                Standing::Silent(why) => warn!(witness, size, why, "the witness does not cosign"),
            }
        }
        self.standing = standing;
        line
    }

    async fn ask(
        &mut self,
        log: &PublicLog,
        signed: &SignedHead,
    ) -> Result<NoteSignature, Standing> {
        let size = signed.head.size;
        // Once from where we believe it stands, once from where it says that it does.
        for _ in 0..2 {
            let failure = match self.send(log, signed).await? {
                Ok(answer) => return self.line(signed, &answer),
                Err(failure) => failure,
            };
            match (failure.status, latest_size(&failure.body)) {
                (Some(409), Some(latest)) if latest > size => {
                    let why = format!("it has seen {latest} leaves, our tree has {size}");
                    return Err(Standing::Contradicts(why));
                }
                (Some(409), Some(latest)) => self.seen = latest,
                (Some(422), _) => return Err(Standing::Contradicts(failure.words)),
                (Some(_) | None, _) => return Err(Standing::Silent(failure.words)),
            }
        }
        Err(Standing::Silent("others send it checkpoints of this log meanwhile".to_owned()))
    }

    async fn send(
        &self,
        log: &PublicLog,
        signed: &SignedHead,
    ) -> Result<Result<Vec<u8>, Failure>, Standing> {
        let unmade = |error: &dyn std::error::Error| Standing::Silent(error.to_string());
        let proof = log.prove_consistency(self.seen, signed.head.size).await;
        let proof = proof.map_err(|error| unmade(&error))?;
        let request = AddCheckpoint::new(self.seen, proof, signed.note.clone());
        let request = request.map_err(|error| unmade(&error))?;
        let request = http::Request::post(self.url.clone()).body(request.to_string().into());
        let request = request.map_err(|error| unmade(&error))?;
        Ok(caller::ask(&self.client, request).await.map(|it| it.to_vec()))
    }

    /// The witness's own line in its answer, checked.
    fn line(&mut self, signed: &SignedHead, answer: &[u8]) -> Result<NoteSignature, Standing> {
        let lines = str::from_utf8(answer).ok().and_then(|it| signature_lines(it).ok());
        let line = lines
            .into_iter()
            .flatten()
            .find(|it| self.key.is_named_by(it) && self.key.check(signed.note.text(), it).is_ok());
        self.seen = signed.head.size;
        line.ok_or_else(|| Standing::Silent("its answer has no line of its key".to_owned()))
    }
}

/// How long a witness may take. The public sees a checkpoint once all have answered.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long a witness that did not cosign is left alone.
const PAUSE: Duration = Duration::from_secs(10);
