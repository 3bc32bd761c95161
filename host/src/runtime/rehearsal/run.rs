//! A rehearsal under way: the walk over the actors, and what is told of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::choose::{Choice, Walk, choose, is_chosen, is_meant};
use super::compare::{Found, Pair};
use super::metric::{self, UnderWay};
use super::places::Place;
use super::report::{RehearsalFinding, RehearsalLine, RehearsalProgress, RehearsalStart, RehearsalSummary};
use super::{RehearsalCounts, RehearsalOptions};
use crate::actor::{AskError, Code as _, RequestError};
use crate::provider::StoreError;
use crate::runtime::tenancy::Tenants;
use crate::vocab::{Address, Key, Kind, Tenant};

/// Lines that wait for a slow reader.
pub(super) const LINES_MAX: usize = 64;
/// A reader that takes no line for so long has left, though nobody noticed.
const READER_TIMEOUT: Duration = Duration::from_secs(60);
/// How often progress is told, at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// … and after how many actors at the latest.
const PROGRESS_ACTORS: u64 = 100;
/// Findings that are told; more are counted. Whoever keeps a report in memory keeps so many.
const FINDINGS_MAX: u64 = 1_000;
/// Notes that are told.
const NOTES_MAX: u64 = 1_000;

/// Where the lines go.
pub(super) type Lines = mpsc::Sender<Result<RehearsalLine, AskError>>;

/// A rehearsal under way.
pub(super) struct Run {
    pub(super) tenants: Arc<Tenants>,
    pub(super) tenant: Tenant,
    pub(super) kind: Kind,
    pub(super) pair: Pair,
    pub(super) options: RehearsalOptions,
    pub(super) place: Place,
    pub(super) out: Lines,
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

/// Why a rehearsal ends before its end.
enum End {
    /// Nobody listens.
    Unheard,
    Failed(AskError),
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<RequestError> for End {
    fn from(error: RequestError) -> Self {
        Self::Failed(error.into())
    }
}

impl Run {
    /// Runs to the end, or until nobody listens or the host closes.
    pub(super) async fn start(self, mut closing: watch::Receiver<bool>) {
        let _under_way = UnderWay::begins(&self.tenant);
        let out = self.out.clone();
        let end = tokio::select! {
            biased;
            () = out.closed() => return,
            _ = closing.wait_for(|closing| *closing) => Err(End::Failed(AskError::ShuttingDown)),
            end = self.rehearse() => end,
        };
        // Whoever reads the last line may begin the next rehearsal.
        drop(self.place);
        if let Err(End::Failed(error)) = end {
            let _left = timeout(READER_TIMEOUT, out.send(Err(error))).await;
        }
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
        let all = Walk::new(provider, &self.tenant, &self.kind, None);
        let Choice { of_kind, total, sample } = choose(all, &self.options, &self.pair.pacer).await?;
        course.total = total;
        self.tell(RehearsalLine::Start(Box::new(self.beginning(of_kind, total)))).await?;
        match sample {
            Some(keys) => {
                for key in keys {
                    let address = Address { tenant: self.tenant.clone(), kind: self.kind.clone(), key };
                    self.look(&Arc::new(address), &mut course).await?;
                }
            }
            None => {
                let mut walk = Walk::new(provider, &self.tenant, &self.kind, self.options.after.as_ref());
                loop {
                    let page = walk.next().await?;
                    if page.is_empty() {
                        break;
                    }
                    for listing in page.iter().filter(|listing| is_chosen(&listing.address.key, &self.options)) {
                        self.look(&listing.address, &mut course).await?;
                    }
                    self.pair.pacer.rest().await;
                }
            }
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
        let told = timeout(READER_TIMEOUT, self.out.send(Ok(line))).await;
        self.pair.pacer.resume();
        match told {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Unheard),
        }
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
