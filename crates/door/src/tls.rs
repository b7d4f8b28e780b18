//! TLS of the listener and to upstreams: certificates, keys, and what a record says of a connection.

use std::{path::Path, sync::Arc};

use hyper_rustls::ConfigBuilderExt as _;
use rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::{Error, message::TlsFacts, settings::Tls};

/// What the listener shows to callers.
pub(crate) fn server(tls: &Tls) -> Result<Arc<ServerConfig>, Error> {
    let chain = certificates(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|it| wrong(&tls.key, it))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|it| wrong(&tls.certificate, it))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|it| wrong(&tls.certificate, it))?;
    config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// How an upstream is believed: by the certificates in `ca_file`, else by those of the system.
pub(crate) fn client(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, Error> {
    let named = ca_file.unwrap_or(Path::new("the system's certificates"));
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|it| wrong(named, it))?;
    let builder = match ca_file {
        None => builder.with_native_roots().map_err(|it| wrong(named, it))?,
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|it| wrong(file, it))?;
            }
            builder.with_root_certificates(roots)
        }
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What a record says of a connection.
pub(crate) fn facts(connection: &ServerConnection) -> Option<TlsFacts> {
    let spoken = connection.protocol_version()?;
    let version = VERSIONS.into_iter().find(|(it, _)| *it == spoken).map(|(_, name)| name)?;
    let suite = connection.negotiated_cipher_suite()?.suite();
    // The library marks the suites of version 1.3; their registered names do not.
    let cipher_suite = suite.as_str()?.replacen("TLS13_", "TLS_", 1);
    let group = connection.negotiated_key_exchange_group();
    let key_exchange = group.map(|it| format!("{:?}", it.name()).to_ascii_lowercase());
    Some(TlsFacts { version, cipher_suite, key_exchange })
}

/// The name of HTTP/2 in a handshake.
pub(crate) const HTTP_2: &[u8] = b"h2";

/// What the listener speaks.
const VERSIONS: [(ProtocolVersion, &str); 2] =
    [(ProtocolVersion::TLSv1_2, "TLSv1.2"), (ProtocolVersion::TLSv1_3, "TLSv1.3")];

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let chain = CertificateDer::pem_file_iter(file).map_err(|it| wrong(file, it))?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(|it| wrong(file, it))?;
    if chain.is_empty() { Err(wrong(file, "it holds no certificate")) } else { Ok(chain) }
}

fn wrong(file: &Path, reason: impl ToString) -> Error {
    Error::Certificate { file: file.display().to_string(), reason: reason.to_string() }
}
