//! The end of a store.

use bytes::Bytes;

use super::kit::{Check, Subject, actor, ensure, turn};
use crate::provider::{AppendError, ReadRange, StoreError};
use crate::vocab::Sequence;

/// P103: after closing, every call fails with the same error, and closing again does nothing.
pub(crate) async fn p103_a_closed_store_refuses_everything_and_closes_twice(subject: Subject) -> Check {
    let one = actor("one")?;
    let provider = &subject.provider;
    subject.append(&one, 0, 1).await?;
    provider.close().await?;
    provider.close().await?;
    let refused = subject.try_append(turn(&one, 1, 1)?).await;
    ensure!(matches!(refused, Err(AppendError::Failed(StoreError::Closed))), "{refused:?}");
    let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 1 };
    let closed = [
        provider.head(one.id()).await.is_err(),
        provider.read(one.id(), range).next().await.is_err(),
        provider.actors(&one.tenant, &one.kind, None, 1).await.is_err(),
        provider.wakes().await.is_err(),
        provider.load_snapshot(one.id(), Sequence::MAX).await.is_err(),
        provider.list_snapshots(one.id()).await.is_err(),
        provider.record("key").await.is_err(),
        provider.put_record("key", Bytes::new()).await.is_err(),
    ];
    ensure!(closed.iter().all(|closed| *closed), "still answers: {closed:?}");
    Ok(())
}
