use anyhow::{Context, Result};
use greenroom_kit::Answer;

use crate::setting::Stage;

/// How many honest commands run beside the poisonous ones, on the same actor.
const HONEST: u64 = 200;

#[test]
fn a_command_that_traps_takes_nothing_with_it() -> Result<()> {
    // Nobody is quarantined here: that is another property.
    let mut stage =
        Stage::with_settings(&["hostile"], "supervision.failures_max = 0\nsupervision.backoff_longest_ms = 100\n")?;
    let client = stage.client.clone();
    std::thread::scope(|scope| {
        let adding: Vec<_> = (0..4).map(|_| scope.spawn(|| add(&client, HONEST / 4))).collect();
        for _ in 0..10 {
            let answer = client.call("hostile", "a", "trap", "")?;
            assert_eq!((answer.status, answer.code()?.as_str()), (500, "GR0040"), "{}", answer.text());
        }
        adding.into_iter().try_for_each(|adder| adder.join().ok().context("a client panicked")?)
    })?;
    assert_eq!(total(&client.call("hostile", "a", "get", "")?.ok()?)?, HONEST);
    stage.kill_and_restart()?;
    assert_eq!(total(&stage.client.call("hostile", "a", "get", "")?.ok()?)?, HONEST);
    assert_eq!(stage.client.status("hostile", "a")?.sequence, HONEST);
    Ok(())
}

/// Every honest command succeeds, whatever runs in the same turn.
fn add(client: &greenroom_kit::Client, times: u64) -> Result<()> {
    (0..times).try_for_each(|_| client.call("hostile", "a", "add", "")?.ok().map(drop))
}

/// The reply of the hostile guest's honest commands: a number in eight bytes.
fn total(answer: &Answer) -> Result<u64> {
    let bytes = answer.body.as_slice().try_into().context("not eight bytes")?;
    Ok(u64::from_le_bytes(bytes))
}
