//! How the program reaches a server: plain HTTP on this machine, TLS to others.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::failure::Failure;
use super::files;
use crate::vocab::Code;

/// Where systems keep whom they trust.
const SYSTEM_FILES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// What TLS needs for a URL. A key is not sent unencrypted to another machine.
///
/// # Errors
/// When the URL is not one that this program can use, or nobody is trusted.
pub(super) fn choose(url: &str, trusted: Option<&Path>, has_key: bool) -> Result<TlsConfig, Failure> {
    if let Some(rest) = url.strip_prefix("http://") {
        if has_key && !is_local(rest) {
            let detail = format!("{url} is another machine, and the key would be sent there unencrypted; use https://");
            return Err(Failure::new(Code::Unreachable, detail));
        }
        return Ok(TlsConfig::default());
    }
    if !url.starts_with("https://") {
        let detail = format!(
            "{url} is not a URL that this program can reach; write it as http://HOST:PORT or https://HOST:PORT"
        );
        return Err(Failure::new(Code::Unreachable, detail));
    }
    let certificates = certificates(trusted)?;
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&certificates))
        .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
        .build())
}

fn is_local(rest: &str) -> bool {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn certificates(trusted: Option<&Path>) -> Result<Vec<Certificate<'static>>, Failure> {
    let file = trusted.or_else(|| SYSTEM_FILES.iter().map(Path::new).find(|file| file.exists()));
    let Some(file) = file else {
        let detail = "this system has no list of whom it trusts; name one with --ca-file";
        return Err(Failure::new(Code::FileUnreadable, detail));
    };
    let text = files::read(file)?;
    let found: Vec<Certificate<'static>> = CertificateDer::pem_slice_iter(&text)
        .filter_map(Result::ok)
        .map(|der| Certificate::from_der(&der).to_owned())
        .collect();
    if found.is_empty() {
        let detail = format!("{} holds no certificate in PEM form", file.display());
        return Err(Failure::new(Code::FileUnreadable, detail));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leaves_this_machine_encrypted_only() {
        for url in ["http://127.0.0.1:7411", "http://localhost:1", "http://[::1]:7411", "http://LOCALHOST"] {
            assert!(choose(url, None, true).is_ok(), "{url}");
        }
        for url in [
            "http://example.com",
            "http://10.0.0.1:7411",
            "http://127.0.0.1@example.com",
            "http://localhost.example.com",
        ] {
            assert!(choose(url, None, true).is_err(), "{url}");
            assert!(choose(url, None, false).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let failure = choose("https://localhost", Some(file.path()), false).unwrap_err();
        assert!(format!("{failure:?}").contains("no certificate"));
    }
}
