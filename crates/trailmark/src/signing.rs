//! Keys that sign digests: those of the catalog, or of a key management service that never lets go of
//! them.
//!
//! Spec: AWS KMS API Reference, "GetPublicKey" and "Sign".

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use catalog::{Catalog, ServiceKey};
use delivery::{KeptSigners, Signers};
use futures::{FutureExt as _, future::BoxFuture};
use http::Uri;
use integrity::digest::{Error, PublicKey, SignFuture, Signer, Stamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{sync::OnceCell, time::timeout};

use crate::{
    caller::Caller,
    credentials::{Credentials, secret},
};

/// The key of a service that signs the digests of one region. No two regions may share one.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SigningSettings {
    /// URL of a KMS-compatible service.
    pub(crate) endpoint: String,
    /// Id, ARN or alias of an RSA key of 2048 bits or more for `SIGN_VERIFY`.
    pub(crate) key_id: String,
    /// The region of the service, when it is another than the one whose digests are signed.
    pub(crate) region: Option<String>,
    /// The access key to sign with; it needs `kms:GetPublicKey` and `kms:Sign`.
    pub(crate) access_key_id: String,
    /// Its secret. Better in `TRAILMARK_SIGNING__<REGION>__SECRET_ACCESS_KEY`, or in a file.
    #[serde(skip_serializing)]
    pub(crate) secret_access_key: Option<String>,
    /// A file with the secret alone.
    pub(crate) secret_access_key_file: Option<PathBuf>,
}

/// Shows everything but secrets.
impl fmt::Debug for SigningSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningSettings")
            .field("endpoint", &self.endpoint)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Signs with the key of a service where a region has one, with our own elsewhere.
#[derive(Debug)]
pub(crate) struct AllSigners {
    catalog: Catalog,
    own: KeptSigners,
    services: BTreeMap<String, Service>,
}

impl AllSigners {
    /// Reads what is set up; asks nobody yet.
    ///
    /// # Errors
    /// When an entry cannot be used.
    pub(crate) fn new(
        settings: &BTreeMap<String, SigningSettings>,
        catalog: Catalog,
    ) -> anyhow::Result<Self> {
        let service = |(region, settings): (&String, &SigningSettings)| {
            let kms = Kms::new(region, settings);
            let kms = kms.with_context(|| format!("`signing.{region}` cannot be used"))?;
            Ok((region.clone(), Service { kms: Arc::new(kms), signer: OnceCell::new() }))
        };
        let services = settings.iter().map(service).collect::<anyhow::Result<_>>()?;
        Ok(Self { own: KeptSigners::new(catalog.clone()), catalog, services })
    }

    async fn of_service(
        &self,
        service: &Service,
        region: &str,
        at: Stamp,
    ) -> Result<Arc<dyn Signer>, Error> {
        let signer = service.signer().await?;
        let public = signer.public_key();
        let key = ServiceKey {
            fingerprint: public.fingerprint().to_string(),
            public_key: public.as_pkcs1().to_vec(),
        };
        // INVARIANT: whoever finds a digest finds its key in `ListPublicKeys`.
        let shown = self.catalog.show_service_key(region, &key, at.timestamp()).await;
        if !shown.map_err(|error| Error::Sign(Box::new(error)))? {
            return Err(Error::Sign("the service's key already signs for another region".into()));
        }
        Ok(signer)
    }
}

impl Signers for AllSigners {
    fn signer<'a>(
        &'a self,
        region: &'a str,
        at: Stamp,
    ) -> BoxFuture<'a, Result<Arc<dyn Signer>, Error>> {
        match self.services.get(region) {
            Some(service) => self.of_service(service, region, at).boxed(),
            None => self.own.signer(region, at),
        }
    }
}

/// A service, and its key once it was asked for.
#[derive(Debug)]
struct Service {
    kms: Arc<Kms>,
    signer: OnceCell<Arc<KmsSigner>>,
}

impl Service {
    async fn signer(&self) -> Result<Arc<dyn Signer>, Error> {
        let found = self.signer.get_or_try_init(async || {
            let public = self.kms.public_key().await?;
            Ok::<_, Error>(Arc::new(KmsSigner { kms: Arc::clone(&self.kms), public }))
        });
        Ok(Arc::clone(found.await?) as _)
    }
}

/// Signs with a key that stays in its service.
#[derive(Debug)]
struct KmsSigner {
    kms: Arc<Kms>,
    public: PublicKey,
}

impl Signer for KmsSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> SignFuture<'a> {
        self.kms.sign(message).boxed()
    }
}

/// One key of a KMS-compatible service.
#[derive(Debug)]
struct Kms {
    caller: Caller,
    url: Uri,
    region: String,
    key_id: String,
}

impl Kms {
    fn new(region: &str, settings: &SigningSettings) -> anyhow::Result<Self> {
        let SigningSettings { endpoint, key_id, access_key_id, .. } = settings;
        for (name, value) in
            [("endpoint", endpoint), ("key_id", key_id), ("access_key_id", access_key_id)]
        {
            if value.is_empty() {
                return Err(anyhow!("set `{name}`"));
            }
        }
        let secret = secret(
            settings.secret_access_key.as_ref(),
            settings.secret_access_key_file.as_deref(),
        )?;
        let key = Credentials { id: access_key_id.clone(), secret, token: None };
        Ok(Self {
            caller: Caller::new(key)?,
            url: endpoint.parse().with_context(|| format!("`{endpoint}` is no URL"))?,
            region: settings.region.clone().unwrap_or_else(|| region.to_owned()),
            key_id: key_id.clone(),
        })
    }

    async fn public_key(&self) -> Result<PublicKey, Error> {
        let der = self.ask("GetPublicKey", json!({"KeyId": self.key_id}), "PublicKey").await?;
        PublicKey::from_der(&der)
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let request = json!({
            "KeyId": self.key_id,
            "Message": BASE64_STANDARD.encode(message),
            "MessageType": "RAW",
            "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256",
        });
        self.ask("Sign", request, "Signature").await
    }

    /// Calls the operation, and gives the bytes of one member of its answer.
    async fn ask(&self, operation: &str, request: Value, member: &str) -> Result<Vec<u8>, Error> {
        let failed = |words: String| Error::Sign(format!("KMS {operation}: {words}").into());
        let request = http::Request::post(self.url.clone())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("TrentService.{operation}"))
            .body(request.to_string().into())
            .map_err(|error| failed(error.to_string()))?;
        // All deliveries wait for a signature; a service that hangs must not hold them up for long.
        let answer = timeout(ANSWER_WITHIN, self.caller.ask(request, "kms", &self.region)).await;
        let answer = answer.map_err(|_| failed("no answer in time".to_owned()))?;
        let answer = answer.map_err(|failure| failed(failure.words))?;
        let answer: Value =
            serde_json::from_slice(&answer).map_err(|error| failed(error.to_string()))?;
        let bytes = answer.get(member).and_then(Value::as_str);
        let bytes = bytes.and_then(|it| BASE64_STANDARD.decode(it).ok());
        bytes.ok_or_else(|| failed(format!("the answer has no `{member}`")))
    }
}

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
