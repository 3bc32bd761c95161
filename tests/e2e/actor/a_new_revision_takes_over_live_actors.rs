use anyhow::Result;
use greenroom_host::vocab::{Code, Sequence};
use greenroom_kit::guest;

use super::scene::{add, eventually, get, passivate, probe, refusal, snapshots};

/// The same code in other bytes: a custom section `note` at the end changes the digest and nothing else.
fn with_note(mut component: Vec<u8>) -> Vec<u8> {
    component.extend_from_slice(&[0, 7, 4]);
    component.extend_from_slice(b"note\x01\x02");
    component
}

/// L89, L105: live actors leave after their queued turns and come back on it with their state; the same bytes again
/// change nothing.
#[tokio::test]
async fn a_new_revision_takes_over_live_actors() -> Result<()> {
    let host = probe().await?;
    for key in ["a", "b"] {
        add(&host, key, 3).await?;
    }
    let same = host.deploy("probe", &guest("probe")?).await?;
    assert_eq!(same.revision, 1, "the same bytes must change nothing");
    let new = with_note(guest("probe")?);
    assert_eq!(host.deploy("probe", &new).await?.revision, 2);
    for key in ["a", "b"] {
        assert_eq!(add(&host, key, 1).await?, 4);
        eventually("revision 2", async || Ok(host.actor(key)?.status().await?.revision == 2)).await?;
    }
    assert_eq!(host.deploy("probe", &new).await?.revision, 2);
    let host = host.crash().await?;
    assert_eq!((get(&host, "a").await?, host.actor("a")?.status().await?.revision), (4, 2));
    assert_eq!(snapshots(&host, "a").await?, [0; 0]);
    Ok(())
}

/// Followers stay when the code changes under them.
#[tokio::test]
async fn followers_stay_through_a_deploy() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    let mut feed = host.actor("a")?.events(Sequence::FIRST, 10, true).await?;
    assert_eq!(feed.next().await?.map(|event| (event.sequence.0, event.revision)), Some((1, 1)));
    host.deploy("probe", &with_note(guest("probe")?)).await?;
    passivate(&host, "a").await?; // the old code still handles what reaches it before it leaves
    add(&host, "a", 1).await?;
    assert_eq!(feed.next().await?.map(|event| (event.sequence.0, event.revision)), Some((2, 2)));
    Ok(())
}

/// L34: code that cannot read what is stored is refused before it runs; the old one stays.
#[tokio::test]
async fn a_revision_that_cannot_read_the_journals_is_refused() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 3).await?;
    let (code, words) = refusal(host.deploy("probe", &guest("counter")?).await.map_err(Into::into))?;
    assert_eq!(code, Code::IncompatibleRevision);
    assert!(words.contains("added v1") && !words.contains("milestone-reached v1"), "{words}");
    assert_eq!((add(&host, "a", 1).await?, host.actor("a")?.status().await?.revision), (4, 1));
    Ok(())
}
