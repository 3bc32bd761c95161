//! What a check found, for people and for scripts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::output::size;
use crate::sandbox::{ByteCheck, CompileCost, DeployError, Figure, Inspection, Manifest};
use crate::vocab::Limits;

/// The widest line of a list.
const COLUMNS: usize = 100;

/// Everything that was found, as far as the checks came.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) file: String,
    pub(super) digest: String,
    pub(super) component_bytes: u64,
    pub(super) limits: Limits,
    pub(super) inspection: Inspection,
    /// `None`: its bytes were refused.
    pub(super) compiled: Option<Compiled>,
}

/// What compiling it took, and what it says of itself.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) cost: CompileCost,
    /// The manifest, and whether it reads clocks.
    pub(super) found: Result<(Manifest, bool), DeployError>,
}

/// The checks, in the order in which a deploy makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Check {
    Size,
    Format,
    Structure,
    Contract,
    Imports,
    Compile,
    Exports,
    Manifest,
}

impl Check {
    const ALL: [Self; 8] = [
        Self::Size,
        Self::Format,
        Self::Structure,
        Self::Contract,
        Self::Imports,
        Self::Compile,
        Self::Exports,
        Self::Manifest,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Format => "format",
            Self::Structure => "structure",
            Self::Contract => "contract",
            Self::Imports => "imports",
            Self::Compile => "compile",
            Self::Exports => "exports",
            Self::Manifest => "manifest",
        }
    }

    const fn of_bytes(check: ByteCheck) -> Self {
        match check {
            ByteCheck::Size => Self::Size,
            ByteCheck::Format => Self::Format,
            ByteCheck::Structure => Self::Structure,
            ByteCheck::Contract => Self::Contract,
            ByteCheck::Imports => Self::Imports,
        }
    }

    /// Which check refused a component whose bytes had passed.
    const fn of_code(refusal: &DeployError) -> Self {
        match refusal {
            DeployError::ForbiddenImport { .. } => Self::Imports,
            DeployError::MissingExport { .. } => Self::Exports,
            DeployError::InvalidManifest { .. } | DeployError::Describe(_) => Self::Manifest,
            _ => Self::Compile,
        }
    }
}

impl Report {
    /// Why a deploy would refuse it; `None`: it would not.
    pub(super) fn refusal(&self) -> Option<&DeployError> {
        self.failed().map(|(_, refusal)| refusal)
    }

    fn failed(&self) -> Option<(Check, &DeployError)> {
        let of_bytes = self.inspection.refused.as_ref().map(|(check, refusal)| (Check::of_bytes(*check), refusal));
        of_bytes.or_else(|| {
            let refusal = self.compiled.as_ref()?.found.as_ref().err()?;
            Some((Check::of_code(refusal), refusal))
        })
    }

    /// One line for each check, the figures beside their limits, and what callers may use.
    pub(super) fn to_text(&self) -> String {
        let failed = self.failed();
        let mut lines = vec![format!("{}  {}", self.file, self.digest.chars().take(12).collect::<String>())];
        for check in Check::ALL {
            let (mark, said) = match failed {
                Some((at, refusal)) if at == check => ("✗", refusal.to_string()),
                Some((at, _)) if at < check => ("·", "not looked at".to_owned()),
                _ => ("✓", self.said(check)),
            };
            let mut said = said.lines().map(str::to_owned).collect::<Vec<_>>().into_iter();
            lines.push(
                format!("  {mark} {:<10} {}", check.as_str(), said.next().unwrap_or_default()).trim_end().to_owned(),
            );
            lines.extend(said.map(|line| format!("    {:<10} {line}", "")));
        }
        lines.join("\n")
    }

    fn said(&self, check: Check) -> String {
        match check {
            Check::Size => of(&size(self.component_bytes), &size(u64::from(self.limits.component_bytes))),
            Check::Format => "a WebAssembly component".to_owned(),
            Check::Structure => self.structure(),
            Check::Contract => "built for a version that is served".to_owned(),
            Check::Imports => list(self.inspection.imports.iter().cloned(), "nothing"),
            Check::Compile => self.compile(),
            Check::Exports => "all functions of the contract".to_owned(),
            Check::Manifest => self.manifest(),
        }
    }

    /// What there is of everything of which there is something.
    fn structure(&self) -> String {
        let counted = self.inspection.figures.iter().filter(|figure| figure.found > 0 && figure.what != "bytes");
        let lines: Vec<String> = counted.map(figure).collect();
        if lines.is_empty() { "nothing in it".to_owned() } else { lines.join("\n") }
    }

    fn compile(&self) -> String {
        let Some(Compiled { cost, .. }) = self.compiled else { return String::new() };
        let cpu = of(&seconds(cost.cpu), &seconds(Duration::from_millis(self.limits.compile_ms)));
        let memory = of(&size(cost.memory_bytes), &size(self.limits.compile_memory_bytes));
        let code = of(&size(cost.code_bytes), &size(u64::from(self.limits.compiled_bytes)));
        format!("time        {cpu}\nmemory      {memory}\ncode        {code}")
    }

    fn manifest(&self) -> String {
        let Some(Compiled { found: Ok((manifest, reads_clocks)), .. }) = &self.compiled else { return String::new() };
        let commands = manifest.commands.iter();
        let commands = commands.map(|c| if c.read_only { format!("{} (read only)", c.name) } else { c.name.clone() });
        let events = manifest.events.iter().map(|event| format!("{} v{}", event.name, event.version));
        let clocks = if *reads_clocks { "read; replay is told each event's time" } else { "not read" };
        let rows = [
            ("commands", list(commands, "none")),
            ("events", list(events, "none")),
            ("state", format!("version {}", manifest.state_version)),
            ("clocks", clocks.to_owned()),
        ];
        rows.map(|(name, text)| format!("{name:<11} {}", text.replace('\n', "\n            "))).join("\n")
    }

    /// The same for scripts; durations in milliseconds, sizes in bytes.
    pub(super) fn to_json(&self) -> Value {
        let failed = self.failed();
        let checks = Check::ALL.map(|check| {
            let passed = match failed {
                Some((at, _)) if at == check => Some(false),
                Some((at, _)) if at < check => None,
                _ => Some(true),
            };
            json!({ "check": check.as_str(), "passed": passed })
        });
        let found = self.compiled.as_ref().and_then(|compiled| compiled.found.as_ref().ok());
        json!({
            "file": self.file,
            "digest": self.digest,
            "component_bytes": self.component_bytes,
            "accepted": failed.is_none(),
            "code": failed.map(|(_, refusal)| refusal.code().to_string()),
            "reason": failed.map(|(_, refusal)| refusal.to_string()),
            "checks": checks,
            "figures": self.inspection.figures,
            "imports": self.inspection.imports,
            "compile": self.compiled.as_ref().map(|compiled| json!({
                "cpu_ms": ms(compiled.cost.cpu),
                "cpu_ms_limit": self.limits.compile_ms,
                "wall_ms": ms(compiled.cost.wall),
                "wall_ms_limit": self.limits.compile_wall_ms,
                "memory_bytes": compiled.cost.memory_bytes,
                "memory_bytes_limit": self.limits.compile_memory_bytes,
                "code_bytes": compiled.cost.code_bytes,
                "code_bytes_limit": self.limits.compiled_bytes,
            })),
            "reads_clocks": found.map(|(_, reads_clocks)| reads_clocks),
            "manifest": found.map(|(manifest, _)| manifest),
        })
    }
}

fn figure(figure: &Figure) -> String {
    let Figure { what, found, limit } = *figure;
    match what.strip_prefix("bytes ") {
        Some(rest) => format!("{:<11} of {:<9} bytes {rest}", size(found), size(limit)),
        None => format!("{found:<11} of {limit:<9} {what}"),
    }
}

fn of(found: &str, limit: &str) -> String {
    format!("{found} of {limit}")
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Names joined by commas, in as many lines as they need.
fn list(names: impl Iterator<Item = String>, none: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            Some(line) if line.chars().count().saturating_add(name.chars().count()) < COLUMNS => {
                line.push_str(", ");
                line.push_str(&name);
            }
            Some(line) => {
                line.push(',');
                lines.push(name);
            }
            None => lines.push(name),
        }
    }
    if lines.is_empty() { none.to_owned() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{CommandType, EventType, GuestFailure};
    use crate::vocab::Digest;

    fn accepted() -> Report {
        let figure = |what, found, limit| Figure { what, found, limit };
        Report {
            file: "counter.wasm".into(),
            digest: Digest::of(b"counter").to_string(),
            component_bytes: 112_345,
            limits: Limits::default(),
            inspection: Inspection {
                refused: None,
                figures: vec![
                    figure("bytes", 112_345, 33_554_432),
                    figure("levels of nesting", 1, 8),
                    figure("functions", 412, 50_000),
                    figure("bytes of initial memory", 1_114_112, 67_108_864),
                    figure("data segments", 0, 50_000),
                ],
                imports: vec!["greenroom:actor/context@1.0.0".into(), "wasi:io/streams@0.2.6".into()],
            },
            compiled: Some(Compiled {
                cost: CompileCost {
                    cpu: Duration::from_millis(420),
                    wall: Duration::from_millis(500),
                    memory_bytes: 50_000_000,
                    code_bytes: 400_000,
                },
                found: Ok((
                    Manifest {
                        commands: vec![
                            CommandType { name: "increment".into(), read_only: false },
                            CommandType { name: "get".into(), read_only: true },
                        ],
                        events: vec![EventType { name: "incremented".into(), version: 2 }],
                        state_version: 1,
                    },
                    false,
                )),
            }),
        }
    }

    fn forbidden_import() -> Report {
        let refusal = DeployError::ForbiddenImport { import: "wasi:sockets/tcp@0.2.0".into() };
        let mut report = accepted();
        report.inspection.refused = Some((ByteCheck::Imports, refusal));
        report.compiled = None;
        report
    }

    fn failing(refusal: DeployError) -> Report {
        let mut report = accepted();
        report.compiled = Some(Compiled { cost: CompileCost::default(), found: Err(refusal) });
        report
    }

    #[test]
    fn a_report_reads_as_it_is_checked_in() {
        assert_eq!(accepted().to_text() + "\n", include_str!("../../../tests/golden/cli/check-accepted.txt"));
        assert_eq!(forbidden_import().to_text() + "\n", include_str!("../../../tests/golden/cli/check-import.txt"));
    }

    #[test]
    fn the_check_that_refused_is_marked_and_those_behind_it_are_not_claimed() {
        let digest = Digest::of(b"x");
        for (refusal, mark) in [
            (DeployError::CompileOutOfTime { digest, limit_ms: 7 }, "✗ compile"),
            (DeployError::ForbiddenFeature { features: "threads".into() }, "✗ compile"),
            (DeployError::MissingExport { export: "x".into() }, "✗ exports"),
            (DeployError::Describe(GuestFailure::NoRoom), "✗ manifest"),
        ] {
            let report = failing(refusal.clone());
            let text = report.to_text();
            assert!(text.contains(mark) && text.contains(&refusal.to_string()), "{text}");
            assert_eq!(report.refusal().map(DeployError::code), Some(refusal.code()));
            let json = report.to_json();
            assert_eq!((&json["accepted"], &json["code"]), (&json!(false), &json!(refusal.code().to_string())));
            let passed: Vec<_> = json["checks"].as_array().unwrap().iter().map(|c| c["passed"].clone()).collect();
            let at = passed.iter().position(|passed| *passed == json!(false)).unwrap();
            assert!(passed[..at].iter().all(|passed| *passed == json!(true)), "{passed:?}");
            assert!(passed[at + 1..].iter().all(Value::is_null), "{passed:?}");
        }
    }

    #[test]
    fn scripts_find_every_figure_and_limit() {
        let json = accepted().to_json();
        assert_eq!(json["accepted"], true);
        assert_eq!(json["figures"][2], json!({ "what": "functions", "found": 412, "limit": 50_000 }));
        assert_eq!(json["compile"]["cpu_ms"], 420);
        assert_eq!(json["compile"]["memory_bytes_limit"], 1_073_741_824);
        assert_eq!(json["manifest"]["commands"][1]["read_only"], true);
        assert!(forbidden_import().to_json()["compile"].is_null());
    }

    #[test]
    fn long_lists_are_broken_into_lines() {
        let text = list((0..40).map(|n| format!("command-{n}")), "none");
        assert!(text.lines().count() > 4 && text.lines().all(|line| line.chars().count() <= COLUMNS + 2), "{text}");
        assert_eq!(list(std::iter::empty(), "none"), "none");
    }
}
