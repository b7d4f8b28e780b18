//! A server in a folder of its own, and the clients that call it.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// A running server. Killed when dropped; its folder stays when the test fails.
pub(crate) struct Server {
    child: Child,
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    settings: Vec<(String, String)>,
    /// What the server printed to be pasted into a shell, and what tests add.
    pub(crate) environment: BTreeMap<String, String>,
}

impl Server {
    /// Starts a server on an empty folder and waits until it is ready.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// Starts a server with variables in its environment, such as `TRAILMARK_LOG__BOUND_BYTES`.
    pub(crate) fn start_with(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments, settings)
    }

    /// Starts a server whose data folder is `data` in `folder`.
    pub(crate) fn start_in(
        folder: tempfile::TempDir,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Self {
        let arguments: Vec<_> = arguments.iter().map(|it| (*it).to_owned()).collect();
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let (child, environment) = spawn(folder.path(), &arguments, &settings);
        Self { child, folder, arguments, settings, environment }
    }

    /// Kills the server as a power cut would, and starts it again on the same folder.
    pub(crate) fn kill_and_restart(&mut self) {
        self.kill();
        self.restart();
    }

    /// Kills the server, which gets no chance to put anything in order.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the server again on the same folder, after it ended.
    pub(crate) fn restart(&mut self) {
        let (child, environment) = spawn(self.folder.path(), &self.arguments, &self.settings);
        self.child = child;
        self.environment.extend(environment);
    }

    /// Moves the folder of the server, which must have ended, to another place.
    pub(crate) fn move_folder(&mut self) {
        let place = tempfile::tempdir().unwrap();
        fs::rename(self.folder.path(), place.path()).unwrap();
        self.folder = place;
    }

    /// Adds a variable to the environment of the server's next start.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Tells the server to stop, as an operator does.
    pub(crate) fn terminate(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for the server to end by itself.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        eventually("the server ends", || self.child.try_wait().unwrap())
    }

    /// Whether the process is there.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The most memory that the process ever held, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// What the server said about itself.
    pub(crate) fn words(&self) -> String {
        fs::read_to_string(self.folder().join("server.log")).unwrap()
    }

    /// Starts `trailmark tail --json` and returns its process and its standard output.
    pub(crate) fn tail(&self) -> (Child, BufReader<ChildStdout>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trailmark"));
        command.args(["tail", "--json"]).env("TRAILMARK_DATA_DIR", self.data_dir());
        command.envs(&self.environment).current_dir(self.folder());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It says so once it listens.
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        (child, lines)
    }

    /// The folder of everything that is kept.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder for the test's own files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the server listens.
    pub(crate) fn endpoint(&self) -> &str {
        &self.environment["AWS_ENDPOINT_URL"]
    }

    /// Runs the AWS CLI and returns what came of it.
    pub(crate) fn aws_raw(&self, arguments: &[&str]) -> Output {
        self.client("aws").args(arguments).output().unwrap()
    }

    /// Runs the AWS CLI, which must succeed, and returns its standard output.
    #[track_caller]
    pub(crate) fn aws(&self, arguments: &[&str]) -> String {
        succeeded(self.aws_raw(arguments))
    }

    /// Runs the AWS CLI, which must succeed and print JSON.
    #[track_caller]
    pub(crate) fn aws_json(&self, arguments: &[&str]) -> Value {
        let text = self.aws(&[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// Runs a Python program, with boto3 at hand, which must succeed.
    #[track_caller]
    pub(crate) fn python(&self, program: &str) -> String {
        succeeded(self.client("python").args(["-c", program]).output().unwrap())
    }

    /// Runs `trailmark` on the server's folder, which must succeed.
    #[track_caller]
    pub(crate) fn trailmark(&self, arguments: &[&str]) -> String {
        succeeded(self.trailmark_raw(arguments))
    }

    /// Runs `trailmark` on the server's folder and returns what came of it.
    pub(crate) fn trailmark_raw(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trailmark"));
        command.args(arguments).env("TRAILMARK_DATA_DIR", self.data_dir());
        command.envs(&self.environment).current_dir(self.folder());
        command.output().unwrap()
    }

    /// Starts `trailmark` on the server's folder, and waits until it has said `words`.
    #[track_caller]
    pub(crate) fn trailmark_until(&self, arguments: &[&str], words: &str) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trailmark"));
        command.args(arguments).env("TRAILMARK_DATA_DIR", self.data_dir());
        command.envs(&self.environment).current_dir(self.folder());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        while !said.contains(words) {
            said += &lines.next().unwrap_or_else(|| panic!("it said: {said}")).unwrap();
        }
        std::thread::spawn(move || lines.for_each(drop));
        child
    }

    /// Records of event history whose attribute has the value, newest first.
    #[track_caller]
    pub(crate) fn lookup(&self, key: &str, value: &str) -> Vec<Value> {
        let attribute = format!("AttributeKey={key},AttributeValue={value}");
        let answer =
            self.aws_json(&["cloudtrail", "lookup-events", "--lookup-attributes", &attribute]);
        let events = answer["Events"].as_array().unwrap();
        events
            .iter()
            .map(|event| serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap())
            .collect()
    }

    fn client(&self, name: &str) -> Command {
        let mut command = Command::new(venv().join("bin").join(name));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.folder()).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_PAGER", "").env("PYTHONDONTWRITEBYTECODE", "1");
        command.envs(&self.environment).current_dir(self.folder());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended by itself; either way it must not outlive the test.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("the server's folder is kept: {}", self.folder.path().display());
        }
    }
}

/// A test AWS to forward to and to write to. Killed when dropped.
pub(crate) struct Moto {
    child: Child,
    /// Where it listens.
    pub(crate) endpoint: String,
}

impl Moto {
    /// Starts it and waits until it accepts connections.
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(venv().join("bin/moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        Self::wait_for(&mut command, port)
    }

    /// Starts another one, which shares nothing with the first.
    pub(crate) fn start_ministack() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(venv().join("bin/ministack"));
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
        command.env("SERVICES", "s3");
        Self::wait_for(&mut command, port)
    }

    fn wait_for(command: &mut Command, port: u16) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the test AWS did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, endpoint: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Where the clients are installed.
pub(crate) fn venv() -> PathBuf {
    let venv = std::env::var_os("TRAILMARK_VENV")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv"), PathBuf::from);
    assert!(venv.join("bin/aws").exists(), "no AWS CLI in {}: run `make test`", venv.display());
    venv
}

/// Asks until there is an answer, for at most half a minute.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "it never came true that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn succeeded(output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "failed: {words}\n{text}");
    text
}

fn spawn(
    folder: &Path,
    arguments: &[String],
    settings: &[(String, String)],
) -> (Child, BTreeMap<String, String>) {
    let log =
        fs::OpenOptions::new().create(true).append(true).open(folder.join("server.log")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_trailmark"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.join("data"))
        .args(arguments)
        .envs(settings.iter().cloned())
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut environment = BTreeMap::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.by_ref() {
        let line = line.unwrap();
        // The last of the lines to paste is the one that the server prints once it is ready.
        if let Some((name, value)) = line.strip_prefix("export ").and_then(|it| it.split_once('='))
        {
            environment.insert(name.to_owned(), value.trim_matches('\'').to_owned());
        }
        if environment.contains_key("AWS_ENDPOINT_URL") && environment.len() >= 4 {
            break;
        }
    }
    std::thread::spawn(move || lines.for_each(drop));
    if environment.len() < 4 {
        let words = fs::read_to_string(folder.join("server.log")).unwrap_or_default();
        panic!("the server did not start: {words}");
    }
    (child, environment)
}
