//! A rehearsal as build servers read it: JUnit's XML, one suite about the whole and one about the actors.

use std::fmt::Write as _;

use super::Failure;
use super::report::Report;
use super::text;
use crate::runtime::{RehearsalFinding, RehearsalVerdict};

/// The document. `broken` is why the rehearsal did not come to its end.
pub(super) fn document(report: &Report, broken: Option<&Failure>) -> String {
    let kind = report.start.as_ref().map_or("unknown", |start| start.kind.as_str());
    let mut actors: Vec<(&str, Vec<&RehearsalFinding>)> = Vec::new();
    for finding in &report.findings {
        match actors.iter_mut().find(|(key, _)| *key == finding.key) {
            Some((_, findings)) => findings.push(finding),
            None => actors.push((&finding.key, vec![finding])),
        }
    }
    let errors = actors.iter().filter(|(_, findings)| findings.iter().all(|finding| is_error(finding))).count();
    let failures = actors.len().saturating_sub(errors);
    let whole = whole(report, broken);
    let (whole_failed, whole_broken) = (usize::from(whole.contains("<failure")), usize::from(whole.contains("<error")));
    let seconds = seconds(report.summary.as_ref().map_or(0, |summary| summary.elapsed_ms));
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        xml,
        "<testsuites name=\"greenroom rehearse\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{seconds}\">",
        actors.len().saturating_add(1),
        failures.saturating_add(whole_failed),
        errors.saturating_add(whole_broken),
    );
    let _ = writeln!(
        xml,
        "<testsuite name=\"rehearsal of {}\" tests=\"1\" failures=\"{whole_failed}\" errors=\"{whole_broken}\" skipped=\"0\" time=\"{seconds}\">",
        escaped(kind)
    );
    xml.push_str(&whole);
    xml.push_str("</testsuite>\n");
    let _ = writeln!(
        xml,
        "<testsuite name=\"actors of {} that are not the same\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\">",
        escaped(kind),
        actors.len()
    );
    for (key, findings) in &actors {
        xml.push_str(&case(kind, key, findings));
    }
    xml.push_str("</testsuite>\n</testsuites>\n");
    xml
}

const fn is_error(finding: &RehearsalFinding) -> bool {
    matches!(finding.verdict, RehearsalVerdict::ActiveFails | RehearsalVerdict::NotLookedAt)
}

fn whole(report: &Report, broken: Option<&Failure>) -> String {
    let seconds = seconds(report.summary.as_ref().map_or(0, |summary| summary.elapsed_ms));
    let kind = report.start.as_ref().map_or("unknown", |start| start.kind.as_str());
    let mut xml =
        format!("<testcase classname=\"{}\" name=\"all actors come out the same\" time=\"{seconds}\">", escaped(kind));
    match &report.summary {
        Some(summary) if summary.all_same => {}
        Some(summary) => {
            let counts = &summary.counts;
            let bad = counts.actors.saturating_sub(counts.same);
            let message = format!("{bad} of {} actors did not come out the same", counts.actors);
            let _ = write!(xml, "<failure type=\"not the same\" message=\"{}\"/>", escaped(&message));
        }
        None => {
            let why = broken.map_or_else(|| "it ended without a summary".to_owned(), Failure::in_words);
            let _ = write!(xml, "<error type=\"broken off\" message=\"{}\"/>", escaped(&why));
        }
    }
    if let Some(summary) = &report.summary {
        let counts = serde_json::to_string(&summary.counts).unwrap_or_default();
        let _ = write!(xml, "<system-out>{}</system-out>", escaped(&counts));
    }
    xml.push_str("</testcase>\n");
    xml
}

fn case(kind: &str, key: &str, findings: &[&RehearsalFinding]) -> String {
    let ms = findings.iter().map(|finding| finding.active_ms.saturating_add(finding.candidate_ms));
    let seconds = seconds(ms.fold(0, u64::saturating_add));
    let name = if findings.iter().all(|finding| is_error(finding)) { "error" } else { "failure" };
    let verdicts: Vec<&str> = findings.iter().map(|finding| finding.verdict.in_words()).collect();
    let texts: Vec<String> =
        findings.iter().map(|finding| format!("{}  {}", finding.verdict.in_words(), text::finding(finding))).collect();
    let verdict = verdicts.first().copied().unwrap_or_default();
    format!(
        "<testcase classname=\"{}\" name=\"{}\" time=\"{seconds}\"><{name} type=\"{verdict}\" message=\"{}\">{}</{name}></testcase>\n",
        escaped(kind),
        escaped(key),
        escaped(&verdicts.join("; ")),
        escaped(&texts.join("\n")),
    )
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// A text as XML allows it, in elements and attributes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            '\r' => escaped.push_str("&#13;"),
            // XML has no way to write these.
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::line;
    use super::*;

    fn report(lines: &[&str]) -> Report {
        let mut report = Report::default();
        for text in lines {
            report.take(line(text)).unwrap();
        }
        report
    }

    const START: &str = r#"{"type":"start","tenant":"t","kind":"counter","active_revision":1,"active_digest":"a",
        "candidate_digest":"b","chosen":"all","from":"both","actors_of_kind":9,"actors_total":9}"#;

    #[test]
    fn there_is_a_case_for_the_whole_and_one_for_each_actor_that_is_not_the_same() {
        let differs = r#"{"type":"finding","key":"a<\"&\u0001","sequence":7,"verdict":"differs","from":"FROM","active_ms":1,
            "candidate_ms":1,"differences":[{"path":"/x","old":"1","new":"2"}]}"#;
        let broken = r#"{"type":"finding","key":"b","sequence":7,"verdict":"active_fails","from":"first","active_ms":1,
            "candidate_ms":1}"#;
        let summary =
            r#"{"type":"summary","all_same":false,"actors":9,"same":7,"differs":1,"active_fails":1,"elapsed_ms":1500}"#;
        let (first, second) = (differs.replace("FROM", "snapshot"), differs.replace("FROM", "first"));
        let xml = document(&report(&[START, &first, &second, broken, summary]), None);
        assert!(
            xml.contains(r#"<testsuites name="greenroom rehearse" tests="3" failures="2" errors="1" time="1.500">"#),
            "{xml}"
        );
        assert_eq!(xml.matches("<testcase ").count(), 3, "{xml}");
        assert_eq!(xml.matches("</testcase>").count(), 3, "{xml}");
        assert!(xml.contains("name=\"a&lt;&quot;&amp;\u{fffd}\""), "{xml}");
        assert!(
            xml.contains("2 of 9 actors did not come out the same") && xml.contains("/x&#10;  - 1&#10;  + 2"),
            "{xml}"
        );
    }

    #[test]
    fn all_the_same_has_no_failure_and_what_broke_off_is_an_error() {
        let summary = r#"{"type":"summary","all_same":true,"actors":9,"same":9,"elapsed_ms":5}"#;
        let xml = document(&report(&[START, summary]), None);
        assert!(xml.contains(r#"tests="1" failures="0" errors="0""#) && !xml.contains("<failure"), "{xml}");
        let failure = Failure::new(crate::vocab::Code::Unreachable, "the line is dead");
        let xml = document(&report(&[START]), Some(&failure));
        assert!(xml.contains("<error type=\"broken off\" message=\"GR0084: the line is dead\"/>"), "{xml}");
    }
}
