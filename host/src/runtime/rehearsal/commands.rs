//! Commands that actors handled lately, handled again on both revisions from the state of then. What comes back is thrown
//! away: nothing is stored, nothing is sent, no timer is set.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde_json::value::RawValue;

use super::compare::Pair;
use super::replay::{Failed, Looked, Seen, Why};
use super::report::{RehearsalFinding, RehearsalVerdict, RehearsedCommand};
use super::side::Side;
use super::{RehearsalCounts, ReplayFrom};
use crate::actor::{Admission, Code as _, Fault, Recorded, Recovery, RecoveryError, in_words};
use crate::decide::shown;
use crate::frame::Column;
use crate::provider::StoreError;
use crate::sandbox::{CommandColumns, Effect, GuestFailure, Instance, Moment, Outcome, Verdict};
use crate::vocab::{Address, Digest};

/// Events of one command that are rendered; of the rest, their number and a digest are compared.
const EVENTS_MAX: usize = 1_000;

/// How one side handled the command.
enum Handled {
    /// It did, and this is what came of it, failures of its code included.
    Answered(Seen),
    /// It could not be brought to the state of then.
    Failed(Failed),
}

/// What came of a command on one revision.
#[derive(Serialize)]
struct Answer {
    verdict: &'static str,
    reply: Box<RawValue>,
    events: Vec<AnsweredEvent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    more_events: Option<String>,
    effects: Vec<AnsweredEffect>,
}

#[derive(Serialize)]
struct AnsweredEvent {
    r#type: String,
    version: u16,
    payload: Box<RawValue>,
}

#[derive(Serialize)]
struct AnsweredEffect {
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Failure {
    code: String,
    reason: String,
}

#[derive(Serialize)]
struct NotAnswered {
    failed: Failure,
}

impl Pair {
    /// Has one command handled by both revisions; what is not the same.
    ///
    /// # Errors
    /// When the store fails, which concerns every actor.
    pub(super) async fn handle_again(
        &self,
        command: &Recorded,
        counts: &mut RehearsalCounts,
    ) -> Result<Option<RehearsalFinding>, StoreError> {
        counts.commands = counts.commands.saturating_add(1);
        let head = self.stage.provider.head(command.address.id()).await?;
        if head.sequence < command.before || command.before < head.deleted_through {
            counts.commands_passed_over = counts.commands_passed_over.saturating_add(1);
            return Ok(None);
        }
        let looked = Looked {
            stage: &self.stage,
            pacer: &self.pacer,
            address: &command.address,
            through: command.before,
            now: command.time,
        };
        let active = match handle(&looked, &self.active, command).await {
            Handled::Answered(seen) => seen,
            // The state of then is gone, or the actor is broken without the candidate.
            Handled::Failed(failed) => {
                is_no_outage(&failed)?;
                counts.commands_passed_over = counts.commands_passed_over.saturating_add(1);
                return Ok(None);
            }
        };
        let blank = |verdict| RehearsalFinding {
            command: Some(view(command)),
            ..RehearsalFinding::blank(command.address.key.to_string(), command.before, verdict, ReplayFrom::Snapshot)
        };
        let finding = match handle(&looked, &self.candidate, command).await {
            Handled::Answered(candidate) => {
                let differences = active.differences(&candidate);
                let differ = !differences.is_empty();
                differ.then(|| blank(RehearsalVerdict::AnswersDiffer).with_differences(differences))
            }
            Handled::Failed(failed) => {
                is_no_outage(&failed)?;
                let candidate = Some(self.failure(&command.address, &failed).await);
                let verdict = match failed.why.fault() {
                    Fault::OfTheActor => RehearsalVerdict::CannotReplay,
                    Fault::Elsewhere => RehearsalVerdict::NotLookedAt,
                };
                Some(RehearsalFinding { candidate, ..blank(verdict) })
            }
        };
        let of = if finding.is_some() { &mut counts.commands_differ } else { &mut counts.commands_same };
        *of = of.saturating_add(1);
        Ok(finding)
    }
}

/// Whether a failure is of this actor only.
///
/// # Errors
/// The store's failure.
fn is_no_outage(failed: &Failed) -> Result<(), StoreError> {
    match &failed.why {
        Why::Recovery(RecoveryError::Store(error)) if failed.why.fault() == Fault::Elsewhere => Err(error.clone()),
        _ => Ok(()),
    }
}

async fn handle(looked: &Looked<'_>, side: &Side, command: &Recorded) -> Handled {
    let limits = side.limits();
    let recovery = Recovery {
        through: looked.through,
        admission: Admission::paced(Arc::clone(looked.pacer)),
        ..Recovery::silent(looked.stage, side, looked.address, &limits)
    };
    let began = Instant::now();
    let mut recovered = match Box::pin(recovery.run_on(Arc::clone(&side.revision))).await {
        Ok(recovered) => recovered,
        Err(error) => {
            return Handled::Failed(Failed { why: Why::Recovery(error), events: 0, took: began.elapsed() });
        }
    };
    let moment = Moment { time: looked.now, sequence: looked.through };
    let permit = recovery.admission.enter(recovered.instance.share()).await;
    let mut instance = recovered.instance.with(Some(permit));
    let Some(index) = side.revision.command(&command.name) else {
        let known = side.revision.command_names();
        return Handled::Answered(Seen::of(json_of(&NotAnswered {
            failed: Failure {
                code: crate::vocab::Code::UnknownCommand.to_string(),
                reason: format!("it has no command {}; it has {known}", command.name),
            },
        })));
    };
    let mut columns = CommandColumns { names: vec![index], payloads: Column::default() };
    columns.payloads.push(&command.payload);
    let answered = instance
        .recovered(moment)
        .and_then(|()| instance.handle(moment, &columns, vec![command.context.clone()]))
        .and_then(|outcome| answer(&mut instance, side, looked.address, &outcome));
    let text = match answered {
        Ok(answer) => json_of(&answer),
        Err(failure) if failure.fault() == Fault::Elsewhere => {
            return Handled::Failed(Failed { why: Why::Guest(failure), events: 0, took: began.elapsed() });
        }
        Err(failure) => {
            json_of(&NotAnswered { failed: Failure { code: failure.code().to_string(), reason: failure.to_string() } })
        }
    };
    Handled::Answered(Seen::of(text))
}

fn answer(instance: &mut Instance, side: &Side, address: &Address, outcome: &Outcome) -> Result<Answer, GuestFailure> {
    let verdict = match outcome.verdicts.first() {
        Some(Verdict::Accepted) => "accepted",
        Some(Verdict::Rejected) => "rejected",
        Some(Verdict::Malformed) | None => "malformed",
    };
    let declared = &side.revision.component.manifest().events;
    let mut events = Vec::new();
    let mut rest = blake3::Hasher::new();
    for (at, (index, payload)) in outcome.events.types.iter().zip(outcome.events.payloads.iter()).enumerate() {
        let (name, version) =
            declared.get(usize::from(*index)).map_or(("", 0), |event| (event.name.as_str(), event.version));
        if at >= EVENTS_MAX {
            rest.update(format!("{name} {version} {}\n", payload.len()).as_bytes());
            rest.update(payload);
            continue;
        }
        let payload = match instance.event_as_json(*index, payload)? {
            Ok(text) => raw(text.as_bytes()),
            Err(_) => raw(payload),
        };
        events.push(AnsweredEvent { r#type: name.to_owned(), version, payload });
    }
    let more = outcome.events.len().saturating_sub(EVENTS_MAX);
    Ok(Answer {
        verdict,
        reply: outcome.replies.iter().next().map(raw).unwrap_or_default(),
        events,
        more_events: (more > 0).then(|| format!("{more} ({})", rest.finalize().to_hex())),
        effects: outcome.effects.iter().map(|effect| effect_of(effect, address)).collect(),
    })
}

fn effect_of(effect: &Effect, address: &Address) -> AnsweredEffect {
    let blank = AnsweredEffect { effect: "", to: None, timer: None, at: None, command: None, payload: None };
    match effect {
        Effect::Tell { to, name, payload, .. } => AnsweredEffect {
            effect: "tell",
            to: Some(if to.tenant == address.tenant { format!("{}/{}", to.kind, to.key) } else { to.to_string() }),
            command: Some(name.clone()),
            payload: Some(raw(payload)),
            ..blank
        },
        Effect::Schedule { timer, at, name, payload, .. } => AnsweredEffect {
            effect: "schedule",
            timer: Some(timer.clone()),
            at: Some(at.0),
            command: Some(name.clone()),
            payload: Some(raw(payload)),
            ..blank
        },
        Effect::Cancel { timer, .. } => AnsweredEffect { effect: "cancel", timer: Some(timer.clone()), ..blank },
    }
}

/// JSON as it is; other text as a text; other bytes as their number and their digest.
fn raw(bytes: &[u8]) -> Box<RawValue> {
    if let Ok(value) = serde_json::from_slice::<Box<RawValue>>(bytes) {
        return value;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("{} bytes, BLAKE3 {}", bytes.len(), Digest::of(bytes)),
    };
    serde_json::value::to_raw_value(&text).unwrap_or_default()
}

fn json_of(value: &impl Serialize) -> String {
    // Texts, numbers and JSON that was parsed: there is nothing in it that could fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// A command as it is told.
fn view(command: &Recorded) -> RehearsedCommand {
    RehearsedCommand {
        name: command.name.clone(),
        time: command.time,
        from: in_words(&command.context.caller),
        payload: shown(raw(&command.payload).get()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_what_they_are() {
        assert_eq!(raw(b"{\"a\": 1}").get(), "{\"a\": 1}");
        assert_eq!(raw(b"no json").get(), "\"no json\"");
        assert!(raw(b"\xff\xfe").get().starts_with("\"2 bytes, BLAKE3 "));
        assert_eq!(raw(b"").get(), "\"\"");
    }
}
