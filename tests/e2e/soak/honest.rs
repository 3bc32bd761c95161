//! The honest tenant: a counter and a model of it, which agree after every answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use greenroom_kit::{Answer, Client};

use super::Tally;
use crate::setting::value;

/// Actors of one client.
const ACTORS: usize = 8;
/// How often one command is sent again before the tenant counts as locked out.
const TRIES_MAX: u32 = 100;

/// Calls until it is told to end.
pub(super) fn call_until(client: &Client, name: &str, over: &AtomicBool, tally: &Tally) -> Result<()> {
    let mut model = [0_u64; ACTORS];
    let mut number = 0_u64;
    while !over.load(Ordering::SeqCst) {
        number += 1;
        let index = usize::try_from(number).unwrap_or(0) % ACTORS;
        let expected = model.get_mut(index).context("no actor")?;
        let actor = format!("{name}-{index}");
        let by = number % 7 + 1;
        let key = format!("{name}-{number}");
        let payload = format!(r#"{{"by": {by}}}"#);
        let ask = || client.call_with_key("counter", &actor, "increment", &payload, Some(&key));
        *expected += by;
        compare(&actor, &persist(ask, tally)?, *expected, tally)?;
        match number % 16 {
            // The same command once more: the same answer, and nothing happens.
            0 => compare(&actor, &persist(ask, tally)?, *expected, tally)?,
            5 => compare(&actor, &persist(|| client.call("counter", &actor, "get", "{}"), tally)?, *expected, tally)?,
            9 => {
                let state = persist(|| client.state("counter", &actor, None), tally)?.json()?;
                let found = state.pointer("/state/value").and_then(serde_json::Value::as_u64);
                ensure!(found == Some(*expected), "the state of {actor} is {state}, not {expected}");
            }
            _ => {}
        }
    }
    Ok(())
}

fn compare(actor: &str, answer: &Answer, expected: u64, tally: &Tally) -> Result<()> {
    let found = value(answer.clone())?;
    ensure!(found == expected, "{actor} says {found}, the model {expected}");
    tally.honest.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

/// Asks again while it is told to come later, or that a busy machine took too long; anything but an answer or that is a
/// failure.
fn persist(ask: impl Fn() -> Result<Answer>, tally: &Tally) -> Result<Answer> {
    for _ in 0..TRIES_MAX {
        let answer = ask()?;
        if !matches!(answer.status, 429 | 503 | 504) {
            return answer.ok();
        }
        tally.shed.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("the honest tenant was put off {TRIES_MAX} times")
}
