//! A rehearsal under way: the walk over the actors, and what is told of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::choose::{Choice, Walk, choose, is_meant};
use super::compare::{Found, Pair};
use super::heard::{End, Out, give, work_while_heard};
use super::metric;
use super::places::Place;
use super::report::{RehearsalFinding, RehearsalLine, RehearsalProgress, RehearsalStart, RehearsalSummary};
use super::{RehearsalCounts, RehearsalOptions};
use crate::actor::{Code as _, RequestError};
use crate::runtime::tenancy::Tenants;
use crate::vocab::{Address, Key, Kind, Tenant};

/// Lines that wait for a slow reader.
pub(super) const LINES_MAX: usize = 64;
/// How often progress is told, at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// … and after how many actors at the latest.
const PROGRESS_ACTORS: u64 = 100;
/// Findings that are told; more are counted. Whoever keeps a report in memory keeps so many.
const FINDINGS_MAX: u64 = 1_000;
/// Notes that are told.
const NOTES_MAX: u64 = 1_000;

/// A rehearsal under way.
pub(super) struct Run {
    pub(super) tenants: Arc<Tenants>,
    pub(super) tenant: Tenant,
    pub(super) kind: Kind,
    pub(super) pair: Pair,
    pub(super) options: RehearsalOptions,
    pub(super) out: Out<RehearsalLine>,
}

/// How far it has come.
struct Course {
    began: Instant,
    total: u64,
    counts: RehearsalCounts,
    told: RehearsalCounts,
    told_at: Instant,
    findings: u64,
    notes: u64,
}

impl Run {
    /// Runs to the end, or until nobody listens or the host closes.
    pub(super) async fn start(self, place: Place, closing: watch::Receiver<bool>) {
        work_while_heard((&self.tenant, place), self.out.clone(), closing, self.rehearse()).await;
    }

    async fn rehearse(&self) -> Result<(), End> {
        let mut course = Course {
            began: Instant::now(),
            total: 0,
            counts: RehearsalCounts::default(),
            told: RehearsalCounts::default(),
            told_at: Instant::now(),
            findings: 0,
            notes: 0,
        };
        let provider = &self.pair.stage.provider;
        let all = Walk::new(provider, &self.tenant, &self.kind);
        let Choice { of_kind, total, mut chosen } = choose(all, &self.options, &self.pair.pacer).await?;
        course.total = total;
        self.tell(RehearsalLine::Start(Box::new(self.beginning(of_kind, total)))).await?;
        while let Some(page) = chosen.next().await? {
            for address in &page {
                self.look(address, &mut course).await?;
            }
            self.pair.pacer.rest().await;
        }
        if self.options.commands {
            self.look_at_commands(&mut course).await?;
        }
        let counts = course.counts;
        let summary =
            RehearsalSummary { all_same: counts.are_all_same(), counts, elapsed_ms: in_ms(course.began.elapsed()) };
        self.tell(RehearsalLine::Summary(Box::new(summary))).await
    }

    fn beginning(&self, actors_of_kind: u64, actors_total: u64) -> RehearsalStart {
        let (active, candidate) = (&self.pair.active.revision, &self.pair.candidate.revision);
        RehearsalStart {
            tenant: self.tenant.to_string(),
            kind: self.kind.to_string(),
            active_revision: active.number,
            active_digest: active.component.digest().to_string(),
            candidate_digest: candidate.component.digest().to_string(),
            chosen: self.options.actors.to_string(),
            from: self.options.from,
            commands: self.options.commands,
            after: self.options.after.as_ref().map(Key::to_string),
            actors_of_kind,
            actors_total,
        }
    }

    /// Looks at one actor and tells what was found.
    async fn look(&self, address: &Arc<Address>, course: &mut Course) -> Result<(), End> {
        self.may_go_on()?;
        self.pair.pacer.rest().await;
        let Some(Found { findings, notes }) = Box::pin(self.pair.look(address, &mut course.counts)).await? else {
            return Ok(());
        };
        let verdict = findings.iter().map(|finding| finding.verdict).max();
        course.counts.count(verdict);
        metric::looked_at(&self.tenant, &self.kind, verdict);
        for finding in findings {
            self.tell_finding(finding, course).await?;
        }
        for note in notes {
            course.counts.notes = course.counts.notes.saturating_add(1);
            if course.notes < NOTES_MAX {
                course.notes = course.notes.saturating_add(1);
                self.tell(RehearsalLine::Note(Box::new(note))).await?;
            } else {
                course.counts.notes_untold = course.counts.notes_untold.saturating_add(1);
            }
        }
        if course.is_due() {
            self.tell(RehearsalLine::Progress(Box::new(course.progress(&address.key)))).await?;
        }
        Ok(())
    }

    /// Has the commands that are recorded of these actors handled again.
    async fn look_at_commands(&self, course: &mut Course) -> Result<(), End> {
        for command in self.pair.deployment.recorder().commands() {
            if !is_meant(&command.address.key, &self.options) {
                continue;
            }
            self.may_go_on()?;
            self.pair.pacer.rest().await;
            let finding = Box::pin(self.pair.handle_again(&command, &mut course.counts)).await?;
            if let Some(finding) = finding {
                self.tell_finding(finding, course).await?;
            }
        }
        Ok(())
    }

    fn may_go_on(&self) -> Result<(), RequestError> {
        self.tenants.active(&self.tenant)?;
        if self.pair.deployment.active_id() == self.pair.active.revision.id {
            return Ok(());
        }
        Err(RequestError::RehearsalOvertaken { kind: self.kind.to_string() })
    }

    async fn tell_finding(&self, finding: RehearsalFinding, course: &mut Course) -> Result<(), End> {
        if course.findings >= FINDINGS_MAX {
            course.counts.findings_untold = course.counts.findings_untold.saturating_add(1);
            return Ok(());
        }
        course.findings = course.findings.saturating_add(1);
        self.tell(RehearsalLine::Finding(Box::new(finding))).await
    }

    async fn tell(&self, line: RehearsalLine) -> Result<(), End> {
        let told = give(&self.out, line).await;
        self.pair.pacer.resume();
        told
    }
}

impl Course {
    fn is_due(&self) -> bool {
        let actors = self.counts.actors.saturating_sub(self.told.actors);
        let is_first_or_last = self.counts.actors == 1 || self.counts.actors == self.total;
        is_first_or_last || actors >= PROGRESS_ACTORS || self.told_at.elapsed() >= PROGRESS_EVERY
    }

    fn progress(&mut self, after: &Key) -> RehearsalProgress {
        self.told = self.counts;
        self.told_at = Instant::now();
        let elapsed_ms = in_ms(self.began.elapsed());
        let left = self.total.saturating_sub(self.counts.actors);
        let remaining_ms = elapsed_ms.saturating_mul(left).checked_div(self.counts.actors).unwrap_or(0);
        let (after, actors_total, counts) = (after.to_string(), self.total, self.counts);
        RehearsalProgress { after, actors_total, counts, elapsed_ms, remaining_ms }
    }
}

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
