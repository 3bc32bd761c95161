//! The host's own records, the listing of actors, and who must be woken.

use bytes::Bytes;

use super::kit::{Check, Subject, actor, ensure, ensure_eq, waking};
use crate::provider::{StoreError, Wake};
use crate::vocab::{Address, Kind, Sequence, Tenant, Timestamp};

/// Put, replace, list by prefix, delete; the limit.
pub(super) async fn records_are_replaced_listed_by_prefix_and_deleted(subject: Subject) -> Check {
    let provider = &subject.provider;
    for (key, value) in [("b/1", "old"), ("b/2", "two"), ("a", "a"), ("c", ""), ("b/1", "new"), ("b%", "%")] {
        provider.put_record(key, Bytes::from_static(value.as_bytes())).await?;
    }
    ensure_eq!(provider.record("b/1").await?, Some(Bytes::from_static(b"new")));
    ensure_eq!(provider.record("c").await?, Some(Bytes::new()));
    ensure_eq!(provider.record("b").await?, None);
    ensure_eq!(provider.record_keys("b/").await?, ["b/1", "b/2"]);
    ensure_eq!(provider.record_keys("").await?, ["a", "b%", "b/1", "b/2", "c"]);
    ensure_eq!(provider.record_keys("b%").await?, ["b%"]);
    provider.delete_record("b/1").await?;
    provider.delete_record("b/1").await?;
    ensure_eq!(provider.record("b/1").await?, None);
    ensure_eq!(provider.record_keys("b/").await?, ["b/2"]);
    let large = Bytes::from(vec![0; subject.record_bytes_max]);
    let refused = provider.put_record("a", large).await;
    ensure!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    ensure_eq!(provider.record("a").await?, Some(Bytes::from_static(b"a")));
    Ok(())
}

/// P107: by key, byte for byte, a page at a time, one kind of one tenant only.
pub(super) async fn p107_actors_are_listed_by_key_in_pages(subject: Subject) -> Check {
    let mut keys: Vec<String> = (0..25).map(|index| format!("k{index}")).collect();
    keys.extend(["%", "_", "k1%", "Z", "ä"].map(str::to_owned));
    for key in &keys {
        subject.append(&actor(key)?, 0, 2).await?;
    }
    for (tenant, kind) in [("other", "kind"), ("tenant", "kin"), ("tenant", "kind2")] {
        subject.append(&Address::new(tenant, kind, "k0")?.into(), 0, 1).await?;
    }
    keys.sort_unstable();
    let (tenant, kind) = (Tenant::new("tenant")?, Kind::new("kind")?);
    let mut listed: Vec<String> = Vec::new();
    loop {
        let after = listed.last().cloned();
        let page = subject.provider.actors(&tenant, &kind, after.as_deref(), 7).await?;
        ensure!(page.iter().all(|listing| listing.sequence == Sequence(2)), "a wrong number in {page:?}");
        ensure!(page.len() <= 7, "{} in a page of 7", page.len());
        if page.is_empty() {
            break;
        }
        listed.extend(page.iter().map(|listing| listing.address.key.to_string()));
    }
    ensure_eq!(listed, keys);
    ensure_eq!(subject.provider.actors(&tenant, &kind, None, 0).await?, Vec::new());
    ensure_eq!(subject.provider.actors(&tenant, &kind, Some("ä"), 9).await?, Vec::new());
    let unknown = Kind::new("unknown")?;
    ensure_eq!(subject.provider.actors(&tenant, &unknown, None, 9).await?, Vec::new());
    Ok(())
}

/// The newest frame alone says when an actor must be woken.
pub(super) async fn wakes_follow_the_newest_frame(subject: Subject) -> Check {
    let one = actor("one")?;
    for (expected, wake_at) in [(0, None), (1, Some(Timestamp(50))), (2, Some(Timestamp(40))), (3, None)] {
        let append = waking(&one, expected, wake_at)?;
        subject.try_append(append).await?;
        ensure_eq!(subject.provider.head(one.id()).await?.wake_at, wake_at);
        let expected: Vec<Wake> = wake_at.into_iter().map(|at| Wake { address: one.clone(), at }).collect();
        ensure_eq!(subject.provider.wakes().await?, expected);
    }
    Ok(())
}
