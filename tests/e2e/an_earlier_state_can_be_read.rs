use anyhow::Result;
use serde_json::{Value, json};

use crate::setting::{Stage, value};

#[test]
fn an_earlier_state_can_be_read() -> Result<()> {
    let stage = Stage::with_kinds(&["counter"])?;
    for by in 1..=10 {
        value(stage.client.call("counter", "a", "increment", &json!({ "by": by }).to_string())?)?;
    }
    let state = |at: Option<u64>| -> Result<Value> { stage.client.state("counter", "a", at)?.ok()?.json() };
    for (at, expected) in [(1, 1), (4, 10), (10, 55)] {
        let view = state(Some(at))?;
        assert_eq!(view.pointer("/state/value"), Some(&json!(expected)), "{view}");
        assert_eq!(view.get("sequence"), Some(&json!(at)), "{view}");
    }
    assert_eq!(state(None)?, state(Some(10))?);

    let beyond = stage.client.state("counter", "a", Some(11))?;
    assert_eq!((beyond.status, beyond.code()?.as_str()), (400, "GR0011"), "{}", beyond.text());
    Ok(())
}
