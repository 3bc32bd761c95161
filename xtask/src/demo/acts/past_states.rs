//! The journal answers for every moment of an actor's life.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::demo::load::KIND;
use crate::demo::play::Play;
use crate::demo::screen::grouped;

/// How many events are read at a time.
const PAGE: u64 = 500;

/// Reads the state after several earlier events, and the events themselves.
pub(crate) fn play(play: &mut Play<'_>) -> Result<()> {
    play.screen.act("Reading the past");
    let account = play.accounts.first().context("no counter")?;
    let (hot, last) = (account.key.clone(), account.sent());
    for at in [1, last / 2, last - 1] {
        let view = play.client.state(KIND, &hot, Some(at))?.ok()?.json()?;
        let value = view.pointer("/state/value").and_then(Value::as_u64);
        let sentence =
            format!("the state of {hot} after event {} was {}", grouped(at), view.get("state").unwrap_or(&Value::Null));
        play.screen.prove(value == Some(at), &sentence)?;
    }
    let mut expected = 1;
    while expected <= last {
        let page = play.client.events(KIND, &hot, expected, PAGE)?;
        let until = last.min(expected + PAGE - 1);
        if !page.iter().map(|event| event.sequence).eq(expected..=until) {
            play.screen
                .prove(false, &format!("events {expected} to {until} of {hot} are not complete and in order"))?;
        }
        expected = until + 1;
    }
    let sentence = format!("the journal of {hot} holds events 1 to {} without a gap", grouped(last));
    play.screen.prove(true, &sentence)?;
    for event in play.client.events(KIND, &hot, last - 1, 2)? {
        play.screen.say(&format!("{:>6}  {} v{}  {}", event.sequence, event.event_type, event.version, event.payload));
    }
    Ok(())
}
