//! nginx as upstream and as peer, and wrk that drives both and the door.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::{Request, header};
use rustix::process::Signal;

use crate::{client::signed, server::end};

/// nginx with three servers, on loopback. Stopped when dropped.
#[derive(Debug)]
pub(crate) struct Nginx {
    child: Child,
    /// Its own folder; files in `files` below it are served at `/`.
    folder: tempfile::TempDir,
    /// Answers everything at once.
    pub(crate) at_once: SocketAddr,
    /// Forwards to [`Self::at_once`].
    pub(crate) proxy: SocketAddr,
    /// Serves files.
    pub(crate) files: SocketAddr,
}

impl Nginx {
    /// Starts it and waits until it accepts connections.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (at_once, proxy, files) = (free_address()?, free_address()?, free_address()?);
        let text = format!(
            "user root; worker_processes auto; pid nginx.pid; error_log error.log;
            events {{ worker_connections 4096; }}
            http {{
              access_log off; sendfile on; keepalive_requests 1000000000;
              client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
              uwsgi_temp_path uwsgi; scgi_temp_path scgi;
              upstream at_once {{ server {at_once}; keepalive 256; keepalive_requests 1000000000; }}
              server {{
                listen {at_once} reuseport;
                location / {{ default_type text/plain; return 200 \"{ANSWER}\"; }}
              }}
              server {{
                listen {proxy} reuseport;
                location / {{
                  proxy_pass http://at_once; proxy_http_version 1.1;
                  proxy_set_header Connection \"\"; proxy_set_header Host $http_host;
                }}
              }}
              server {{ listen {files} reuseport; root files; }}
            }}"
        );
        fs::write(folder.path().join("nginx.conf"), text)?;
        fs::create_dir(folder.path().join("files"))?;
        let child = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log", "-g", "daemon off;"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start nginx: install it with `apt-get install nginx wrk`")?;
        let nginx = Self { child, folder, at_once, proxy, files };
        let deadline = Instant::now() + START_MAX;
        while TcpStream::connect(files).is_err() {
            if Instant::now() > deadline {
                let words = fs::read_to_string(nginx.folder.path().join("error.log"));
                return Err(anyhow!("nginx did not start: {}", words.unwrap_or_default()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(nginx)
    }

    /// Makes a file of `bytes` zeros, to be got as `/bucket/<name>`.
    pub(crate) fn add_file(&self, name: &str, bytes: u64) -> anyhow::Result<()> {
        let bucket = self.folder.path().join("files/bucket");
        fs::create_dir_all(&bucket)?;
        Ok(fs::File::create(bucket.join(name))?.set_len(bytes)?)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Killed by force, the master would leave its workers behind.
        let _gone = end(&mut self.child, Signal::TERM);
    }
}

/// What wrk says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wrk {
    /// Requests a second.
    pub(crate) rate: f64,
    /// The median time of a request.
    pub(crate) p50: Duration,
    /// 99 of 100 took no longer.
    pub(crate) p99: Duration,
}

/// Gets an S3 object again and again, with the same signature, made for the address.
pub(crate) fn drive(address: SocketAddr, connections: u32, run: Duration) -> anyhow::Result<Wrk> {
    let request = signed(Request::get(PATH).body(Bytes::new())?, address, "s3")?;
    let mut command = Command::new("wrk");
    command.args(["-t1", "--latency", &format!("-c{connections}")]);
    command.arg(format!("-d{}s", run.as_secs().max(1)));
    for (name, value) in request.headers().iter().filter(|(name, _)| *name != header::HOST) {
        command.arg("-H").arg(format!("{name}: {}", value.to_str()?));
    }
    command.arg(format!("http://{address}{PATH}"));
    let output = command
        .output()
        .context("cannot start wrk: install it with `apt-get install nginx wrk`")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        line.map(str::trim).with_context(|| format!("wrk says nothing of `{name}`: {text}"))
    };
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return Err(anyhow!("requests failed: {}", text.trim()));
    }
    Ok(Wrk {
        rate: value("Requests/sec:")?.parse()?,
        p50: duration(value("50%")?)?,
        p99: duration(value("99%")?)?,
    })
}

/// wrk writes `95.00us`, `1.25ms` and `1.02s`.
fn duration(text: &str) -> anyhow::Result<Duration> {
    let split = text.find(|it: char| it.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => return Err(anyhow!("`{text}` is no duration of wrk")),
    };
    Ok(Duration::from_secs_f64(number.parse::<f64>()? * factor))
}

/// A port that is free now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

const ANSWER: &str = "the upstream has answered at once";
const PATH: &str = "/bucket/object";
const START_MAX: Duration = Duration::from_secs(10);
