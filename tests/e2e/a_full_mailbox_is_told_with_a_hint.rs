use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::setting::Stage;

const COUNTED: &str = r#"greenroom_refused_commands_total{tenant="default",kind="hostile",code="GR0008"}"#;

#[test]
fn a_full_mailbox_is_told_with_a_hint() -> Result<()> {
    let stage = Stage::with_settings(&["hostile"], "limits.mailbox_commands = 2\n")?;
    let client = &stage.client;
    client.call("hostile", "a", "add", "")?.ok()?;
    let answers = std::thread::scope(|scope| {
        let busy = scope.spawn(|| client.call("hostile", "a", "loop", ""));
        sleep(Duration::from_millis(300));
        let calls: Vec<_> = (0..12).map(|_| scope.spawn(|| client.call("hostile", "a", "get", ""))).collect();
        let answers = calls.into_iter().map(|call| call.join().ok().context("a client panicked")?);
        let answers = answers.collect::<Result<Vec<_>>>();
        drop(busy.join());
        answers
    })?;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert!(!taken.is_empty() && !refused.is_empty(), "{} taken, {} refused", taken.len(), refused.len());
    for answer in refused {
        assert_eq!((answer.status, answer.code()?.as_str()), (429, "GR0008"), "{}", answer.text());
        assert!(answer.retry_after.is_some(), "no hint when to come back");
    }
    let metrics = client.get("/metrics")?.ok()?.text();
    assert!(metrics.lines().any(|line| line.starts_with(COUNTED)), "refusals are not counted:\n{metrics}");
    Ok(())
}
