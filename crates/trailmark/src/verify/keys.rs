//! Whom to trust: public keys from files or from a server, and how far its trails have come.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, anyhow};
use integrity::{
    digest::{ChainId, DigestName, Root, Stamp, ValidKey},
    verify::{Anchor, KeyRing, Listed, Place},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{cli::Verify, cloudtrail::CloudTrail, credentials::region, verify::source::Source};

/// What is trusted, and what is known from outside.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    pub(crate) keys: KeyRing,
    pub(crate) anchors: Vec<Anchor>,
    pub(crate) notes: Vec<String>,
}

/// Collects keys, and asks the server if there is one to ask.
pub(crate) async fn trust(
    options: &Verify,
    source: &Source,
    objects: &[Listed],
) -> anyhow::Result<Trust> {
    let mut trust = Trust::default();
    for file in &options.public_keys {
        let bytes =
            std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let keys = ValidKey::read_all(&bytes)
            .with_context(|| format!("`{}` holds no public keys", file.display()))?;
        for key in keys {
            trust.keys.trust(key);
        }
    }
    let Some(endpoint) = endpoint(options, source)? else { return Ok(trust) };
    let server = CloudTrail::new(&endpoint)?;
    let chains = chains(objects);
    let regions: BTreeSet<_> = chains.keys().map(|it| it.region.as_str()).collect();
    let span = chains.values().fold(None, |span: Option<(Stamp, Stamp)>, (from, until)| {
        Some(span.map_or((*from, *until), |it| (it.0.min(*from), it.1.max(*until))))
    });
    if let Some((from, until)) = span {
        for region in regions {
            for key in public_keys(&server, region, from, until).await? {
                trust.keys.trust(key);
            }
        }
    }
    match progress_of_trails(&server, source, &chains).await {
        Ok(anchors) => trust.anchors = anchors,
        Err(error) => {
            trust.notes.push(format!("how far the trails have come is unknown: {error:#}"))
        }
    }
    Ok(trust)
}

/// Which server to ask. None that the user did not name.
fn endpoint(options: &Verify, source: &Source) -> anyhow::Result<Option<String>> {
    if let Some(endpoint) = &options.endpoint {
        return Ok(Some(endpoint.clone()));
    }
    if !options.public_keys.is_empty() {
        return Ok(None);
    }
    match (source, source.endpoint()) {
        (Source::Bucket(_), Some(endpoint)) => Ok(Some(endpoint.to_owned())),
        (Source::Bucket(_), None) => Ok(Some("aws".to_owned())),
        (Source::Folder { .. }, _) => Err(anyhow!(
            "there is no key to check signatures with: give --public-key FILE or --endpoint URL"
        )),
    }
}

/// The chains of the listing, each with its oldest and newest digest.
fn chains(objects: &[Listed]) -> BTreeMap<ChainId, (Stamp, Stamp)> {
    let mut chains: BTreeMap<ChainId, (Stamp, Stamp)> = BTreeMap::new();
    for (_, name) in objects.iter().filter_map(|it| DigestName::parse(&it.at.key)) {
        let span = chains.entry(name.chain).or_insert((name.end, name.end));
        *span = (span.0.min(name.end), span.1.max(name.end));
    }
    chains
}

async fn public_keys(
    server: &CloudTrail,
    region: &str,
    from: Stamp,
    until: Stamp,
) -> anyhow::Result<Vec<ValidKey>> {
    let range = json!({
        "StartTime": from.plus_seconds(-HOUR).timestamp().as_second(),
        "EndTime": until.plus_seconds(2 * HOUR).timestamp().as_second(),
    });
    let mut request = range.clone();
    let mut keys = Vec::new();
    // A server that always gives a next page must not hold us for ever.
    for _page in 0..PAGES_MAX {
        let answer = server.call(region, "ListPublicKeys", &request).await?;
        let read = ValidKey::read_all(&serde_json::to_vec(&answer)?);
        keys.extend(read.with_context(|| format!("the server has no keys of {region}"))?);
        match answer.get("NextToken") {
            Some(Value::String(token)) if !token.is_empty() => {
                request.clone_from(&range);
                if let Some(members) = request.as_object_mut() {
                    members.insert("NextToken".to_owned(), json!(token));
                }
            }
            Some(_) | None => return Ok(keys),
        }
    }
    Err(anyhow!("the server has more than {PAGES_MAX} pages of keys"))
}

/// When the server delivered the newest digest of each trail: its chain must reach there.
async fn progress_of_trails(
    server: &CloudTrail,
    source: &Source,
    chains: &BTreeMap<ChainId, (Stamp, Stamp)>,
) -> anyhow::Result<Vec<Anchor>> {
    // The region of the environment too: of a chain that is gone, nothing here tells its region.
    let here = region();
    let homes = chains.keys().map(|it| it.home_region.as_str()).chain(here.as_deref());
    let homes: BTreeSet<_> = homes.collect();
    let mut anchors = Vec::new();
    for home in homes {
        let trails = server.call(home, "DescribeTrails", &json!({})).await?;
        let trails: Trails = serde_json::from_value(trails).context("the trails are malformed")?;
        for trail in trails.trail_list {
            let folder = trail.folder();
            let Trail { name, trail_arn, home_region, s3_bucket_name, .. } = trail;
            let delivers_here = match source.place() {
                Place::Bucket(bucket) => {
                    s3_bucket_name.as_ref() == Some(&bucket) && source.reaches(&folder)
                }
                Place::Folder => chains.keys().any(|chain| chain.trail == name),
            };
            if home_region != home || !delivers_here {
                continue;
            }
            let account = trail_arn.split(':').nth(4).unwrap_or_default();
            let request = json!({"Name": trail_arn});
            let status = server.call(home, "GetTrailStatus", &request).await?;
            let latest = status.get("LatestDigestDeliveryTime").and_then(Value::as_f64);
            #[expect(clippy::cast_possible_truncation, reason = "a cast to an integer saturates")]
            let Some(latest) = latest.and_then(|it| Timestamp::from_second(it as i64).ok()) else {
                continue;
            };
            let chain = ChainId {
                account: account.to_owned(),
                region: home.to_owned(),
                trail: name,
                home_region: home.to_owned(),
            };
            // A digest is delivered within the hour after its window.
            let end = Stamp::of(latest).plus_seconds(-HOUR);
            anchors.push(Anchor { source: "the server".to_owned(), chain, end, sha256: None });
        }
    }
    Ok(anchors)
}

/// The answer of `DescribeTrails`, as far as it matters here.
#[derive(Deserialize)]
struct Trails {
    #[serde(rename = "trailList")]
    trail_list: Vec<Trail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Trail {
    name: String,
    #[serde(rename = "TrailARN")]
    trail_arn: String,
    home_region: String,
    s3_bucket_name: Option<String>,
    s3_key_prefix: Option<String>,
}

impl Trail {
    /// Where all of its keys begin.
    fn folder(&self) -> String {
        let prefix = self.s3_key_prefix.clone().filter(|it| !it.is_empty());
        Root { prefix, organization: None }.folder()
    }
}

const HOUR: i64 = 3_600;
const PAGES_MAX: usize = 1_000;
