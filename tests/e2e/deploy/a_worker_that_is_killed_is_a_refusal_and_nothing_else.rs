use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::bomb;
use super::scene::{Deploying, status_of, workers_of};
use crate::setting::{Stage, value};

/// It has said what it is, so that its end is about the component.
fn is_locked_up(worker: u32) -> bool {
    status_of(worker).is_ok_and(|status| status.contains("Seccomp:\t2"))
}

#[test]
fn a_worker_that_is_killed_is_a_refusal_and_nothing_else() -> Result<()> {
    let stage = Stage::with_kinds(&["counter"])?;
    let server = stage.server.process_id();
    for (signal, status, code) in [("-KILL", 503, "GR0037"), ("-ABRT", 400, "GR0030")] {
        let deploying = Deploying::begin(&stage.client, "slow", bomb::slow(7))?;
        while !deploying.is_done() {
            for worker in workers_of(server)?.into_iter().filter(|worker| is_locked_up(*worker)) {
                // It may be gone by now.
                Command::new("kill").args([signal, &worker.to_string()]).status()?;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let refused = deploying.answer()?;
        assert_eq!((refused.status, refused.code()?.as_str()), (status, code), "{signal}: {}", refused.text());
        assert_eq!(value(stage.client.call("counter", signal, "increment", r#"{"by": 1}"#)?)?, 1);
    }
    // A kill from outside says nothing of the component; a crash does, for a while.
    let again = stage.client.deploy("slow", &bomb::slow(7))?;
    assert!(again.code()? == "GR0030" && again.text().contains("earlier"), "{}", again.text());
    assert_eq!(stage.server.process_id(), server);
    Ok(())
}
