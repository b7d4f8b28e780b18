//! A server in a folder of its own, and what can be seen of it from outside.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rustix::process::{Pid, Signal, kill_process};

use crate::client::{ACCESS_KEY_ID, Client, SECRET};

/// A running server. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// From the start of the process until it was ready.
    pub(crate) started_in: Duration,
}

impl Server {
    /// Starts a server on `folder` and waits until it is ready.
    pub(crate) fn start(folder: &Path, arguments: &[String]) -> anyhow::Result<Self> {
        let log = folder.join("server.log");
        let messages = fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_trailmark"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder.join("data"))
            .args(arguments)
            .current_dir(folder)
            .env("TRAILMARK_ROOT_ACCESS_KEY_ID", ACCESS_KEY_ID)
            .env("TRAILMARK_ROOT_SECRET_ACCESS_KEY", SECRET)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(messages)
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let (sender, ready) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("export AWS_ENDPOINT_URL=http://") {
                    // Nobody waits any more when the start took too long.
                    let _gone = sender.send((url.to_owned(), began.elapsed()));
                }
            }
        });
        let Ok((address, started_in)) = ready.recv_timeout(START_MAX) else {
            let (_gone, _reaped) = (child.kill(), child.wait());
            let words = fs::read_to_string(&log).unwrap_or_default();
            return Err(anyhow!("the server did not start: {}", words.trim()));
        };
        let address = address.parse().with_context(|| format!("the address `{address}`"))?;
        Ok(Self { child, address, started_in })
    }

    /// Tells the server to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        end(&mut self.child, Signal::TERM)
    }

    /// Kills the server as a power cut would.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        end(&mut self.child, Signal::KILL)
    }

    /// Bytes of memory that the process has now.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        self.status("VmRSS")
    }

    /// The most bytes of memory that the process had since [`Self::forget_peak`].
    pub(crate) fn memory_peak(&self) -> anyhow::Result<u64> {
        self.status("VmHWM")
    }

    /// Lets the peak begin anew. Without the right to it, the peak is that since the start.
    pub(crate) fn forget_peak(&self) {
        let _not_ours = fs::write(self.process().join("clear_refs"), "5");
    }

    fn status(&self, name: &str) -> anyhow::Result<u64> {
        let text =
            fs::read_to_string(self.process().join("status")).context("the server is gone")?;
        let line = text.lines().find(|line| line.starts_with(name)).context("no such field")?;
        let kibibytes: u64 = line
            .split_ascii_whitespace()
            .nth(1)
            .context("no number")?
            .parse()
            .context("no number of kibibytes")?;
        Ok(kibibytes << 10)
    }

    fn process(&self) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it must not outlive the benchmark.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The numbers of the metrics page that have no label, without their prefix.
pub(crate) async fn metrics(client: &mut Client) -> anyhow::Result<BTreeMap<String, f64>> {
    let request = Request::get("/_trailmark/metrics")
        .header("host", "127.0.0.1")
        .body(Full::new(Bytes::new()))?;
    let page = client.call(request).await?;
    let numbers = String::from_utf8_lossy(&page)
        .lines()
        .filter_map(|line| line.strip_prefix("trailmark_")?.split_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect();
    Ok(numbers)
}

/// Ends a process of ours: by `signal`, and after some patience by force.
pub(crate) fn end(child: &mut Child, signal: Signal) -> anyhow::Result<()> {
    kill_process(Pid::from_child(child), signal)?;
    let deadline = Instant::now() + STOP_MAX;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Err(anyhow!("a process did not stop within {STOP_MAX:?}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

const START_MAX: Duration = Duration::from_mins(1);
const STOP_MAX: Duration = Duration::from_secs(30);
