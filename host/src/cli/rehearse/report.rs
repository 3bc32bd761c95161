//! What is known of a rehearsal so far, the part before it broke off included.

use super::Failure;
use crate::runtime::{
    RehearsalCounts, RehearsalFinding, RehearsalLine, RehearsalNote, RehearsalOptions, RehearsalStart, RehearsalSummary,
};
use crate::vocab::{Code, Digest, Key, Kind};

/// What is known of a rehearsal. A server tells a bounded number of findings and notes.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) start: Option<RehearsalStart>,
    pub(super) findings: Vec<RehearsalFinding>,
    pub(super) notes: Vec<RehearsalNote>,
    pub(super) summary: Option<RehearsalSummary>,
    /// Of the part before it broke off.
    earlier: RehearsalCounts,
    earlier_ms: u64,
    /// Behind which key it goes on.
    after: Option<Key>,
}

fn unusable(reason: &str) -> Failure {
    Failure::new(Code::InvalidRequest, format!("the report cannot be resumed: {reason}"))
}

impl Report {
    /// A report that broke off. What it tells of actors behind its last progress is told anew.
    ///
    /// # Errors
    /// When it is none, is of something else, or came to its end.
    pub(super) fn resumed(text: &str, kind: &Kind, candidate: Digest) -> Result<Self, Failure> {
        let mut report = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            // The last line may be cut off.
            let Ok(line) = serde_json::from_str(line) else { continue };
            match line {
                RehearsalLine::Start(start) => report.start = Some(*start),
                RehearsalLine::Finding(finding) => report.findings.push(*finding),
                RehearsalLine::Note(note) => report.notes.push(*note),
                RehearsalLine::Progress(progress) => {
                    report.after =
                        Some(Key::new(progress.after.clone()).map_err(|error| unusable(&error.to_string()))?);
                    (report.earlier, report.earlier_ms) = (progress.counts, progress.elapsed_ms);
                }
                RehearsalLine::Summary(_) => return Err(unusable("that rehearsal came to its end")),
                _ => {}
            }
        }
        let Some(start) = &report.start else { return Err(unusable("it has no line of the type start")) };
        if start.kind != kind.as_str() {
            return Err(unusable(&format!("it is of the kind {}", start.kind)));
        }
        if start.candidate_digest != candidate.to_string() {
            return Err(unusable("it is of another component"));
        }
        let after = report.after.clone();
        let is_known = |key: &str| after.as_ref().is_some_and(|after| key <= after.as_str());
        // Commands come last, and are handled again from the first.
        report.findings.retain(|finding| finding.command.is_none() && is_known(&finding.key));
        report.notes.retain(|note| is_known(&note.key));
        Ok(report)
    }

    /// What is to be asked for: what the report that broke off was asked for, behind its end.
    ///
    /// # Errors
    /// When that cannot be understood.
    pub(super) fn options(&self, asked: &RehearsalOptions) -> Result<RehearsalOptions, Failure> {
        let Some(start) = &self.start else { return Ok(asked.clone()) };
        let mut options = asked.clone();
        options.actors = start.chosen.parse().map_err(|reason: String| unusable(&reason))?;
        options.from = start.from;
        options.commands = start.commands;
        options.after = self.after.clone().or(start.after.clone().map(Key::new).transpose().unwrap_or_default());
        Ok(options)
    }

    /// The lines of before, so that what is printed is a whole report again.
    pub(super) fn earlier_lines(&self) -> Vec<RehearsalLine> {
        let start = self.start.iter().cloned().map(|start| RehearsalLine::Start(Box::new(start)));
        let findings = self.findings.iter().cloned().map(|finding| RehearsalLine::Finding(Box::new(finding)));
        let notes = self.notes.iter().cloned().map(|note| RehearsalLine::Note(Box::new(note)));
        start.chain(findings).chain(notes).collect()
    }

    /// Takes the next line; how it is passed on, with what was before counted in.
    ///
    /// # Errors
    /// When it goes on with something else than what it broke off with.
    pub(super) fn take(&mut self, line: RehearsalLine) -> Result<Option<RehearsalLine>, Failure> {
        Ok(Some(match line {
            RehearsalLine::Start(start) => match &self.start {
                None => {
                    self.start = Some((*start).clone());
                    RehearsalLine::Start(start)
                }
                Some(earlier) if earlier.active_digest != start.active_digest => {
                    let detail = "another revision is active than when the rehearsal broke off; begin anew";
                    return Err(Failure::new(Code::RehearsalOvertaken, detail));
                }
                Some(_) => return Ok(None),
            },
            RehearsalLine::Progress(mut progress) => {
                progress.counts = progress.counts.and(&self.earlier);
                progress.actors_total = progress.actors_total.saturating_add(self.earlier.actors);
                progress.elapsed_ms = progress.elapsed_ms.saturating_add(self.earlier_ms);
                RehearsalLine::Progress(progress)
            }
            RehearsalLine::Summary(mut summary) => {
                summary.counts = summary.counts.and(&self.earlier);
                summary.elapsed_ms = summary.elapsed_ms.saturating_add(self.earlier_ms);
                summary.all_same = summary.counts.are_all_same();
                self.summary = Some((*summary).clone());
                RehearsalLine::Summary(summary)
            }
            RehearsalLine::Finding(finding) => {
                self.findings.push((*finding).clone());
                RehearsalLine::Finding(finding)
            }
            RehearsalLine::Note(note) => {
                self.notes.push((*note).clone());
                RehearsalLine::Note(note)
            }
            // Of a newer server.
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::runtime::{ChosenActors, ReplayFrom};

    pub(in super::super) fn line(text: &str) -> RehearsalLine {
        serde_json::from_str(text).unwrap()
    }

    const CANDIDATE: &[u8] = b"candidate";

    fn broken_off() -> String {
        let digest = Digest::of(CANDIDATE);
        [
            format!(
                r#"{{"type":"start","tenant":"t","kind":"counter","active_revision":1,"active_digest":"a","candidate_digest":"{digest}","chosen":"all","from":"snapshot","actors_of_kind":9,"actors_total":9}}"#
            ),
            r#"{"type":"finding","key":"a","sequence":1,"verdict":"differs","from":"first","active_ms":1,"candidate_ms":1}"#.to_owned(),
            r#"{"type":"progress","after":"b","actors_total":9,"actors":2,"same":1,"differs":1,"elapsed_ms":5,"remaining_ms":9}"#.to_owned(),
            r#"{"type":"finding","key":"c","sequence":1,"verdict":"differs","from":"first","active_ms":1,"candidate_ms":1}"#.to_owned(),
            r#"{"type":"find"#.to_owned(),
        ]
        .join("\n")
    }

    fn resumed(text: &str) -> Result<Report, Failure> {
        Report::resumed(text, &Kind::new("counter").unwrap(), Digest::of(CANDIDATE))
    }

    #[test]
    fn a_report_goes_on_behind_its_last_progress_and_counts_what_was_before() {
        let mut report = resumed(&broken_off()).unwrap();
        let options = report.options(&RehearsalOptions::default()).unwrap();
        assert_eq!((options.actors, options.from), (ChosenActors::All, ReplayFrom::Snapshot));
        assert_eq!(options.after.unwrap().as_str(), "b");
        assert_eq!(report.earlier_lines().len(), 2, "what was found behind b is found again");
        let end = r#"{"type":"summary","all_same":true,"actors":7,"same":7,"elapsed_ms":10}"#;
        let Some(RehearsalLine::Summary(summary)) = report.take(line(end)).unwrap() else { panic!() };
        assert_eq!((summary.counts.actors, summary.counts.differs, summary.elapsed_ms), (9, 1, 15));
        assert!(!summary.all_same, "what was found before it broke off counts");
    }

    #[test]
    fn a_report_of_something_else_is_refused() {
        let whole = format!("{}\n{}", broken_off(), r#"{"type":"summary","all_same":true,"elapsed_ms":1}"#);
        assert!(resumed(&whole).is_err() && resumed("").is_err());
        let other = Kind::new("other").unwrap();
        assert!(Report::resumed(&broken_off(), &other, Digest::of(CANDIDATE)).is_err());
        let counter = Kind::new("counter").unwrap();
        assert!(Report::resumed(&broken_off(), &counter, Digest::of(b"another")).is_err());
        let mut report = resumed(&broken_off()).unwrap();
        let start = broken_off().lines().next().unwrap().replace(r#""active_digest":"a""#, r#""active_digest":"b""#);
        assert!(report.take(line(&start)).is_err(), "another revision is active");
    }
}
