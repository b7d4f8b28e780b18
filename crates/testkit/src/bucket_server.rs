//! A small HTTP server that answers what `aws cloudtrail validate-logs` asks: S3 reads of one bucket,
//! and operations of CloudTrail with answers that the test gives.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

use serde_json::Value;

/// What the server answers from.
#[derive(Clone, Debug, Default)]
pub struct BucketServer {
    /// Name of the bucket.
    pub bucket: String,
    /// Its objects, by key.
    pub objects: BTreeMap<String, ServedObject>,
    /// What each operation of CloudTrail answers, by name.
    pub answers: BTreeMap<&'static str, Value>,
}

/// Bytes and user metadata.
pub type ServedObject = (Vec<u8>, Vec<(String, String)>);

impl BucketServer {
    /// Serves on loopback until the process ends; gives the URL.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(self);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let world = Arc::clone(&world);
                std::thread::spawn(move || world.converse(stream.unwrap()));
            }
        });
        url
    }

    fn converse(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let target = line.split(' ').nth(1).unwrap().to_owned();
            let (mut length, mut operation) = (0, String::new());
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).unwrap();
                let Some((name, value)) = header.trim_end().split_once(": ") else { break };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.parse().unwrap(),
                    "x-amz-target" => value.rsplit('.').next().unwrap().clone_into(&mut operation),
                    _ => {}
                }
            }
            reader.by_ref().take(length).read_to_end(&mut Vec::new()).unwrap();
            let (head, body) = self.answer(&target, &operation);
            // In one piece: the second of two would wait for the first one's acknowledgement.
            let head = format!("HTTP/1.1 {head}Content-Length: {}\r\n\r\n", body.len());
            stream.write_all(&[head.into_bytes(), body].concat()).unwrap();
        }
    }

    fn answer(&self, target: &str, operation: &str) -> (String, Vec<u8>) {
        let ok = |kind: &str, text: String| {
            (format!("200 OK\r\nContent-Type: application/{kind}\r\n"), text.into_bytes())
        };
        if let Some(answer) = self.answers.get(operation) {
            return ok("x-amz-json-1.1", answer.to_string());
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parameter = |name: &str| {
            let value = query.split('&').find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
            value.map(decoded).unwrap_or_default()
        };
        if query == "location" {
            return ok("xml", "<LocationConstraint/>".to_owned());
        }
        let name = &self.bucket;
        let key = decoded(path.strip_prefix(&format!("/{name}")).unwrap_or_default());
        let key = key.trim_start_matches('/');
        if key.is_empty() {
            let (prefix, marker) = (parameter("prefix"), parameter("marker"));
            let keys = self.objects.keys().filter(|it| it.starts_with(&prefix) && **it > marker);
            let list: String = keys
                .map(|it| format!("<Contents><Key>{it}</Key><Size>1</Size></Contents>"))
                .collect();
            let head = format!("<Name>{name}</Name><IsTruncated>false</IsTruncated>");
            return ok("xml", format!("<ListBucketResult>{head}{list}</ListBucketResult>"));
        }
        let Some((body, metadata)) = self.objects.get(key) else {
            return (
                "404 Not Found\r\nContent-Type: application/xml\r\n".to_owned(),
                b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>".to_vec(),
            );
        };
        let mut head = "200 OK\r\nContent-Type: application/json\r\n".to_owned();
        for (name, value) in metadata {
            write!(head, "x-amz-meta-{name}: {value}\r\n").unwrap();
        }
        (head, body.clone())
    }
}

fn decoded(text: &str) -> String {
    text.replace("%2F", "/").replace("%2f", "/").replace("%3A", ":")
}
