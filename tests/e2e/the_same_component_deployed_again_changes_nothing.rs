use anyhow::{Context, Result};
use serde_json::Value;

use crate::setting::{Stage, guest, value};

#[test]
fn the_same_component_deployed_again_changes_nothing() -> Result<()> {
    let stage = Stage::with_kinds(&["counter"])?;
    value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?;
    let again = stage.client.deploy("counter", &guest("counter")?)?.ok()?.json()?;
    assert_eq!(again.get("revision").and_then(Value::as_u64), Some(1), "{again}");
    let listing = stage.client.get("/v1/default/kinds/counter")?.ok()?.json()?;
    let revisions = listing.get("revisions").and_then(Value::as_array).context("no list of revisions")?;
    assert_eq!(revisions.len(), 1, "{listing}");
    assert_eq!(value(stage.client.call("counter", "a", "get", "{}")?)?, 1);
    Ok(())
}
