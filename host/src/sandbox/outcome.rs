//! What a guest returned from `handle`, checked before anything of it is believed.

use super::failure::Refusal;
use super::turn::{Turn, bound, invalid};
use super::v1::{ColumnResult, OutcomeBatch};
use super::{CommandColumns, Effect, Manifest, Outcome, Verdict};
use crate::frame::{Column, EventColumns};
use crate::vocab::{Limit, Limits};

/// Bytes of one event in a frame beside its payload: its type and its end.
const EVENT_OVERHEAD_BYTES: usize = 6;

/// Checks the columns against each other, the batch, the manifest and the limits.
pub(super) fn check(
    batch: OutcomeBatch,
    turn: Turn,
    commands: &CommandColumns,
    manifest: &Manifest,
    limits: &Limits,
) -> Result<Outcome, Refusal> {
    let outcome = Outcome {
        appended: batch.appended,
        events: EventColumns { types: batch.events.types, payloads: column(batch.events.payloads) },
        verdicts: batch.verdicts.into_iter().map(verdict).collect::<Result<_, _>>()?,
        replies: column(batch.replies),
        effects: turn.effects,
        wants_snapshot: turn.wants_snapshot,
        wants_passivation: turn.wants_passivation,
    };
    check_counts(&outcome, commands.names.len())?;
    check_events(&outcome.events, turn.effect_bytes, manifest, limits)?;
    check_replies(&outcome.replies, limits)?;
    check_commands(&outcome, commands, manifest)?;
    Ok(outcome)
}

fn column(column: ColumnResult) -> Column {
    Column { data: column.data, ends: column.ends }
}

fn verdict(number: u8) -> Result<Verdict, Refusal> {
    match number {
        0 => Ok(Verdict::Accepted),
        1 => Ok(Verdict::Rejected),
        2 => Ok(Verdict::Malformed),
        other => Err(invalid(format!("{other} is not a verdict"))),
    }
}

fn check_counts(outcome: &Outcome, commands: usize) -> Result<(), Refusal> {
    for (what, found) in [
        ("counts of appended events", outcome.appended.len()),
        ("verdicts", outcome.verdicts.len()),
        ("replies", outcome.replies.len()),
    ] {
        if found != commands {
            return Err(invalid(format!("{found} {what} for {commands} commands")));
        }
    }
    let appended: u64 = outcome.appended.iter().copied().map(u64::from).sum();
    if u64::try_from(outcome.events.len()) != Ok(appended) {
        return Err(invalid(format!("{} events where the commands appended {appended}", outcome.events.len())));
    }
    Ok(())
}

fn check_events(
    events: &EventColumns,
    effect_bytes: usize,
    manifest: &Manifest,
    limits: &Limits,
) -> Result<(), Refusal> {
    bound("events in one turn", events.len(), Limit::TurnEvents, limits)?;
    events.check().map_err(|error| invalid(format!("its events are unsound: {error}")))?;
    if let Some(unknown) = events.types.iter().find(|index| usize::from(**index) >= manifest.events.len()) {
        return Err(invalid(format!("event type {unknown} is not in its manifest")));
    }
    bound("bytes in one event", longest(&events.payloads), Limit::EventBytes, limits)?;
    let overhead = events.len().saturating_mul(EVENT_OVERHEAD_BYTES);
    let frame = events.payloads.data.len().saturating_add(overhead).saturating_add(effect_bytes);
    bound("bytes of events and effects in one turn", frame, Limit::FrameBytes, limits)
}

fn check_replies(replies: &Column, limits: &Limits) -> Result<(), Refusal> {
    replies.check().map_err(|error| invalid(format!("its replies are unsound: {error}")))?;
    bound("bytes in one reply", longest(replies), Limit::ReplyBytes, limits)
}

fn longest(column: &Column) -> usize {
    column.iter().map(<[u8]>::len).max().unwrap_or(0)
}

/// Only accepted commands that may write have events and effects.
fn check_commands(outcome: &Outcome, commands: &CommandColumns, manifest: &Manifest) -> Result<(), Refusal> {
    let rows = outcome.appended.iter().zip(&outcome.verdicts).zip(&commands.names);
    for (index, ((appended, verdict), name)) in rows.enumerate() {
        if *appended > 0 {
            may_write(index, *verdict, *name, manifest, "appended events")?;
        }
    }
    for effect in &outcome.effects {
        let (Effect::Tell { command, .. } | Effect::Schedule { command, .. } | Effect::Cancel { command, .. }) = effect;
        let index = usize::try_from(*command).unwrap_or(usize::MAX);
        if let (Some(verdict), Some(name)) = (outcome.verdicts.get(index), commands.names.get(index)) {
            may_write(index, *verdict, *name, manifest, "asked for effects")?;
        }
    }
    Ok(())
}

fn may_write(index: usize, verdict: Verdict, name: u16, manifest: &Manifest, did: &str) -> Result<(), Refusal> {
    let command = manifest.commands.get(usize::from(name));
    if command.is_some_and(|command| command.read_only) {
        return Err(invalid(format!("command {index} is read-only and {did}")));
    }
    if verdict != Verdict::Accepted {
        return Err(invalid(format!("command {index} was not accepted and {did}")));
    }
    Ok(())
}
