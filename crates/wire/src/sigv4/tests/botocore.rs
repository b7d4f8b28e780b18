//! Requests that botocore signed; `tools/fixtures/botocore_signed.py` writes them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
pub(super) struct Fixtures {
    pub(super) now: String,
    keys: Vec<FixtureKey>,
    pub(super) cases: Vec<Case>,
    #[serde(skip)]
    secrets: Vec<(String, Secret, Option<Secret>)>,
}

#[derive(Deserialize)]
struct FixtureKey {
    id: String,
    secret: String,
    token: Option<String>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) service: String,
    pub(super) region: String,
    pub(super) key: String,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) decoded: Option<String>,
}

impl Fixtures {
    pub(super) fn read() -> Self {
        let text = include_str!("../../../tests/fixtures/botocore-signed.json");
        let mut fixtures: Self = serde_json::from_str(text).unwrap();
        fixtures.secrets = fixtures
            .keys
            .iter()
            .map(|key| (key.id.clone(), secret(&key.secret), key.token.as_deref().map(secret)))
            .collect();
        fixtures
    }

    pub(super) fn key(&self, id: &str) -> Option<Key<'_>> {
        let (_, secret, token) = self.secrets.iter().find(|(known, _, _)| known == id)?;
        let session = token.as_ref().map(|token| Session { token, expires: Timestamp::MAX });
        Some(Key { secret, session })
    }

    pub(super) fn call(
        &self,
        verifier: &Verifier,
        request: &Parts,
        body: &[u8],
        service: &str,
    ) -> Result<(Verified, Bytes, HeaderMap), AuthError> {
        call_with(verifier, request, body, service, &self.now, |id| self.key(id))
    }
}

impl Case {
    pub(super) fn parts(&self) -> Option<Parts> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        parts(&self.method, &self.target, &headers.collect::<Vec<_>>())
    }

    pub(super) fn body(&self) -> Vec<u8> {
        BASE64_STANDARD.decode(&self.body).unwrap()
    }
}

#[test]
fn what_botocore_signs_verifies() {
    let fixtures = Fixtures::read();
    let verifier = Verifier::new(Settings::default());
    assert!(fixtures.cases.len() > 150);
    for case in &fixtures.cases {
        let request = case.parts().unwrap();
        let (verified, body, _) = fixtures
            .call(&verifier, &request, &case.body(), &case.service)
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert_eq!(verified.access_key_id, case.key);
        assert_eq!(verified.region, case.region);
        let decoded = case.decoded.as_ref().map(|text| BASE64_STANDARD.decode(text).unwrap());
        assert_eq!(body, decoded.unwrap_or_else(|| case.body()), "{}", case.name);
    }
}
