use anyhow::{Result, ensure};
use greenroom_host::runtime::{RehearsalNoteKind, RehearsalVerdict, ReplayFrom};
use greenroom_host::vocab::Sequence;
use greenroom_kit::{TestHost, guest};
use serde_json::json;

use super::scene::{KIND, add, all, eager, mark, rehearse, version};

/// Three actors; `b` has a mark as its third event, and a snapshot before it.
async fn stage() -> Result<TestHost> {
    let host = TestHost::start(KIND, eager()).await?;
    add(&host, "a", 5).await?;
    add(&host, "b", 7).await?;
    add(&host, "b", 1).await?;
    host.actor("b")?.snapshot().await?;
    mark(&host, "b", "x").await?;
    add(&host, "c", 2).await?;
    Ok(host)
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_does_the_same_is_the_same_for_every_actor() -> Result<()> {
    let host = stage().await?;
    let told = rehearse(&host, &version("honest-too")?, all()).await?;
    let summary = told.summary()?;
    ensure!(summary.all_same && summary.counts.same == 3 && told.findings.is_empty(), "{told:?}");
    let start = told.start.as_ref().map(|start| (start.actors_of_kind, start.actors_total, start.active_revision));
    ensure!(start == Some((3, 3, 1)), "{start:?}");
    // Both revisions: a has 1 event, b 1 behind its snapshot and 3 from the first, c 1.
    ensure!(summary.counts.events == 2 * (1 + 1 + 3 + 1), "{summary:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_differs_is_shown_with_its_path_and_both_values() -> Result<()> {
    let host = stage().await?;
    let told = rehearse(&host, &version("doubles")?, all()).await?;
    ensure!(told.summary()?.counts.differs == 3 && !told.summary()?.all_same, "{told:?}");
    let of = |key: &str| told.findings.iter().filter(|finding| finding.key == key).collect::<Vec<_>>();
    let [a] = of("a").as_slice().try_into().map_err(|_| anyhow::anyhow!("{told:?}"))?;
    let difference = a.differences.first().map(|d| (d.path.as_str(), d.old.as_deref(), d.new.as_deref()));
    ensure!(difference == Some(("/total", Some("5"), Some("10"))), "{a:?}");
    ensure!((a.verdict, a.from, a.sequence) == (RehearsalVerdict::Differs, ReplayFrom::First, Sequence(1)), "{a:?}");
    // From its snapshot b is the same: the additions are in it.
    let [b] = of("b").as_slice().try_into().map_err(|_| anyhow::anyhow!("{told:?}"))?;
    ensure!((b.from, b.sequence) == (ReplayFrom::First, Sequence(3)), "{b:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_replayed_is_named_with_its_type_and_the_reason() -> Result<()> {
    let host = stage().await?;
    let told = rehearse(&host, &version("cannot-mark")?, all()).await?;
    ensure!(told.summary()?.counts.cannot_replay == 1 && told.summary()?.counts.same == 2, "{told:?}");
    ensure!(told.findings.len() == 2, "from the snapshot, and from the first event: {told:?}");
    for finding in &told.findings {
        ensure!((finding.key.as_str(), finding.verdict) == ("b", RehearsalVerdict::CannotReplay), "{finding:?}");
        let failure = finding.candidate.as_ref().map(|f| (f.event, f.event_type.as_deref(), f.code.as_str()));
        ensure!(failure == Some((Some(Sequence(3)), Some("marked v1"), "GR0046")), "{finding:?}");
        let reason = finding.candidate.as_ref().map_or("", |failure| &failure.reason);
        ensure!(reason.contains("cannot apply the mark x"), "{reason}");
        ensure!(finding.active.is_none());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn code_without_an_event_type_is_rehearsed_and_says_which() -> Result<()> {
    let host = stage().await?;
    let told = rehearse(&host, &guest("counter")?, all()).await?;
    ensure!(told.summary()?.counts.cannot_replay == 3, "{told:?}");
    let failure =
        told.findings.iter().find(|finding| finding.key == "a").and_then(|finding| finding.candidate.as_ref());
    let failure = failure.map(|f| (f.code.as_str(), f.event, f.event_type.as_deref()));
    ensure!(failure == Some(("GR0048", Some(Sequence(1)), Some("added v1"))), "{told:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_takes_longer_than_a_recovery_may_is_told_with_both_times() -> Result<()> {
    let mut settings = eager();
    settings.recovery.time_limit_ms = 300;
    settings.limits.replay_batch_events = 10;
    let host = TestHost::start(KIND, settings).await?;
    host.ask("a", "many", json!({ "count": 2_000 })).await?;
    add(&host, "b", 1).await?;
    let told = rehearse(&host, &version("is-slow")?, all()).await?;
    let finding = told.finding()?;
    ensure!((finding.key.as_str(), finding.verdict) == ("a", RehearsalVerdict::TooSlow), "{finding:?}");
    ensure!(finding.limit_ms == Some(300) && finding.candidate_ms >= 290, "{finding:?}");
    ensure!(finding.active_ms < 290, "{finding:?}");
    let counts = told.summary()?.counts;
    ensure!((counts.too_slow, counts.same) == (1, 1), "{counts:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_active_revision_cannot_replay_is_not_blamed_on_the_candidate() -> Result<()> {
    let host = stage().await?;
    host.deploy(KIND, &version("cannot-mark")?).await?;
    let told = rehearse(&host, &version("honest-too")?, all()).await?;
    ensure!(told.summary()?.counts.active_fails == 1 && told.summary()?.counts.same == 2, "{told:?}");
    for finding in &told.findings {
        ensure!(finding.verdict == RehearsalVerdict::ActiveFails && finding.key == "b", "{finding:?}");
        ensure!(finding.active.as_ref().is_some_and(|failure| failure.code == "GR0046"), "{finding:?}");
        ensure!(finding.candidate.is_none(), "the candidate can replay it: {finding:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_the_candidate_does_not_use_is_noted_and_its_loss_is_a_failure_where_history_is_deleted()
-> Result<()> {
    let host = stage().await?;
    let told = rehearse(&host, &version("refuses-snapshots")?, all()).await?;
    ensure!(told.summary()?.all_same, "{told:?}");
    let [note] = told.notes.as_slice() else { anyhow::bail!("{told:?}") };
    ensure!((note.key.as_str(), note.snapshot) == ("b", Sequence(2)), "{note:?}");
    ensure!(note.note == RehearsalNoteKind::SnapshotPassedOver, "{note:?}");
    let id = host.id("b")?;
    let inner = host.store.inner();
    inner.delete_through(id, Sequence(2), greenroom_host::provider::DeleteGuard::BehindSnapshot).await?;
    let told = rehearse(&host, &version("refuses-snapshots")?, all()).await?;
    let finding = told.finding()?;
    ensure!((finding.key.as_str(), finding.verdict) == ("b", RehearsalVerdict::CannotReplay), "{finding:?}");
    let reason = finding.candidate.as_ref().map_or("", |failure| &failure.reason);
    ensure!(reason.contains("through 2 are deleted") && reason.contains("at 2 of state version 1"), "{reason}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_the_active_revision_that_its_own_events_do_not_give_is_noted() -> Result<()> {
    let host = TestHost::start(KIND, eager()).await?;
    host.deploy(KIND, &version("drifts")?).await?;
    add(&host, "a", 1).await?;
    add(&host, "a", 1).await?;
    host.actor("a")?.snapshot().await?;
    add(&host, "a", 1).await?;
    let told = rehearse(&host, &version("honest")?, all()).await?;
    let [note] = told.notes.as_slice() else { anyhow::bail!("{told:?}") };
    ensure!(note.note == RehearsalNoteKind::Drifted && note.snapshot == Sequence(2), "{note:?}");
    ensure!(note.what.contains("/total"), "{note:?}");
    ensure!(told.summary()?.counts.differs == 1, "{told:?}");
    Ok(())
}
