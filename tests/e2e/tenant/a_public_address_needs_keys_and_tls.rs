use anyhow::Result;
use greenroom_kit::{Server, ServerOptions};
use tempfile::TempDir;

use super::scene::{out, refusal, run};
use crate::setting::{server_binary, write_bytes};

const CERTIFICATE: &[u8] = include_bytes!("../../../host/tests/golden/tls/localhost.pem");
const KEY: &[u8] = include_bytes!("../../../host/tests/golden/tls/localhost.key");

#[test]
fn a_public_address_needs_keys_and_tls() -> Result<()> {
    let dir = TempDir::new()?;
    let data = dir.path().join("data").display().to_string();
    let serve = ["serve", "--data", &data, "--listen", "0.0.0.0:0"];
    let refused = refusal(&run("", None, &serve)?)?;
    assert!(refused.contains("GR0082") && refused.contains("without TLS"), "{refused}");

    let (certificate, private) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
    write_bytes(&certificate, CERTIFICATE)?;
    write_bytes(&private, KEY)?;
    let (certificate, private) = (certificate.display().to_string(), private.display().to_string());
    let tls = ["--tls-certificate", &certificate, "--tls-key", &private];
    let refused = refusal(&run("", None, &[&serve, &tls[..]].concat())?)?;
    assert!(refused.contains("GR0082") && refused.contains("there are no keys"), "{refused}");

    let key = out(&run("", None, &["key", "create", "--operator", "--data", &data])?)?;
    let mut options = ServerOptions::new(server_binary(), dir.path().join("data"));
    options.listen = "0.0.0.0:0".to_owned();
    options.arguments = tls.iter().map(|argument| (*argument).to_owned()).collect();
    let server = Server::start(options)?;
    let port = server.url().rsplit(':').next().unwrap_or_default().to_owned();
    let url = format!("https://localhost:{port}");
    let trusted = ["--ca-file", &certificate];
    out(&run(&url, Some(&key), &[&trusted[..], &["kinds"]].concat())?)?;
    assert!(refusal(&run(&url, None, &[&trusted[..], &["kinds"]].concat())?)?.contains("GR0100"));
    // Plain HTTP is not answered, and a certificate that nobody trusts is not taken.
    assert!(refusal(&run(&format!("http://localhost:{port}"), Some(&key), &["kinds"])?)?.contains("GR0084"));
    assert!(refusal(&run(&url, Some(&key), &["kinds"])?)?.contains("GR0084"));
    Ok(())
}
