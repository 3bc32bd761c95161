//! Several writers: two handles on one store, and a writer that has fallen behind.

use std::sync::Arc;

use futures_util::future::join;

use super::kit::{Check, Subject, actor, ensure, ensure_eq, events, frame, turn};
use super::place::Handles;
use crate::provider::{Append, AppendError, StoreError};
use crate::vocab::{Address, Sequence};

/// Another turn than the usual one at the place behind `expected`.
fn other_turn(address: &Arc<Address>, expected: u64) -> Result<Append, super::Failure> {
    let frame = frame(address, expected + 1, &events(500, 2))?;
    Ok(Append { address: Arc::clone(address), expected: Sequence(expected), frame })
}

/// P10, P22: neither handle believes what it remembers more than what is stored.
pub(super) async fn p10_p22_two_handles_see_one_store_and_still_conflict(subject: Subject) -> Check {
    let other = subject.sharing().await?;
    let one = actor("one")?;
    subject.append(&one, 0, 3).await?;
    ensure_eq!(other.head(one.id()).await?, 3);
    ensure_eq!(other.all(one.id()).await?, events(1, 3));
    subject.append(&one, 3, 2).await?;
    let stale = other.try_append(other_turn(&one, 3)?).await;
    let right = matches!(stale, Err(AppendError::Conflict { expected: Sequence(3), actual: Sequence(5), .. }));
    ensure!(right, "a stale handle is told {stale:?}");
    ensure_eq!(other.append(&one, 3, 2).await?, 5);
    let rivals = join(subject.try_append(turn(&one, 5, 2)?), other.try_append(other_turn(&one, 5)?)).await;
    let wins = usize::from(rivals.0.is_ok()) + usize::from(rivals.1.is_ok());
    ensure!(wins == 1, "{wins} of two rivals won: {rivals:?}");
    ensure_eq!((subject.head(one.id()).await?, other.head(one.id()).await?), (7, 7));
    ensure_eq!(subject.frames(one.id()).await?, other.frames(one.id()).await?);
    other.save(&one, 7, b"state").await?;
    ensure_eq!(subject.newest(one.id(), 7).await?, Some((7, b"state".to_vec())));
    Ok(())
}

/// P35: whoever decided on an older journal is refused at every place, until it reads what there is.
pub(super) async fn p35_a_writer_that_fell_behind_is_refused(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 2).await?;
    // Two writers recover at 2; the newer one writes.
    subject.append(&one, 2, 5).await?;
    for expected in [2, 3, 4, 6] {
        let refused = subject.try_append(other_turn(&one, expected)?).await;
        match refused {
            Err(AppendError::Conflict { expected: stated, actual, .. }) => {
                ensure_eq!((stated.0, actual.0), (expected, 7));
            }
            other => ensure!(false, "a writer that fell behind is told {other:?}"),
        }
    }
    ensure_eq!(subject.all(one.id()).await?, events(1, 7));
    Ok(())
}

/// P103: a second handle is refused and harms nothing, or sees the same store and closes for itself.
pub(super) async fn p103_a_second_handle_sees_the_store_or_is_refused(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 1).await?;
    match subject.place.handles().offered()? {
        Handles::Exclusive => {
            let second = subject.place.open().await.map(|_| ());
            ensure!(matches!(second, Err(StoreError::Locked { .. })), "a second handle is told {second:?}");
        }
        Handles::Shared => {
            let second = subject.place.open().await?;
            ensure_eq!(second.head(one.id()).await?.sequence, Sequence(1));
            second.close().await?;
        }
    }
    subject.append(&one, 1, 1).await?;
    ensure_eq!(subject.all(one.id()).await?, events(1, 2));
    let again = subject.reopened().await?;
    ensure_eq!(again.head(one.id()).await?, 2);
    Ok(())
}
