//! An actor says no, and nothing is stored; bad requests get a code that can be looked up.

use anyhow::Result;
use greenroom_kit::Answer;
use serde_json::Value;

use crate::demo::play::Play;

/// The account of this act.
const KIND: &str = "account";
const KEY: &str = "alice";

/// Overdraws an account, then sends what cannot be understood.
pub(crate) fn play(play: &mut Play<'_>) -> Result<()> {
    play.screen.act("An actor that refuses");
    let deposited = call(play, "deposit", r#"{"cents": 10000}"#)?.ok()?;
    play.screen.prove(true, &format!("{KEY} deposits 100.00: {}", deposited.text()))?;
    let before = play.client.status(KIND, KEY)?.sequence;

    let refused = call(play, "withdraw", r#"{"cents": 25000}"#)?;
    let reason = refused.json()?.get("reason").cloned().unwrap_or(Value::Null);
    let sentence = format!("withdrawing 250.00 is answered with {}: {reason}", refused.status);
    play.screen.prove(refused.status == 422 && !reason.is_null(), &sentence)?;
    prove_problem(play, "a payload that the actor cannot decode", "withdraw", "[]", (400, "GR0005"))?;
    prove_problem(play, "a command that it does not have", "steal", "{}", (404, "GR0004"))?;

    let after = play.client.status(KIND, KEY)?.sequence;
    play.screen.prove(before == after, "none of them stored anything: the journal ends where it did")?;
    call(play, "withdraw", r#"{"cents": 2500}"#)?.ok()?;
    for event in play.client.events(KIND, KEY, 1, 10)? {
        play.screen.say(&format!("{:>6}  {} v{}  {}", event.sequence, event.event_type, event.version, event.payload));
    }
    Ok(())
}

fn call(play: &Play<'_>, command: &str, payload: &str) -> Result<Answer> {
    play.client.call(KIND, KEY, command, payload)
}

fn prove_problem(play: &mut Play<'_>, what: &str, command: &str, payload: &str, expected: (u16, &str)) -> Result<()> {
    let answer = call(play, command, payload)?;
    let (status, code) = (answer.status, answer.code()?);
    let sentence = format!("{what} is answered with {status} and {code} (greenroom explain {code})");
    play.screen.prove((status, code.as_str()) == expected, &sentence)
}
