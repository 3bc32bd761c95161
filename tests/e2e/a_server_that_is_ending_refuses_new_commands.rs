use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::setting::{Stage, value};

#[test]
fn a_server_that_is_ending_refuses_new_commands() -> Result<()> {
    let mut stage = Stage::with_settings(&["hostile", "counter"], "limits.guest_call_ms = 2000\n")?;
    let client = stage.client.clone();
    value(client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?;
    let server = &mut stage.server;
    std::thread::scope(|scope| {
        // A turn that takes a while keeps the end from coming at once.
        let busy = scope.spawn(|| client.call("hostile", "a", "loop", ""));
        sleep(Duration::from_millis(300));
        server.ask_to_stop()?;
        sleep(Duration::from_millis(300));
        let refused = client.call("counter", "a", "increment", r#"{"by": 1}"#)?;
        assert_eq!((refused.status, refused.code()?.as_str()), (503, "GR0009"), "{}", refused.text());
        assert!(refused.retry_after.is_some(), "no hint when to come back");
        let finished = busy.join().ok().context("a client panicked")??;
        assert_eq!(finished.code()?, "GR0041", "what was taken before is finished: {}", finished.text());
        anyhow::Ok(())
    })?;
    let status = stage.restart_once_ended()?;
    assert!(status.success(), "{status}");
    assert_eq!(value(stage.client.call("counter", "a", "get", "{}")?)?, 1, "what was refused was not stored");
    Ok(())
}
