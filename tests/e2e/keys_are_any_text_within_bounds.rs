use anyhow::Result;

use crate::setting::{Stage, value};

#[test]
fn keys_are_any_text_within_bounds() -> Result<()> {
    let stage = Stage::with_kinds(&["counter"])?;
    for key in ["a/b", "ключ", "with space", "%2f", "..", "a:snapshot", &"k".repeat(1_024)] {
        assert_eq!(value(stage.client.call("counter", key, "increment", r#"{"by": 1}"#)?)?, 1, "{key}");
    }
    let answer = stage.client.call("counter", &"k".repeat(1_025), "increment", r#"{"by": 1}"#)?;
    assert_eq!((answer.status, answer.code()?.as_str()), (400, "GR0001"), "{}", answer.text());
    Ok(())
}
