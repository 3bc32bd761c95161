use std::time::{Duration, Instant};

use anyhow::Result;

use super::bomb;
use super::scene::{Deploying, no_worker_of, worker_of};
use crate::setting::{Stage, value};

#[test]
fn a_shutdown_ends_a_compilation() -> Result<()> {
    let mut stage = Stage::with_kinds(&["counter"])?;
    assert_eq!(value(stage.client.call("counter", "a", "increment", r#"{"by": 3}"#)?)?, 3);
    let compiling = Deploying::begin(&stage.client, "slow", bomb::slow(8))?;
    let server = stage.server.process_id();
    worker_of(server)?;
    let waiting = Deploying::begin(&stage.client, "slow", bomb::slow(9))?;
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    let status = stage.stop_and_restart()?;
    assert!(status.success(), "{status}");
    assert!(began.elapsed() < Duration::from_secs(9), "the deadline was waited for: {:?}", began.elapsed());
    no_worker_of(server)?;
    for deploying in [compiling, waiting] {
        // It was told, or the connection ended with the server.
        if let Ok(answer) = deploying.answer() {
            assert_eq!((answer.status, answer.code()?.as_str()), (503, "GR0009"), "{}", answer.text());
        }
    }
    assert_eq!(value(stage.client.call("counter", "a", "get", "{}")?)?, 3);
    let kinds = stage.client.get("/v1/default/kinds")?.ok()?.text();
    assert!(!kinds.contains("slow"), "{kinds}");
    Ok(())
}
