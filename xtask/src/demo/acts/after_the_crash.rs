//! The server starts again: what was acknowledged is there, from snapshot and replay.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::demo::load::{KIND, get};
use crate::demo::play::Play;
use crate::demo::screen::{grouped, in_words};

/// Restarts the server, brings every counter back and compares it with what its clients know.
pub(crate) fn play(play: &mut Play<'_>) -> Result<()> {
    play.screen.act("A new process on the same data: nothing acknowledged is lost");
    let began = Instant::now();
    play.client = play.backstage.start()?;
    play.screen
        .say(&format!("the server is ready again after {}; its kinds are still deployed", in_words(began.elapsed())));
    let mut recovered_total = 0;
    for account in &play.accounts {
        let recovered = get(&play.client, &account.key)?;
        let (acknowledged, sent) = (account.acknowledged(), account.sent());
        let sentence = format!(
            "{:<5} acknowledged {} ≤ recovered {} ≤ sent {}",
            account.key,
            grouped(acknowledged),
            grouped(recovered),
            grouped(sent)
        );
        play.screen.prove(acknowledged <= recovered && recovered <= sent, &sentence)?;
        let sequence = play.client.status(KIND, &account.key)?.sequence;
        if sequence != recovered {
            play.screen.prove(false, &format!("the journal of {} ends at {recovered}, not {sequence}", account.key))?;
        }
        recovered_total += recovered;
    }
    play.rows.push(("recovered", grouped(recovered_total)));
    show_recovery(play)
}

/// Shows how the hot counter came back: from a snapshot, and the events after it.
fn show_recovery(play: &mut Play<'_>) -> Result<()> {
    let hot = play.accounts.first().context("no counter")?.key.clone();
    let status = play.client.status(KIND, &hot)?;
    let recovery = status.recovery.context("the status has no figures of the recovery")?;
    let snapshot = recovery.from_snapshot.unwrap_or(0);
    let (replayed, took_ms) = (grouped(recovery.events_total), recovery.elapsed_ms);
    let at = grouped(snapshot);
    let sentence =
        format!("{hot} came back from its snapshot at {at} and {replayed} replayed events, in {took_ms:.1} ms");
    let is_complete =
        recovery.events_done == recovery.events_total && snapshot + recovery.events_total == status.sequence;
    play.screen.prove(snapshot > 0 && is_complete, &sentence)?;
    play.rows.push(("recovery of hot", format!("snapshot at {at} + {replayed} events in {took_ms:.1} ms")));
    Ok(())
}
