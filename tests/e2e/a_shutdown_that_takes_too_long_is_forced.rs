use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::setting::{Stage, value};

/// A turn that runs far longer than the host waits for it.
const SETTINGS: &str = "shutdown_deadline_ms = 500\nlimits.guest_call_ms = 60_000\n";
/// Far less than the turn's time; the bound is wide for busy machines.
const ENDS_WITHIN: Duration = Duration::from_secs(15);

#[test]
fn a_shutdown_that_takes_too_long_is_forced() -> Result<()> {
    let mut stage = Stage::with_settings(&["hostile", "counter"], SETTINGS)?;
    let client = stage.client.clone();
    assert_eq!(value(client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?, 1);
    let server = &mut stage.server;
    std::thread::scope(|scope| {
        let looping = scope.spawn(|| client.call("hostile", "a", "loop", ""));
        sleep(Duration::from_millis(300));
        let asked = Instant::now();
        server.stop()?;
        assert!(asked.elapsed() < ENDS_WITHIN, "it took {:?}", asked.elapsed());
        let told = looping.join().ok().context("the client panicked")?;
        assert!(!told.is_ok_and(|answer| answer.status == 200), "nobody is told of a success");
        anyhow::Ok(())
    })?;
    stage.kill_and_restart()?;
    assert_eq!(value(stage.client.call("counter", "a", "get", "{}")?)?, 1, "what was acknowledged is there");
    Ok(())
}
