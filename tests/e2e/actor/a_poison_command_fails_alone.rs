use anyhow::Result;
use greenroom_host::runtime::Command;
use greenroom_host::vocab::Code;

use super::scene::{eventually, head, hostile, number};

/// L35, L25: a trap loses its turn; the turn's commands are run one by one, in order; only the culprit fails.
#[tokio::test]
async fn a_poison_command_fails_alone() -> Result<()> {
    let host = hostile().await?;
    host.store.hold_heads();
    let mut asking = Vec::new();
    for name in ["add", "add", "trap", "add", "exit", "unknown-type", "add", "get"] {
        asking.push((name, host.start_asking("a", Command::new(name, 1_u64.to_le_bytes().to_vec()))?));
    }
    eventually("the recovery", async || Ok(host.store.held_heads() == 1)).await?;
    host.store.release_all_heads();

    let mut totals = Vec::new();
    for (name, answer) in asking {
        match (name, answer.await?) {
            ("add" | "get", answer) => totals.push(number(&answer?)?),
            ("trap" | "exit", answer) => assert_eq!(answer.map_err(|e| e.code()).err(), Some(Code::GuestTrapped)),
            (_, answer) => assert_eq!(answer.map_err(|e| e.code()).err(), Some(Code::InvalidOutcome), "{name}"),
        }
    }
    assert_eq!(totals, [1, 2, 3, 4, 4]);
    assert_eq!(head(&host, "a").await?, 4, "an event was applied twice");
    Ok(())
}
