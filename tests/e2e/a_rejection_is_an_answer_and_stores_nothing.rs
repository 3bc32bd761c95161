use anyhow::Result;

use crate::setting::Stage;

#[test]
fn a_rejection_is_an_answer_and_stores_nothing() -> Result<()> {
    let stage = Stage::with_kinds(&["account"])?;
    let call = |command: &str, payload: &str| stage.client.call("account", "alice", command, payload);
    call("deposit", r#"{"cents": 100}"#)?.ok()?;
    let balance = call("balance", "{}")?.ok()?.body;

    let refused = call("withdraw", r#"{"cents": 101}"#)?;
    assert_eq!((refused.status, refused.code()?.as_str()), (422, "GR0007"), "{}", refused.text());
    let reason = refused.json()?.get("reason").cloned().unwrap_or_default();
    assert!(!reason.is_null(), "the actor's reason reaches the caller: {}", refused.text());

    assert_eq!(stage.client.status("account", "alice")?.sequence, 1);
    assert_eq!(call("balance", "{}")?.ok()?.body, balance);
    Ok(())
}
