use anyhow::Result;
use serde_json::Value;

use crate::setting::{Stage, value};

#[test]
fn a_payload_that_cannot_be_decoded_is_the_callers_fault() -> Result<()> {
    let stage = Stage::with_kinds(&["counter"])?;
    for payload in [r#"{"by": "many"}"#, "{", r#"{"by": -1}"#] {
        let answer = stage.client.call("counter", "a", "increment", payload)?;
        assert_eq!((answer.status, answer.code()?.as_str()), (400, "GR0005"), "{}", answer.text());
        let detail = answer.json()?.get("detail").and_then(Value::as_str).map(str::to_owned).unwrap_or_default();
        assert!(!detail.is_empty(), "the guest's reason reaches the caller");
    }
    assert_eq!(value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?, 1, "nothing was stored before");
    Ok(())
}
