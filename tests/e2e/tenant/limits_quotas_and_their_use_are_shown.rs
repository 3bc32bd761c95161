use anyhow::Result;
use serde_json::Value;

use super::scene::{out, refusal, run};
use crate::setting::{Stage, guest, write_bytes};

#[test]
fn limits_quotas_and_their_use_are_shown() -> Result<()> {
    let stage = Stage::empty()?;
    let component = stage.path("counter.wasm");
    write_bytes(&component, &guest("counter")?)?;
    let component = component.display().to_string();
    let url = stage.server.url().to_owned();
    let go = |arguments: &[&str]| run(&url, None, arguments);

    out(&go(&["tenant", "create", "acme", "--quota", "live_actors=4", "--limit", "command_bytes=20"])?)?;
    out(&go(&["--tenant", "acme", "deploy", "counter", &component])?)?;
    out(&go(&["--tenant", "acme", "call", "counter/a", "increment", r#"{"by": 2}"#])?)?;
    let long = r#"{"by": 2             }"#;
    assert!(refusal(&go(&["--tenant", "acme", "call", "counter/a", "increment", long])?)?.contains("GR0006"));
    let above = refusal(&go(&["tenant", "change", "acme", "--limit", "command_bytes=1048577"])?)?;
    assert!(above.contains("GR0054") && above.contains("1048576"), "{above}");

    let shown = out(&go(&["tenant", "show", "acme"])?)?;
    let line = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    assert!(line("live_actors").contains("1 actors") && line("live_actors").contains("25 %"), "{shown}");
    assert!(line("memory_bytes").contains("MiB") && line("memory_bytes").contains("no quota"), "{shown}");
    assert!(line("command_bytes").contains("20 B") && line("command_bytes").contains("its own"), "{shown}");
    let json: Value = serde_json::from_str(&out(&go(&["--json", "tenant", "show", "acme"])?)?)?;
    assert_eq!(json["limits"]["command_bytes"], 20, "{json}");
    assert_eq!((&json["usage"]["live_actors"], &json["quotas"]["live_actors"]), (&1.into(), &4.into()), "{json}");
    assert!(json["effective_limits"]["reply_bytes"].is_u64(), "{json}");

    let metrics = stage.client.get("/metrics")?.text();
    let count = |name: &str, labels: &[&str]| {
        let line =
            metrics.lines().find(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)));
        line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
    };
    let hits = count("greenroom_limit_hits_total", &["tenant=\"acme\"", "limit=\"command_bytes\""]);
    assert_eq!(hits.as_deref(), Some("1"), "{metrics}");
    Ok(())
}
