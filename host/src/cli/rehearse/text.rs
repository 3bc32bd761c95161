//! A rehearsal as a person reads it.

use std::fmt::Write as _;

use super::report::Report;
use crate::cli::output::{Output, Tone};
use crate::decide::Difference;
use crate::runtime::{
    RehearsalFailure, RehearsalFinding, RehearsalLine, RehearsalProgress, RehearsalSummary, RehearsalVerdict,
    ReplayFrom,
};

/// A line that is shown when it comes; `None`: it is not.
pub(super) fn line(line: &RehearsalLine, output: &Output) -> Option<String> {
    match line {
        RehearsalLine::Finding(found) => {
            Some(format!("{}  {}", output.paint(Tone::Bad, found.verdict.in_words()), finding(found)))
        }
        RehearsalLine::Note(note) => Some(format!("note  {}  {}", note.key, note.what)),
        RehearsalLine::Start(start) => Some(format!(
            "{} of {} actors of {}: revision {} beside the candidate {}",
            start.actors_total,
            start.actors_of_kind,
            start.kind,
            start.active_revision,
            start.candidate_digest.chars().take(12).collect::<String>(),
        )),
        _ => None,
    }
}

/// A finding without its verdict: who, where, and below it what.
pub(in crate::cli) fn finding(found: &RehearsalFinding) -> String {
    let way = match (found.from, found.snapshot) {
        (ReplayFrom::First, _) => "from the first event".to_owned(),
        (_, Some(snapshot)) => format!("from the snapshot at {snapshot}"),
        (_, None) => "from its snapshot".to_owned(),
    };
    let mut text = match &found.command {
        None => format!("{}  as of event {}, {way}", found.key, found.sequence),
        Some(command) => format!(
            "{}  {} {} of {}, after event {}",
            found.key, command.name, command.payload, command.from, found.sequence
        ),
    };
    if let (RehearsalVerdict::TooSlow, Some(limit)) = (found.verdict, found.limit_ms) {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n  the candidate took {} ms, the active revision {} ms; a recovery may take {limit} ms",
            found.candidate_ms, found.active_ms
        );
    }
    for (who, failure) in [("the candidate", &found.candidate), ("the active revision", &found.active)] {
        if let Some(failure) = failure {
            let _ = write!(text, "\n  {who}{}: {} {}", place(failure), failure.code, failure.reason);
        }
    }
    if found.verdict == RehearsalVerdict::ActiveFails && found.candidate.is_none() {
        text.push_str("\n  the candidate can replay it");
    }
    found.differences.iter().for_each(|difference| text.push_str(&as_diff(difference)));
    if found.differences_untold > 0 {
        let _ = write!(text, "\n  … and {} more", found.differences_untold);
    }
    text
}

fn place(failure: &RehearsalFailure) -> String {
    let of = failure.event_type.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    match (failure.event, failure.event_last) {
        (Some(first), Some(last)) => format!(" at one of the events {first} to {last}"),
        (Some(event), None) => format!(" at event {event}{of}"),
        (None, _) => String::new(),
    }
}

fn as_diff(difference: &Difference) -> String {
    let path = if difference.path.is_empty() { "(the whole)" } else { &difference.path };
    let side = |sign: char, value: &Option<String>| {
        value.as_ref().map(|value| format!("\n  {sign} {value}")).unwrap_or_default()
    };
    format!("\n  {path}{}{}", side('-', &difference.old), side('+', &difference.new))
}

/// What stands beside the bar.
pub(super) fn progress(progress: &RehearsalProgress) -> String {
    let seconds = progress.remaining_ms.div_ceil(1_000);
    let counts = &progress.counts;
    let bad = counts.actors.saturating_sub(counts.same);
    let found = if bad == 0 { String::new() } else { format!(", {bad} not the same") };
    format!("rehearsing{found}, {}:{:02} left", seconds / 60, seconds % 60)
}

/// What came of it.
pub(super) fn summary(report: &Report, summary: &RehearsalSummary, output: &Output) -> String {
    let counts = &summary.counts;
    let parts = [
        (counts.differs, RehearsalVerdict::Differs),
        (counts.cannot_replay, RehearsalVerdict::CannotReplay),
        (counts.too_slow, RehearsalVerdict::TooSlow),
        (counts.active_fails, RehearsalVerdict::ActiveFails),
        (counts.not_looked_at, RehearsalVerdict::NotLookedAt),
    ];
    let mut bad: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, verdict)| format!("{n} {}", verdict.in_words())).collect();
    if counts.commands_differ > 0 {
        bad.push(format!("{} commands", counts.commands_differ));
    }
    let verdict = if summary.all_same {
        output.paint(Tone::Good, "all the same")
    } else {
        output.paint(Tone::Bad, &format!("not the same: {}", bad.join(", ")))
    };
    let of = report.start.as_ref().map_or(counts.actors, |start| start.actors_of_kind);
    let mut text = format!(
        "{verdict}; {} of {of} actors, {} the same, {} notes, {} events in {}.{:01} s; recoveries took {} ms, on the candidate {} ms",
        counts.actors,
        counts.same,
        counts.notes,
        counts.events,
        summary.elapsed_ms / 1_000,
        summary.elapsed_ms % 1_000 / 100,
        counts.active_ms,
        counts.candidate_ms,
    );
    if counts.commands > 0 {
        let _ = write!(
            text,
            "\n{} commands handled again: {} the same, {} not; {} passed over, their states are gone",
            counts.commands, counts.commands_same, counts.commands_differ, counts.commands_passed_over
        );
    }
    if counts.findings_untold > 0 {
        let _ = write!(text, "\n{} findings more were counted and not shown", counts.findings_untold);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::line as parsed;
    use super::*;

    fn shown(text: &str) -> String {
        line(&parsed(text), &Output::plain()).unwrap()
    }

    #[test]
    fn differences_are_shown_as_a_diff_with_their_paths() {
        let text = shown(
            r#"{"type":"finding","key":"a","sequence":7,"verdict":"differs","from":"snapshot","snapshot":5,"active_ms":1,
                "candidate_ms":1,"differences":[{"path":"/cents","old":"100","new":"101"},{"path":"/new","old":null,"new":"[]"}],
                "differences_untold":3}"#,
        );
        let expected = "differs  a  as of event 7, from the snapshot at 5\n  /cents\n  - 100\n  + 101\n  /new\n  + []\n  … and 3 more";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_failure_names_the_event_and_the_reason() {
        let text = shown(
            r#"{"type":"finding","key":"a","sequence":7,"verdict":"cannot_replay","from":"first","active_ms":1,"candidate_ms":1,
                "candidate":{"code":"GR0046","reason":"no","event":5,"event_type":"added v1"}}"#,
        );
        assert_eq!(
            text,
            "cannot replay  a  as of event 7, from the first event\n  the candidate at event 5 (added v1): GR0046 no"
        );
    }
}
