//! `trailmark tail`: records as they arrive, in one line each for people, verbatim for scripts.

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use http::{Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use jiff::Timestamp;
use record::{Record, parse};

use crate::{
    cli::Tail,
    config::Config,
    credentials::Credentials,
    words::{CYAN, DIM, GREEN, RED, data, say},
};

/// Runs `trailmark tail`.
pub(crate) async fn run(options: Tail) -> anyhow::Result<()> {
    let config = Config::load(&options.place)?;
    let endpoint = options.endpoint_url.unwrap_or_else(|| format!("http://{}", config.listen));
    let key = match Credentials::of_environment()? {
        Some(key) => key,
        None => Credentials::of_file(&config.credentials_file(), "default")
            .context("set AWS_ACCESS_KEY_ID or name --data-dir")?,
    };
    let request = signed(&endpoint, &key, &config.door.region, Ambient::system().clock.now())?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let response = client.request(request).await.with_context(|| {
        format!("no server answers at {endpoint}: is `trailmark serve` running?")
    })?;
    let status = response.status();
    let mut body = response.into_body();
    if !status.is_success() {
        let words = body.collect().await?.to_bytes();
        return Err(anyhow!("the server answered {status}: {}", String::from_utf8_lossy(&words)));
    }
    say(format_args!("{DIM}records of {endpoint} as they arrive; Ctrl-C ends{DIM:#}"));
    let mut shown = 0;
    let mut pending = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.context("the server closed the connection")?.into_data() else {
            continue;
        };
        pending.extend_from_slice(&bytes);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            if line.len() < 2 {
                continue;
            }
            show(&line, options.json)?;
            shown += 1;
            if options.limit.is_some_and(|limit| shown >= limit) {
                return Ok(());
            }
        }
    }
    Err(anyhow!("the server closed the connection"))
}

fn show(line: &[u8], json: bool) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(line);
    match parse(line.trim_ascii()) {
        Ok(record) if !json => data(in_one_line(&record))?,
        Ok(_) | Err(_) => data(text.trim_end())?,
    }
    Ok(())
}

fn in_one_line(record: &Record<'_>) -> String {
    let time = record.event_time().map(|it| it.to_string()).unwrap_or_default();
    let source = record.event_source().unwrap_or_default().into_owned();
    let service = source.strip_suffix(".amazonaws.com").unwrap_or(&source).to_owned();
    let name = record.event_name().unwrap_or_default().into_owned();
    let who = record.username().or_else(|| record.access_key_id()).unwrap_or_default().into_owned();
    let from = record.source_ip_address().unwrap_or_default().into_owned();
    let outcome = match record.error_code() {
        Some(code) => format!("{RED}{code}{RED:#}"),
        None => format!("{GREEN}ok{GREEN:#}"),
    };
    let on = record.resources().first().and_then(|it| it.name.clone()).unwrap_or_default();
    format!("{DIM}{time}{DIM:#} {CYAN}{service}:{name}{CYAN:#} {outcome} {who} {from} {on}")
}

fn signed(
    endpoint: &str,
    key: &Credentials,
    region: &str,
    now: Timestamp,
) -> anyhow::Result<Request<Empty<bytes::Bytes>>> {
    let url = format!("{}/_trailmark/tail", endpoint.trim_end_matches('/'));
    let request = Request::get(&url).body(Empty::new()).context("the endpoint is no URL")?;
    let (mut parts, body) = request.into_parts();
    let host =
        parts.uri.authority().ok_or_else(|| anyhow!("the endpoint has no host"))?.to_string();
    parts.headers.insert(header::HOST, host.parse()?);
    if let Some(token) = &key.token {
        parts.headers.insert("x-amz-security-token", token.parse()?);
    }
    let secret = wire::sigv4::Secret::new(key.secret.clone().into());
    wire::sigv4::sign(&mut parts, &key.id, &secret, region, "cloudtrail", &EMPTY_SHA256, now)?;
    Ok(Request::from_parts(parts, body))
}

/// SHA-256 of nothing, which is the body.
const EMPTY_SHA256: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];
