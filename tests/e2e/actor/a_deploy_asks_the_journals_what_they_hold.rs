use anyhow::{Context, Result};
use greenroom_host::provider::DeleteGuard;
use greenroom_host::sandbox::{Place, RevisionDiff};
use greenroom_host::vocab::{Code, Kind, Sequence, Tenant};
use greenroom_kit::{Call, TestHost, guest};
use serde_json::json;

use super::scene::{add, eventually, passivate, probe, refusal};

/// What is held of the probe's types that the counter does not know, by name.
fn held(diff: &RevisionDiff) -> Vec<(String, Option<Place>)> {
    diff.unread.iter().map(|unread| (unread.name.clone(), unread.held.clone())).collect()
}

fn place(actor: &str, sequence: u64) -> Option<Place> {
    Some(Place { actor: Some(actor.to_owned()), sequence: Some(Sequence(sequence)) })
}

async fn check_counter(host: &TestHost) -> Result<RevisionDiff> {
    let checked = host.host.check_against(&Tenant::default_tenant(), &Kind::new("probe")?, &guest("counter")?).await?;
    assert_eq!(checked.accepted, checked.refusal.is_none());
    Ok(checked.diff)
}

/// L34: a revision may forget what no journal holds, whatever earlier revisions declared.
#[tokio::test]
async fn a_deploy_asks_the_journals_what_they_hold() -> Result<()> {
    let host = probe().await?;
    assert!(held(&check_counter(&host).await?).iter().all(|(_, place)| place.is_none()), "nothing was written");
    for key in ["a", "b"] {
        add(&host, key, 3).await?;
    }
    host.ask("b", "mark", json!({ "text": "x" })).await?;
    passivate(&host, "b").await?;
    let diff = check_counter(&host).await?;
    let expected =
        [("added", place("a", 1)), ("marked", place("b", 2)), ("milestone-reached", None), ("poisoned", None)];
    assert_eq!(held(&diff), expected.map(|(name, place)| (name.to_owned(), place)));
    assert_eq!((diff.against, diff.actors), (Some(1), 2));
    let (code, words) = refusal(host.deploy("probe", &guest("counter")?).await.map_err(Into::into))?;
    assert_eq!(code, Code::IncompatibleRevision);
    assert!(words.contains("added v1 (actor a, event 1)") && words.contains("marked v1 (actor b, event 2)"), "{words}");
    assert!(!words.contains("milestone"), "no journal holds one: {words}");
    assert_eq!(host.actor("a")?.status().await?.revision, 1);

    // What is deleted is no longer held.
    for key in ["a", "b"] {
        passivate(&host, key).await?;
        let id = host.id(key)?;
        host.store.inner().delete_through(id, Sequence::MAX, DeleteGuard::Forced).await?;
    }
    let deployed = host.deploy("probe", &guest("counter")?).await?;
    let diff = deployed.diff.context("a deploy says what it changes")?;
    assert_eq!((deployed.revision, diff.refusal()), (2, String::new()));
    assert!(diff.manifest.commands_removed.iter().any(|command| command.name == "mark"), "{diff:?}");
    assert!(diff.manifest.events_added.iter().any(|event| event.name == "incremented"), "{diff:?}");
    Ok(())
}

/// A frame of which only the first events are deleted is still stored whole; those are not held.
#[tokio::test]
async fn events_of_a_deleted_prefix_are_not_held() -> Result<()> {
    let host = probe().await?;
    host.ask("a", "many", json!({ "count": 3 })).await?;
    host.ask("a", "mark", json!({ "text": "x" })).await?;
    host.store.inner().delete_through(host.id("a")?, Sequence(2), DeleteGuard::Forced).await?;
    assert_eq!(held(&check_counter(&host).await?).first(), Some(&("added".to_owned(), place("a", 3))));
    host.store.inner().delete_through(host.id("a")?, Sequence(3), DeleteGuard::Forced).await?;
    let found = held(&check_counter(&host).await?);
    assert_eq!(found.first(), Some(&("added".to_owned(), None)), "{found:?}");
    assert_eq!(found.get(1), Some(&("marked".to_owned(), place("a", 4))), "{found:?}");
    Ok(())
}

/// What a live actor appends behind the look is seen all the same.
#[tokio::test]
async fn what_is_appended_during_the_look_counts() -> Result<()> {
    let host = probe().await?;
    for key in ["a", "b"] {
        add(&host, key, 1).await?;
    }
    host.store.hold_heads();
    let (again, component) = (host.host.clone(), guest("counter")?);
    let deploy = tokio::spawn(async move {
        again.deploy(&Tenant::default_tenant(), &Kind::new("probe").expect("a kind"), &component).await
    });
    eventually("the first journal is asked for", async || Ok(host.store.held_heads() == 1)).await?;
    host.store.release_heads(1);
    eventually("the second journal is asked for", async || {
        Ok(host.store.count(|call| matches!(call, Call::Read(..))) > 0 && host.store.held_heads() == 1)
    })
    .await?;
    // The first journal was read to its end.
    host.ask("a", "mark", json!({ "text": "behind the look" })).await?;
    host.store.release_all_heads();
    let (code, words) = refusal(deploy.await?.map_err(Into::into))?;
    assert_eq!(code, Code::IncompatibleRevision);
    assert!(words.contains("marked v1 (appended while it was looked for)"), "{words}");
    assert!(!words.contains("milestone"), "{words}");
    Ok(())
}

/// A journal that no revision can read keeps nobody from deploying: it is counted, and stays as it is.
#[tokio::test]
async fn a_journal_that_cannot_be_read_is_counted() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    passivate(&host, "a").await?;
    host.store.corrupt_reads(true);
    let diff = check_counter(&host).await?;
    assert_eq!((diff.actors, diff.unreadable_actors, diff.refusal()), (1, 1, String::new()));
    host.store.corrupt_reads(false);
    host.store.fail_reads(1);
    let failed = check_counter(&host).await;
    assert_eq!(refusal(failed)?.0, Code::StoreFailed, "a store that fails is no answer");
    Ok(())
}
