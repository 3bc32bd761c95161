use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use greenroom_host::provider::DeleteGuard;
use greenroom_host::provider::memory::MemoryProvider;
use greenroom_host::runtime::{KeptWhat, RevisionView};
use greenroom_host::vocab::{Code, Kind, Sequence, Tenant};
use greenroom_kit::{FaultyProvider, LastCall, TestHost, guest, settings};
use serde_json::{Value, json};

use super::scene::{code, eventually, passivate, refusal};

const REVISIONS: [&str; 3] = ["cart-v1", "cart-v2", "cart-v3"];

async fn carts() -> Result<TestHost> {
    over(FaultyProvider::new(MemoryProvider::new())).await
}

async fn over(store: Arc<FaultyProvider>) -> Result<TestHost> {
    let mut settings = settings();
    settings.rollout.watch_ms = 0;
    TestHost::over("cart", store, settings, None).await
}

fn kind() -> Result<Kind> {
    Ok(Kind::new("cart")?)
}

/// Deploys `cart-vN`; the number of the revision.
async fn deploy(host: &TestHost, version: usize) -> Result<u32> {
    let name = REVISIONS.get(version - 1).context("no such cart")?;
    Ok(host.deploy("cart", &guest(name)?).await?.revision)
}

/// Removes a revision, once the rollout that follows a deploy is over.
async fn remove(host: &TestHost, number: u32) -> Result<()> {
    eventually("the rollout is over", async || {
        Ok(host.host.rollout(&Tenant::default_tenant(), &kind()?)?.candidate.is_none())
    })
    .await?;
    Ok(host.host.remove_revision(&Tenant::default_tenant(), &kind()?, number).await?)
}

async fn usage(host: &TestHost) -> Result<Vec<RevisionView>> {
    Ok(host.host.revision_usage(&Tenant::default_tenant(), &kind()?, true).await?)
}

async fn numbers(host: &TestHost) -> Result<Vec<u32>> {
    Ok(usage(host).await?.iter().map(|view| view.revision.revision).collect())
}

async fn active(host: &TestHost) -> Result<u32> {
    let views = usage(host).await?;
    Ok(views.iter().find(|view| view.revision.active).context("none is active")?.revision.revision)
}

async fn components(host: &TestHost) -> Result<usize> {
    Ok(host.store.inner().record_keys("component/").await?.len())
}

async fn add(host: &TestHost, key: &str) -> Result<Value> {
    host.ask(key, "add", json!({ "item": "tea", "count": 1 })).await
}

async fn runs(host: &TestHost, key: &str, number: u32) -> Result<()> {
    eventually("the revision runs", async || {
        host.ask(key, "show", Value::Null).await?;
        Ok(host.actor(key)?.status().await?.revision == number)
    })
    .await
}

/// Bytes that are a revision already are that revision, whether it is the newest or not.
#[tokio::test]
async fn the_same_bytes_are_the_same_revision() -> Result<()> {
    let host = carts().await?;
    assert_eq!((deploy(&host, 1).await?, deploy(&host, 2).await?), (1, 2));
    assert_eq!((deploy(&host, 1).await?, active(&host).await?), (1, 1), "back to the first, under its number");
    assert_eq!((deploy(&host, 1).await?, active(&host).await?), (1, 1));
    assert_eq!((deploy(&host, 2).await?, active(&host).await?), (2, 2));
    assert_eq!((numbers(&host).await?, components(&host).await?), (vec![1, 2], 2));
    // The way back goes through the same gate.
    add(&host, "a").await?;
    let (refused, words) = refusal(deploy(&host, 1).await)?;
    assert_eq!(refused, Code::IncompatibleRevision);
    assert!(words.contains("added v2 (actor a, event 1)"), "{words}");
    assert_eq!(active(&host).await?, 2);
    let host = host.crash().await?;
    assert_eq!((active(&host).await?, numbers(&host).await?), (2, vec![1, 2]));
    Ok(())
}

/// Active, kept events, kept snapshots, live actors: each by itself keeps a revision. Without any of them it goes, with
/// its component.
#[tokio::test]
async fn a_revision_that_nobody_needs_can_be_removed() -> Result<()> {
    let host = carts().await?;
    deploy(&host, 1).await?;
    let (refused, words) = refusal(remove(&host, 1).await)?;
    assert_eq!(refused, Code::RevisionInUse);
    assert!(words.contains("it is the active one"), "{words}");
    assert_eq!(code(remove(&host, 7).await)?, Code::UnknownRevision);
    add(&host, "a").await?;
    // Passive: a live one would be saved before it changed over, and that snapshot would keep the revision as well.
    host.actor("a")?.passivate().await?;
    deploy(&host, 2).await?;
    runs(&host, "a", 2).await?;

    let views = usage(&host).await?;
    let kept = views[0].kept.clone().context("the journals were asked")?;
    assert_eq!((kept.what, kept.actor.as_deref(), kept.sequence), (KeptWhat::Frame, Some("a"), Some(Sequence(1))));
    assert_eq!(views[1].kept.as_ref().map(|kept| kept.what), Some(KeptWhat::Nothing));
    assert_eq!(views.iter().map(|view| view.live_actors).collect::<Vec<_>>(), [0, 1]);
    let (refused, words) = refusal(remove(&host, 1).await)?;
    assert_eq!(refused, Code::RevisionInUse);
    assert!(words.contains("it wrote what is kept of actor a from event 1 on"), "{words}");

    // Behind a snapshot of the newer code its events are needed no more.
    host.actor("a")?.snapshot().await?;
    let deleted = host.store.inner().delete_through(host.id("a")?, Sequence(1), DeleteGuard::BehindSnapshot).await;
    ensure!(deleted.is_ok(), "{deleted:?}");
    remove(&host, 1).await?;
    assert_eq!((numbers(&host).await?, components(&host).await?), (vec![2], 1));
    assert_eq!(code(remove(&host, 1).await)?, Code::UnknownRevision);
    add(&host, "a").await?;
    let host = host.crash().await?;
    assert_eq!((numbers(&host).await?, components(&host).await?), (vec![2], 1));
    let shown = host.ask("a", "show", Value::Null).await?;
    assert_eq!(shown.pointer("/lines/tea/pieces"), Some(&json!(2)), "{shown}");

    // The same bytes again are a new revision: the old one is no more.
    deploy(&host, 3).await?;
    assert_eq!(numbers(&host).await?, [2, 3]);
    Ok(())
}

/// A snapshot keeps the revision that took it: it alone may be able to read it.
#[tokio::test]
async fn a_snapshot_keeps_its_revision() -> Result<()> {
    let host = carts().await?;
    deploy(&host, 1).await?;
    add(&host, "a").await?;
    host.actor("a")?.snapshot().await?;
    passivate(&host, "a").await?;
    host.store.inner().delete_through(host.id("a")?, Sequence(1), DeleteGuard::BehindSnapshot).await?;
    deploy(&host, 2).await?;
    let (refused, words) = refusal(remove(&host, 1).await)?;
    assert_eq!(refused, Code::RevisionInUse);
    assert!(words.contains("it took the snapshot of actor a at event 1"), "{words}");
    Ok(())
}

/// A journal that cannot be read may hold anything.
#[tokio::test]
async fn a_journal_that_cannot_be_read_keeps_every_revision() -> Result<()> {
    let host = carts().await?;
    deploy(&host, 1).await?;
    deploy(&host, 2).await?;
    add(&host, "a").await?;
    passivate(&host, "a").await?;
    host.store.corrupt_reads(true);
    let (refused, words) = refusal(remove(&host, 1).await)?;
    assert_eq!(refused, Code::RevisionInUse);
    assert!(words.contains("the journal of actor a cannot be read"), "{words}");
    host.store.corrupt_reads(false);
    remove(&host, 1).await
}

/// Neither a number nor an id is given twice, also when the newest was removed and the host started anew.
#[tokio::test]
async fn numbers_and_ids_are_given_once() -> Result<()> {
    let host = carts().await?;
    for version in 1..=3 {
        deploy(&host, version).await?;
    }
    deploy(&host, 1).await?;
    for number in [3, 2] {
        remove(&host, number).await?;
    }
    let host = host.crash().await?;
    assert_eq!((numbers(&host).await?, deploy(&host, 2).await?), (vec![1], 4));
    remove(&host, 1).await?;
    let host = host.crash().await?;
    assert_eq!((numbers(&host).await?, deploy(&host, 3).await?), (vec![4], 5));
    add(&host, "a").await?;
    let range =
        greenroom_host::provider::ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 1_024 };
    let frames = host.store.inner().read(host.id("a")?, range).next().await?.context("a frame")?;
    assert_eq!(frames[0].header().revision.0, 5, "the id is new as well");
    Ok(())
}

/// A component stays while any kind has it.
#[tokio::test]
async fn a_component_goes_with_the_last_revision_that_has_it() -> Result<()> {
    let host = carts().await?;
    host.deploy("other", &guest("cart-v1")?).await?;
    deploy(&host, 1).await?;
    deploy(&host, 2).await?;
    remove(&host, 1).await?;
    assert_eq!(components(&host).await?, 2);
    host.deploy("other", &guest("cart-v2")?).await?;
    let (tenant, other) = (Tenant::default_tenant(), Kind::new("other")?);
    eventually("the rollout is over", async || Ok(host.host.rollout(&tenant, &other)?.candidate.is_none())).await?;
    host.host.remove_revision(&tenant, &other, 1).await?;
    assert_eq!(components(&host).await?, 1);
    let host = host.crash().await?;
    assert_eq!((components(&host).await?, active(&host).await?), (1, 2));
    add(&host, "a").await.map(drop)
}

/// The store dies at each call of a removal, before or after its effect: the revision is there, or it is not; nothing of
/// it stays, and nobody else is touched.
#[tokio::test]
async fn a_crash_anywhere_in_a_removal_leaves_all_or_nothing() -> Result<()> {
    let mut outcomes = BTreeSet::new();
    for (last, calls) in [LastCall::Undone, LastCall::Done].into_iter().flat_map(|last| (0..6).map(move |n| (last, n)))
    {
        for removed in [2, 3] {
            let store = FaultyProvider::new(MemoryProvider::new());
            let host = over(Arc::clone(&store)).await?;
            for version in 1..=3 {
                deploy(&host, version).await?;
            }
            deploy(&host, 1).await?;
            add(&host, "a").await?;
            passivate(&host, "a").await?;
            eventually("the rollout is over", async || {
                Ok(host.host.rollout(&Tenant::default_tenant(), &kind()?)?.candidate.is_none())
            })
            .await?;
            store.die_after(calls, last);
            let done = remove(&host, removed).await;
            let died = store.is_dead();
            ensure!(done.is_ok() || died, "{done:?}");
            drop(host);
            let host = over(FaultyProvider::new(Arc::clone(store.inner()))).await?;
            let found = numbers(&host).await?;
            let is_gone = !found.contains(&removed);
            ensure!(found.len() == if is_gone { 2 } else { 3 }, "{found:?}");
            ensure!(components(&host).await? == found.len(), "{} components", components(&host).await?);
            ensure!(is_gone || done.is_err(), "it was said to be removed");
            if !is_gone {
                remove(&host, removed).await?;
            }
            assert_eq!(active(&host).await?, 1);
            let shown = host.ask("a", "show", Value::Null).await?;
            assert_eq!(shown.pointer("/pieces/tea"), Some(&json!(1)), "{shown}");
            let version = usize::try_from(removed)?;
            assert_eq!(deploy(&host, version).await?, 4, "its number is not given again");
            outcomes.insert((died, is_gone));
        }
    }
    let all = BTreeSet::from([(true, false), (true, true), (false, true)]);
    assert_eq!(outcomes, all, "every outcome was seen");
    Ok(())
}
