use anyhow::{Context, Result};

use crate::setting::Stage;

#[test]
fn a_forbidden_import_is_named() -> Result<()> {
    let stage = Stage::empty()?;
    for import in ["wasi:sockets/tcp@0.2.0", "wasi:http/outgoing-handler@0.2.0", "acme:secrets/keys"] {
        let answer = stage.client.deploy("greedy", &component_importing(import)?)?;
        assert_eq!((answer.status, answer.code()?.as_str()), (400, "GR0022"), "{}", answer.text());
        assert!(answer.text().contains(import), "the import is named: {}", answer.text());
    }
    assert_eq!(stage.client.call("greedy", "a", "get", "{}")?.code()?, "GR0003", "nothing was deployed");
    Ok(())
}

/// A component for the contract that the host serves, with one import too many.
fn component_importing(import: &str) -> Result<Vec<u8>> {
    let text = format!(r#"(component (@custom "greenroom:contract" "1") (import "{import}" (instance)))"#);
    wat::parse_str(text).context("the component could not be made")
}
