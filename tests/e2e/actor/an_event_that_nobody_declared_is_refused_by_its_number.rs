use std::sync::Arc;

use anyhow::Result;
use greenroom_host::frame::{Column, EventColumns, Frame, FrameParts};
use greenroom_host::provider::Append;
use greenroom_host::vocab::{Code, RevisionId, Sequence, Timestamp};
use greenroom_kit::TestHost;

use super::scene::{add_each, get, passivate, probe, refusal};

/// L34: a type index that its writer never declared, and a writer that nobody knows, end the recovery.
#[tokio::test]
async fn an_event_that_nobody_declared_is_refused_by_its_number() -> Result<()> {
    let host = probe().await?;
    for (key, revision, index) in [("index", 1, 9), ("revision", 99, 0)] {
        add_each(&host, key, 2).await?;
        passivate(&host, key).await?;
        forge(&host, key, revision, index).await?;
        let (code, words) = refusal(get(&host, key).await)?;
        assert_eq!(code, Code::UnknownEventType, "{key}");
        assert!(words.contains("event 4") || (key == "revision" && words.contains("event 3")), "{key}: {words}");
    }
    Ok(())
}

/// Stores a sound frame with two events, the second of which is of this type.
async fn forge(host: &TestHost, key: &str, revision: u32, index: u16) -> Result<()> {
    let mut payloads = Column::default();
    payloads.push(&[1]);
    payloads.push(&[1]);
    let events = EventColumns { types: vec![0, index], payloads };
    let parts = FrameParts {
        actor: host.id(key)?,
        first: Sequence(3),
        time: Timestamp(1),
        wake_at: None,
        revision: RevisionId(revision),
        events: &events,
        effects: &[],
        keys: &[],
    };
    let address = Arc::new(host.address(key)?);
    let append = Append { address, expected: Sequence(2), frame: Frame::encode(&parts)? };
    host.store.inner().append(append).await?;
    Ok(())
}
