//! Topics of trails: messages to an SNS-compatible service, or to a webhook in SNS's envelope.
//!
//! Spec: CloudTrail User Guide, "Configuring Amazon SNS notifications for CloudTrail"; Amazon SNS API
//! Reference, "Publish"; Amazon SNS Developer Guide, "HTTP/HTTPS notification JSON format".

use std::{fmt, path::PathBuf, sync::Arc};

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use delivery::{Notifier, Refusal};
use futures::{FutureExt as _, future::BoxFuture};
use http::Uri;
use object_store::client::HttpClient;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    caller::{self, Caller, Failure},
    credentials::{Credentials, secret},
};

/// Where messages go. Nobody is notified unless one is set.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NotificationSettings {
    /// URL of an SNS-compatible service that has the topics.
    pub(crate) sns_endpoint: Option<String>,
    /// The access key to publish with.
    pub(crate) access_key_id: Option<String>,
    /// Its secret. Better in `TRAILMARK_NOTIFICATIONS__SECRET_ACCESS_KEY`, or in a file.
    #[serde(skip_serializing)]
    pub(crate) secret_access_key: Option<String>,
    /// A file with the secret alone.
    pub(crate) secret_access_key_file: Option<PathBuf>,
    /// URL that gets each message by POST, as an HTTP subscriber of the topic would.
    pub(crate) webhook: Option<String>,
}

/// Shows everything but secrets.
impl fmt::Debug for NotificationSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotificationSettings")
            .field("sns_endpoint", &self.sns_endpoint)
            .field("webhook", &self.webhook)
            .finish_non_exhaustive()
    }
}

impl NotificationSettings {
    /// Who notifies, if anybody; asks nobody yet.
    ///
    /// # Errors
    /// When a URL or a key cannot be used.
    pub(crate) fn notifier(&self, ambient: &Ambient) -> anyhow::Result<Option<Arc<dyn Notifier>>> {
        let sns = self.sns_endpoint.as_ref().map(|url| self.sns(url)).transpose();
        let sns = sns.context("`notifications` cannot be used")?;
        let webhook = self.webhook.as_ref().map(|url| webhook(url, ambient)).transpose();
        let webhook = webhook.context("`notifications` cannot be used")?;
        if sns.is_none() && webhook.is_none() {
            return Ok(None);
        }
        Ok(Some(Arc::new(Topics { sns, webhook })))
    }

    fn sns(&self, url: &str) -> anyhow::Result<Sns> {
        let id = self.access_key_id.clone().ok_or_else(|| anyhow!("set `access_key_id`"))?;
        let secret =
            secret(self.secret_access_key.as_ref(), self.secret_access_key_file.as_deref())?;
        let caller = Caller::new(Credentials { id, secret, token: None })?;
        Ok(Sns { url: checked(url)?, caller })
    }
}

fn webhook(url: &str, ambient: &Ambient) -> anyhow::Result<Webhook> {
    Ok(Webhook { url: checked(url)?, client: caller::client()?, ambient: ambient.clone() })
}

fn checked(url: &str) -> anyhow::Result<Uri> {
    let uri = url.parse::<Uri>().with_context(|| format!("`{url}` is no URL"))?;
    match uri.scheme_str() {
        Some("http" | "https") => Ok(uri),
        Some(_) | None => Err(anyhow!("`{url}` is no URL of http or https")),
    }
}

/// Publishes wherever it is set up to.
#[derive(Debug)]
struct Topics {
    sns: Option<Sns>,
    webhook: Option<Webhook>,
}

impl Notifier for Topics {
    fn publish<'a>(
        &'a self,
        topic_arn: &'a str,
        message: &'a str,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        async move {
            if let Some(webhook) = &self.webhook {
                webhook.publish(topic_arn, message).await?;
            }
            if let Some(sns) = &self.sns {
                sns.publish(topic_arn, message).await?;
            }
            Ok(())
        }
        .boxed()
    }
}

#[derive(Debug)]
struct Sns {
    url: Uri,
    caller: Caller,
}

impl Sns {
    async fn publish(&self, topic_arn: &str, message: &str) -> Result<(), Refusal> {
        let escaped = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let (topic, message) = (escaped(topic_arn), escaped(message));
        let body = format!("Action=Publish&Version=2010-03-31&TopicArn={topic}&Message={message}");
        let request = http::Request::post(self.url.clone())
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .body(body.into())
            .map_err(|error| Refusal::new("InternalError", error.to_string()))?;
        let region = topic_arn.split(':').nth(3).unwrap_or("us-east-1");
        self.caller.send(request, "sns", region).await.map_err(refusal)
    }
}

#[derive(Debug)]
struct Webhook {
    url: Uri,
    client: HttpClient,
    ambient: Ambient,
}

impl Webhook {
    async fn publish(&self, topic_arn: &str, message: &str) -> Result<(), Refusal> {
        let id = self.ambient.random.uuid().to_string();
        let time = self.ambient.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        let envelope = json!({
            "Type": "Notification",
            "MessageId": id,
            "TopicArn": topic_arn,
            "Message": message,
            "Timestamp": time,
        });
        let request = http::Request::post(self.url.clone())
            .header("content-type", "text/plain; charset=UTF-8")
            .header("x-amz-sns-message-type", "Notification")
            .header("x-amz-sns-message-id", id)
            .header("x-amz-sns-topic-arn", topic_arn)
            .body(envelope.to_string().into())
            .map_err(|error| Refusal::new("InternalError", error.to_string()))?;
        caller::send(&self.client, request).await.map_err(refusal)
    }
}

/// SNS's code, as `LatestNotificationError` shows it.
fn refusal(failure: Failure) -> Refusal {
    let known = match failure.status {
        Some(401 | 403) => Some("AuthorizationError"),
        Some(404) => Some("NotFound"),
        Some(_) => Some("InternalError"),
        None => None,
    };
    Refusal::of_answer(&failure.words, known)
}
