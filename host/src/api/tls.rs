//! TLS: a certificate and its key, read from files, and read again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::problem::Problem;
use crate::vocab::{Code, Digest};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// A certificate with its key. Connections that are open keep the one that they began with.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<ServerConfig>>,
    /// The digest of what was tried last, so that a pair that does not fit is told once.
    tried: Mutex<Digest>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a certificate chain and its private key, both PEM.
    ///
    /// # Errors
    /// A file that cannot be read, or a pair that does not fit; names the file, never what is in it.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Problem> {
        let (chain, secret) = (read(certificate)?, read(key)?);
        let config = config(certificate, &chain, key, &secret)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: RwLock::new(config),
            tried: Mutex::new(digest(&chain, &secret)),
        })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Reads the files again whenever they have changed, for as long as it is polled.
    pub(super) async fn keep_fresh(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match self.look_again() {
                Ok(true) => tracing::info!(certificate = %self.certificate.display(), "the certificate was read again"),
                Ok(false) => {}
                // The old one goes on: a half-written file is whole at the next look.
                Err(problem) => {
                    tracing::warn!(reason = problem.detail(), "the new certificate is not used; the old one goes on");
                }
            }
        }
    }

    /// Whether there was a new pair.
    fn look_again(&self) -> Result<bool, Problem> {
        let (chain, secret) = (read(&self.certificate)?, read(&self.key)?);
        let found = digest(&chain, &secret);
        let tried = std::mem::replace(&mut *self.tried.lock().unwrap_or_else(PoisonError::into_inner), found);
        if tried == found {
            return Ok(false);
        }
        let config = config(&self.certificate, &chain, &self.key, &secret)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(true)
    }
}

#[expect(clippy::disallowed_methods, reason = "a file that the operator named, not one of the store's")]
fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    std::fs::read(path)
        .map_err(|error| Problem::new(Code::FileUnreadable, format!("{} could not be read: {error}", path.display())))
}

fn digest(chain: &[u8], secret: &[u8]) -> Digest {
    Digest::of(&[Digest::of(chain).0, Digest::of(secret).0].concat())
}

fn config(certificate: &Path, chain: &[u8], key: &Path, secret: &[u8]) -> Result<Arc<ServerConfig>, Problem> {
    let refused = |path: &Path, reason: String| {
        Problem::new(Code::InvalidSetting, format!("{} cannot be used for TLS: {reason}", path.display()))
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let certificates = certificates.map_err(|error| refused(certificate, error.to_string()))?;
    if certificates.is_empty() {
        return Err(refused(certificate, "it holds no certificate in PEM form".to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_slice(secret)
        .map_err(|_| refused(key, "it holds no private key in PEM form".to_owned()))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(certificate, error.to_string()))?;
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(certificates, secret)
        .map_err(|error| refused(certificate, format!("{error}; is {} its key?", key.display())))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &[u8] = include_bytes!("../../tests/golden/tls/localhost.pem");
    const KEY: &[u8] = include_bytes!("../../tests/golden/tls/localhost.key");
    const OTHER_KEY: &[u8] = include_bytes!("../../tests/golden/tls/other.key");

    #[expect(clippy::disallowed_methods, reason = "files of the test")]
    fn write(path: &Path, bytes: &[u8]) {
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_pair_that_does_not_fit_is_refused_by_the_names_of_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
        let refusal = |text: &[u8], secret: &[u8]| {
            write(&certificate, text);
            write(&key, secret);
            let problem = Tls::load(&certificate, &key).unwrap_err();
            (problem.code(), problem.detail().to_owned())
        };
        for (text, secret, file) in [
            (&b"nothing"[..], KEY, "c.pem"),
            (CERTIFICATE, &b"nothing"[..], "k.pem"),
            (CERTIFICATE, OTHER_KEY, "k.pem"),
            (KEY, KEY, "c.pem"),
        ] {
            let (code, detail) = refusal(text, secret);
            assert_eq!(code, Code::InvalidSetting);
            assert!(detail.contains(file) && !detail.contains("BEGIN"), "{detail}");
        }
        let missing = Tls::load(&dir.path().join("none"), &key).unwrap_err();
        assert_eq!(missing.code(), Code::FileUnreadable);
    }

    #[test]
    fn a_changed_pair_is_taken_and_a_broken_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
        write(&certificate, CERTIFICATE);
        write(&key, KEY);
        let tls = Tls::load(&certificate, &key).unwrap();
        let first = Arc::clone(&tls.current.read().unwrap());
        assert!(!tls.look_again().unwrap());
        write(&key, OTHER_KEY);
        assert!(tls.look_again().is_err());
        assert!(!tls.look_again().unwrap(), "it is told once");
        assert!(Arc::ptr_eq(&first, &tls.current.read().unwrap()));
        write(&key, KEY);
        assert!(tls.look_again().unwrap());
        assert!(!Arc::ptr_eq(&first, &tls.current.read().unwrap()));
    }
}
