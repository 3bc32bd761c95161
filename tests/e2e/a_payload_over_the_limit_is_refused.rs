use anyhow::Result;

use crate::setting::Stage;

#[test]
fn a_payload_over_the_limit_is_refused() -> Result<()> {
    let stage = Stage::with_kinds(&["counter"])?;
    let payload = " ".repeat(/* 1 MiB */ 1_024 * 1_024 + 1);
    let answer = stage.client.call("counter", "a", "increment", &payload)?;
    assert_eq!((answer.status, answer.code()?.as_str()), (413, "GR0006"), "{}", answer.text());
    Ok(())
}
