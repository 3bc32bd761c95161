use anyhow::Result;
use serde_json::json;

use crate::setting::{Stage, value};

#[test]
fn events_are_listed_in_order_without_gaps() -> Result<()> {
    let mut stage = Stage::with_kinds(&["counter"])?;
    for by in 1..=30 {
        value(stage.client.call("counter", "a", "increment", &json!({ "by": by }).to_string())?)?;
    }
    for _ in 0..2 {
        let events = stage.client.events("counter", "a", 1, 1_000)?;
        assert!(events.iter().map(|event| event.sequence).eq(1..=30));
        let by = |event: &greenroom_kit::Event| event.payload.to_string().contains(&event.sequence.to_string());
        assert!(events.iter().all(by), "event n carries what command n asked for: {events:?}");

        let page = stage.client.events("counter", "a", 11, 5)?;
        assert!(page.iter().map(|event| event.sequence).eq(11..=15), "{page:?}");
        stage.kill_and_restart()?;
    }
    Ok(())
}
