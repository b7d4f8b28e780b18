//! Requests byte for byte: signed by our own signer, sent over a plain socket.
//!
//! The AWS clients repair and repeat what they send; who tests how a server fails must not.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use ambient::Ambient;
use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde_json::{Value, json};
use wire::sigv4::{Secret, sign};

use crate::harness::Server;

/// An access key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// A request before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// The service of the signature's scope.
    pub(crate) service: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// The time of the signature.
    pub(crate) at: Timestamp,
}

/// What the server answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A connection to the server. Gives up after half a minute without a byte.
pub(crate) struct Connection {
    socket: BufReader<TcpStream>,
    host: String,
}

impl Key {
    /// The root key that the server wrote on its first start.
    pub(crate) fn root(server: &Server) -> Self {
        let text = fs::read_to_string(server.data_dir().join("credentials")).unwrap();
        let value = |name: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(key, _)| key.trim() == name).unwrap().1.trim().to_owned()
        };
        Self { id: value("aws_access_key_id"), secret: value("aws_secret_access_key") }
    }
}

impl Request {
    /// Finished records for the bulk route.
    pub(crate) fn records(body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST",
            path: "/_trailmark/records".to_owned(),
            service: "cloudtrail-data",
            headers: Vec::new(),
            body: body.into(),
            at: now(),
        }
    }

    /// A call of a JSON service.
    pub(crate) fn json(service: &'static str, target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            path: "/".to_owned(),
            service,
            headers: vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", target.to_owned()),
            ],
            ..Self::records(body)
        }
    }

    /// `sts:GetCallerIdentity`, the smallest of calls.
    pub(crate) fn who_am_i() -> Self {
        Self {
            path: "/".to_owned(),
            service: "sts",
            headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
            ..Self::records("Action=GetCallerIdentity&Version=2011-06-15")
        }
    }

    /// A call on the bucket or object at `path`.
    pub(crate) fn s3(method: &'static str, path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method, path: path.to_owned(), service: "s3", ..Self::records(body) }
    }

    /// The head of the signed request, without the empty line, so that more can be added.
    pub(crate) fn head(&self, host: &str, key: &Key) -> String {
        let mut builder = http::Request::builder().method(self.method).uri(&self.path);
        builder = builder.header("host", host);
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        let (mut parts, ()) = builder.body(()).unwrap().into_parts();
        let mut sum = [0; 32];
        sum.copy_from_slice(digest(&SHA256, &self.body).as_ref());
        let secret = Secret::new(key.secret.clone().into());
        sign(&mut parts, &key.id, &secret, "us-east-1", self.service, &sum, self.at).unwrap();
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &parts.headers {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        head
    }

    /// The whole signed request.
    pub(crate) fn bytes(&self, host: &str, key: &Key) -> Vec<u8> {
        let head = self.head(host, key);
        let mut bytes = format!("{head}content-length: {}\r\n\r\n", self.body.len()).into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The id under which the call is recorded.
    pub(crate) fn request_id(&self) -> String {
        let names = ["x-amzn-requestid", "x-amz-request-id"];
        names.iter().find_map(|name| self.header(name)).unwrap().to_owned()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

impl Connection {
    /// Connects to the server, which must listen.
    #[track_caller]
    pub(crate) fn to(server: &Server) -> Self {
        Self::open(&host(server)).unwrap()
    }

    /// Connects to an address.
    pub(crate) fn open(host: &str) -> io::Result<Self> {
        let socket = TcpStream::connect(host)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { socket: BufReader::new(socket), host: host.to_owned() })
    }

    /// Sends a signed request and reads the answer.
    pub(crate) fn call(&mut self, request: &Request, key: &Key) -> io::Result<Answer> {
        self.send(&request.bytes(&self.host.clone(), key))?;
        self.answer()
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.get_mut().write_all(bytes)
    }

    /// Reads one answer.
    pub(crate) fn answer(&mut self) -> io::Result<Answer> {
        loop {
            let answer = self.any_answer()?;
            if answer.status >= 200 {
                return Ok(answer);
            }
        }
    }

    /// Reads until the server closes the connection. A reset counts as closed.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.socket.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) => assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "still open"),
        }
        bytes
    }

    fn any_answer(&mut self) -> io::Result<Answer> {
        let mut line = String::new();
        if self.socket.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let status = line.get(9..12).and_then(|it| it.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status: {line}")))?;
        let mut headers = Vec::new();
        loop {
            line.clear();
            if self.socket.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map(|it| it.parse::<usize>().unwrap());
        if answer.header("transfer-encoding").is_some() {
            answer.body = self.chunks()?;
        } else if let Some(length) = length {
            answer.body.resize(length, 0);
            self.socket.read_exact(&mut answer.body)?;
        } else if status >= 200 && !matches!(status, 204 | 304) {
            self.socket.read_to_end(&mut answer.body)?;
        }
        Ok(answer)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.socket.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            let from = body.len();
            body.resize(from + size + 2, 0);
            self.socket.read_exact(&mut body[from..])?;
            body.truncate(from + size);
            if size == 0 {
                return Ok(body);
            }
        }
    }
}

/// The address of the server, as in `Host`.
pub(crate) fn host(server: &Server) -> String {
    server.endpoint().trim_start_matches("http://").to_owned()
}

/// Sends one signed request over a connection of its own.
#[track_caller]
pub(crate) fn call(server: &Server, request: &Request) -> Answer {
    Connection::to(server).call(request, &Key::root(server)).unwrap()
}

/// Every event that look-up knows with that attribute, page by page.
#[track_caller]
pub(crate) fn look_up_all(server: &Server, key: &str, value: &str) -> Vec<Value> {
    look_up(server, &json!([{"AttributeKey": key, "AttributeValue": value}]))
}

/// Every event that look-up knows, page by page.
#[track_caller]
pub(crate) fn look_up_everything(server: &Server) -> Vec<Value> {
    look_up(server, &json!([]))
}

#[track_caller]
fn look_up(server: &Server, attributes: &Value) -> Vec<Value> {
    let root = Key::root(server);
    let mut connection = Connection::to(server);
    let mut events = Vec::new();
    let mut question = json!({"LookupAttributes": attributes, "MaxResults": 50});
    loop {
        let target = "CloudTrail_20131101.LookupEvents";
        let request = Request::json("cloudtrail", target, question.to_string());
        let answer = connection.call(&request, &root).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        events.extend(page["Events"].as_array().unwrap().iter().map(|event| {
            serde_json::from_str::<Value>(event["CloudTrailEvent"].as_str().unwrap()).unwrap()
        }));
        if !page["NextToken"].is_string() {
            return events;
        }
        question["NextToken"] = page["NextToken"].clone();
    }
}

/// The time of the wall clock.
pub(crate) fn now() -> Timestamp {
    Ambient::system().clock.now()
}

/// How long a silent server is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
