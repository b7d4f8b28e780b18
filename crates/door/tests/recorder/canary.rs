//! The test that matters: whatever is sensitive in a request or an answer is nowhere in a record.
//!
//! For every operation of a service, in each of its protocols, a canary is put into every sensitive
//! place of the request and of the answer; then the records, the intent and the draft are searched.

use std::collections::HashSet;

use wire::catalogue::{Operation, Service, catalogue};

use crate::{
    call::Call,
    fill::{CANARY, Filler},
    spell,
};

/// Searches everything that comes of the calls of a service. Gives how many canaries were sent, how
/// many identifiers, and which of those are lost.
#[derive(Debug, Default)]
struct Search {
    calls: usize,
    canaries: usize,
    identifiers: usize,
    lost: Vec<String>,
    leaks: Vec<String>,
    unread: Vec<String>,
}

impl Search {
    fn service(&mut self, service: &'static Service) {
        for operation in service.operations() {
            for protocol in service.protocols {
                let mut asked = Filler::default();
                let input = operation.input.map(|it| asked.fill(service.model(), it));
                let input = input.unwrap_or_default();
                let mut answered = Filler::beyond(&asked);
                let output = operation.output.map(|it| answered.fill(service.model(), it));
                let call = spell::request(service, operation, *protocol, &input);
                let (headers, body) =
                    spell::answer(service, operation, *protocol, &output.unwrap_or_default());
                let headers: Vec<_> = headers
                    .iter()
                    .filter(|(_, value)| http::HeaderValue::from_str(value).is_ok())
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                let call = call.answered(200, &headers, body);
                let what = format!("{}:{} in {protocol:?}", service.name, operation.name);
                self.calls += 1;
                self.canaries += asked.canaries.len() + answered.canaries.len();
                self.identified(&what, operation, &call);
                self.look(&what, &call, &asked, &answered);
            }
        }
    }

    /// Notes a call that is taken for another. Those of the same address are the same: S3 has some
    /// that only their name in the model tells apart.
    fn identified(&mut self, what: &str, meant: &Operation, call: &Call) {
        let found = call.identified().operation;
        let same = found.is_some_and(|it| (it.method, it.uri) == (meant.method, meant.uri));
        if found.is_none_or(|it| it.name != meant.name && !(same && it.uri != "/")) {
            let name = found.map(|it| it.name).unwrap_or_default();
            self.unread.push(format!("{what} was taken for `{name}`"));
        }
    }

    fn look(&mut self, what: &str, call: &Call, asked: &Filler, answered: &Filler) {
        let mut seen: Vec<u8> = Vec::new();
        for record in call.finished() {
            seen.extend_from_slice(&record.body);
        }
        seen.extend(call.draft().intent());
        seen.extend(format!("{:?}", call.draft()).into_bytes());
        let seen = String::from_utf8(seen).unwrap();
        // However it is spelt: nothing of any canary is there.
        if seen.contains(CANARY) {
            let leaked = [asked, answered].into_iter().flat_map(|it| &it.canaries);
            let paths = leaked.filter(|it| seen.contains(&it.text)).map(|it| it.path.as_str());
            self.leaks.push(format!("{what}: {}", paths.collect::<Vec<_>>().join(" ")));
        }
        let encoded = answered.canaries.iter().chain(&asked.canaries).filter(|it| it.encoded);
        for it in encoded.filter(|it| seen.contains(&it.text)) {
            self.leaks.push(format!("{what}: {} in base64", it.path));
        }
        // What is too large is left out, and says so.
        if seen.contains("\"omitted\":true") {
            return;
        }
        let names: HashSet<&str> = words(&seen).collect();
        for (path, text) in &asked.identifiers {
            self.identifiers += 1;
            if !names.contains(text.as_str()) {
                self.lost.push(format!("{what}: {path}"));
            }
        }
    }
}

/// The words of a text: `name-1` is not within `name-12`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|it: char| !it.is_ascii_alphanumeric() && it != '-')
}

#[track_caller]
fn check(services: &[&str]) {
    let mut search = Search::default();
    for name in services {
        search.service(catalogue().service(name).unwrap());
    }
    report(&search);
    assert!(search.canaries > 0, "no canary was sent");
}

#[track_caller]
fn report(search: &Search) {
    assert!(search.leaks.is_empty(), "{} leaks:\n{}", search.leaks.len(), search.leaks.join("\n"));
    // Over-redaction has a budget, too: a record without names is no use.
    let budget = search.identifiers / 100;
    assert!(
        search.lost.len() <= budget,
        "{} of {} identifiers are lost:\n{}",
        search.lost.len(),
        search.identifiers,
        search.lost.join("\n")
    );
    let budget = search.calls / 100;
    assert!(
        search.unread.len() <= budget,
        "{} of {} calls are taken for others:\n{}",
        search.unread.len(),
        search.calls,
        search.unread.join("\n")
    );
}

#[test]
fn no_secret_of_s3_reaches_a_record() {
    check(&["s3"]);
}

#[test]
fn no_secret_of_sts_reaches_a_record() {
    check(&["sts"]);
}

#[test]
fn no_secret_of_iam_reaches_a_record() {
    check(&["iam"]);
}

#[test]
fn no_secret_of_kms_reaches_a_record() {
    check(&["kms"]);
}

#[test]
fn no_secret_of_secrets_manager_reaches_a_record() {
    check(&["secretsmanager"]);
}

#[test]
fn no_secret_of_systems_manager_reaches_a_record() {
    check(&["ssm"]);
}

#[test]
fn no_secret_of_rds_and_its_kin_reaches_a_record() {
    check(&["rds", "neptune", "docdb"]);
}

#[test]
fn no_secret_of_lambda_dynamodb_and_messages_reaches_a_record() {
    check(&["lambda", "dynamodb", "sqs", "sns", "cloudwatch"]);
}

#[test]
fn no_secret_of_any_service_reaches_a_record() {
    let mut search = Search::default();
    for service in catalogue().services() {
        search.service(service);
    }
    report(&search);
}
