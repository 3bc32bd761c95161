use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use greenroom_host::frame::Frame;
use greenroom_host::provider::memory::MemoryProvider;
use greenroom_host::provider::{Append, ReadRange};
use greenroom_host::vocab::{ManualClock, Sequence, Timestamp};
use greenroom_kit::{FaultyProvider, TestHost, guest, settings};
use serde_json::{Value, json};

use super::scene::{eventually, passivate, snapshots};

/// The revisions of `examples/evolution`, the first one first.
const REVISIONS: [&str; 3] = ["cart-v1", "cart-v2", "cart-v3"];
/// What a host stored when each of them ran, a frame a line.
const FRAMES: [&str; 3] = [
    include_str!("../../../examples/evolution/golden/cart-v1.frames"),
    include_str!("../../../examples/evolution/golden/cart-v2.frames"),
    include_str!("../../../examples/evolution/golden/cart-v3.frames"),
];
/// The same events as the SDK's test kit reads them.
const EVENTS: [&str; 3] = [
    include_str!("../../../examples/evolution/golden/cart-v1.events"),
    include_str!("../../../examples/evolution/golden/cart-v2.events"),
    include_str!("../../../examples/evolution/golden/cart-v3.events"),
];

/// What was asked of each revision.
fn commands(writer: usize) -> Vec<(&'static str, Value)> {
    match writer {
        0 => vec![
            ("greet", json!({ "name": "Ada" })),
            ("add", json!({ "item": "tea", "count": 2 })),
            ("note", json!({ "text": "a gift" })),
            ("clear", Value::Null),
            ("add", json!({ "item": "tea", "count": 3 })),
            ("add", json!({ "item": "cup", "count": 0 })),
        ],
        1 => vec![
            ("greet", json!({ "name": "Bo" })),
            ("add", json!({ "item": "tea", "count": 2, "cents": 300 })),
            ("add", json!({ "item": "pen", "count": 1 })),
            ("note", json!({ "text": "by post", "by": "Bo" })),
        ],
        _ => vec![
            ("add", json!({ "item": "tea", "count": 2, "cents": 300 })),
            ("clear", Value::Null),
            ("add", json!({ "item": "pen", "count": 1, "cents": 50 })),
            ("note", json!({ "text": "by hand", "by": "Cy" })),
        ],
    }
}

/// The state that a reader makes of what a writer stored.
fn expected(writer: usize, reader: usize) -> Value {
    let line = |pieces: u32, cents: u64| json!({ "pieces": pieces, "cents": cents });
    let (lines, note, by, total) = match writer {
        0 if reader == 0 => return json!({ "pieces": { "cup": 0, "tea": 3 }, "note": "a gift" }),
        0 if reader == 1 => (json!({ "cup": line(0, 0), "tea": line(3, 0) }), "a gift", "", 0),
        0 => (json!({ "tea": line(3, 0) }), "a gift", "", 0),
        1 => (json!({ "pen": line(1, 0), "tea": line(2, 600) }), "by post", "Bo", 600),
        _ => (json!({ "pen": line(1, 50) }), "by hand", "Cy", 50),
    };
    if reader == 1 {
        return json!({ "lines": lines, "note": note, "noted_by": by });
    }
    json!({ "lines": lines, "note": note, "noted_by": by, "total_cents": total })
}

/// An empty store whose kind `cart` has the revisions up to this one, so that their ids are those in the frames.
async fn with_revisions_up_to(last: usize) -> Result<TestHost> {
    let store = FaultyProvider::new(MemoryProvider::new());
    let clock = Arc::new(ManualClock::new(Timestamp(1_750_000_000_000)));
    let host = TestHost::over("cart", store, settings(), Some(clock)).await?;
    deploy(&host, 0, last).await?;
    Ok(host)
}

async fn deploy(host: &TestHost, first: usize, last: usize) -> Result<()> {
    for (number, revision) in (1..).zip(REVISIONS).skip(first).take(last + 1 - first) {
        ensure!(host.deploy("cart", &guest(revision)?).await?.revision == number, "{revision} has another number");
    }
    Ok(())
}

fn frames(writer: usize) -> Result<Vec<Frame>> {
    let golden = FRAMES.get(writer).context("a golden journal")?;
    golden.lines().map(|line| Ok(Frame::decode(Bytes::from(bytes(line)?))?)).collect()
}

fn bytes(line: &str) -> Result<Vec<u8>> {
    let pairs = (0..line.len()).step_by(2).map(|at| line.get(at..at + 2).unwrap_or_default());
    pairs.map(|pair| Ok(u8::from_str_radix(pair, 16)?)).collect()
}

async fn stored(host: &TestHost, key: &str) -> Result<Vec<Frame>> {
    let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 1_024 };
    let mut reader = host.store.inner().read(host.id(key)?, range);
    let mut frames = Vec::new();
    while let Some(more) = reader.next().await? {
        frames.extend(more);
    }
    Ok(frames)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// L103, L105: every revision makes the same state of every golden journal, from the first event.
#[tokio::test]
async fn every_revision_replays_what_earlier_ones_wrote() -> Result<()> {
    for writer in 0..REVISIONS.len() {
        for reader in writer..REVISIONS.len() {
            let host = with_revisions_up_to(writer).await?;
            let address = Arc::new(host.address("golden")?);
            let mut expected_at = Sequence::ZERO;
            for frame in frames(writer)? {
                let last = frame.header().last();
                let append = Append { address: Arc::clone(&address), expected: expected_at, frame };
                host.store.inner().append(append).await?;
                expected_at = last;
            }
            deploy(&host, writer + 1, reader).await?;
            assert_eq!(host.state("golden").await?, expected(writer, reader), "{writer} read by {reader}");
            assert_eq!(host.ask("golden", "show", Value::Null).await?, expected(writer, reader));
            assert_eq!(usize::try_from(host.actor("golden")?.status().await?.revision)?, reader + 1);
        }
    }
    Ok(())
}

/// Both forms of a golden journal are what today's build of that revision stores, byte for byte.
#[tokio::test]
async fn the_golden_journals_are_written_again() -> Result<()> {
    for writer in 0..REVISIONS.len() {
        let host = with_revisions_up_to(writer).await?;
        for (name, payload) in commands(writer) {
            host.ask("golden", name, payload).await?;
        }
        let frames = stored(&host, "golden").await?;
        let text: String = frames.iter().map(|frame| hexadecimal(frame.bytes()) + "\n").collect();
        assert_eq!(text, FRAMES[writer], "{}", REVISIONS[writer]);
        let types = host.host.revisions(&address_tenant(), &kind()?).await?;
        let types = &types.last().context("a revision")?.manifest.events;
        let events = frames.iter().flat_map(Frame::events).map(|(index, payload)| {
            let event = &types[usize::from(index)];
            format!("{} v{} {}", event.name, event.version, hexadecimal(payload)).trim_end().to_owned() + "\n"
        });
        assert_eq!(events.collect::<String>(), EVENTS[writer], "{}", REVISIONS[writer]);
    }
    Ok(())
}

/// L104, L105: a snapshot of an earlier revision is migrated, or refused and replayed: the state is the same.
#[tokio::test]
async fn snapshots_of_earlier_revisions_lead_to_the_same_state() -> Result<()> {
    for (writer, reader, base) in [(0, 1, Some(3)), (1, 2, Some(3)), (0, 2, None)] {
        let host = with_revisions_up_to(writer).await?;
        for (at, (name, payload)) in (1..).zip(commands(writer)) {
            host.ask("golden", name, payload).await?;
            if at == 3 {
                host.actor("golden")?.snapshot().await?;
            }
        }
        assert_eq!(snapshots(&host, "golden").await?, [3]);
        passivate(&host, "golden").await?;
        deploy(&host, writer + 1, reader).await?;
        assert_eq!(host.ask("golden", "show", Value::Null).await?, expected(writer, reader), "{writer}, {reader}");
        let recovery = host.actor("golden")?.status().await?.recovery.context("it recovered")?;
        assert_eq!(recovery.from_snapshot, base, "{writer} read by {reader}");
    }
    Ok(())
}

/// Three revisions one after the other under one live actor, each adding to what the others stored.
#[tokio::test]
async fn one_cart_lives_through_all_revisions() -> Result<()> {
    let host = with_revisions_up_to(0).await?;
    for writer in 0..REVISIONS.len() {
        if writer > 0 {
            deploy(&host, writer, writer).await?;
            let number = u32::try_from(writer + 1)?;
            eventually("the revision runs", async || {
                host.ask("ada", "show", Value::Null).await?;
                Ok(host.actor("ada")?.status().await?.revision == number)
            })
            .await?;
        }
        for (name, payload) in commands(writer) {
            host.ask("ada", name, payload).await?;
        }
    }
    let shown = host.ask("ada", "show", Value::Null).await?;
    assert_eq!(shown, expected(2, 2), "the clear of the third revision took the rest away");
    assert_eq!(host.state("ada").await?, shown);
    let at = host.actor("ada")?.state(Some(Sequence(10))).await?;
    let at: Value = serde_json::from_str(at.state.get())?;
    // tea: 3 of the first revision, 2 of the second at 300.
    assert_eq!(at.pointer("/lines/tea"), Some(&json!({ "pieces": 5, "cents": 600 })), "{at}");
    Ok(())
}

fn address_tenant() -> greenroom_host::vocab::Tenant {
    greenroom_host::vocab::Tenant::default_tenant()
}

fn kind() -> Result<greenroom_host::vocab::Kind> {
    Ok(greenroom_host::vocab::Kind::new("cart")?)
}
