use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::setting::{Stage, value};

/// While the loop runs, every other actor answers within this time; the bound is wide for busy machines.
const ANSWER_WITHIN: Duration = Duration::from_millis(800);
/// Another limit than the default, so that the bound above means something.
const SETTINGS: &str = "limits.guest_call_ms = 3000\n";

#[test]
fn an_endless_loop_ends_in_an_error_for_its_caller_only() -> Result<()> {
    let stage = Stage::with_settings(&["hostile", "counter"], SETTINGS)?;
    let client = &stage.client;
    // As many loops as the machine has processors: each worker meets one.
    let loops = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        let call = |at: usize| client.call("hostile", &format!("looping-{at}"), "loop", "");
        let looping: Vec<_> = (0..loops).map(|at| scope.spawn(move || call(at))).collect();
        let until = Instant::now() + Duration::from_secs(2);
        let mut others = 0;
        while Instant::now() < until {
            let asked = Instant::now();
            value(client.call("counter", &format!("c-{}", others % 50), "increment", r#"{"by": 1}"#)?)?;
            assert!(asked.elapsed() < ANSWER_WITHIN, "another actor waited {:?}", asked.elapsed());
            others += 1;
        }
        assert!(!looping.iter().any(std::thread::ScopedJoinHandle::is_finished), "the loops ended too early to matter");
        for looped in looping {
            let answer = looped.join().ok().context("a client panicked")??;
            assert_eq!((answer.status, answer.code()?.as_str()), (504, "GR0041"), "{}", answer.text());
        }
        Ok(())
    })
}
