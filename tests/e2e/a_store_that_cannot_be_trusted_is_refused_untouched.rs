use std::path::PathBuf;

use anyhow::{Context, Result};
use greenroom_kit::{Server, ServerOptions};
use tempfile::TempDir;

use crate::setting::{Stage, read, server_binary, value, write_bytes};

/// Where a segment's header has its format number and its checksum; `docs/format.md` draws it.
const FORMAT: std::ops::Range<usize> = 8..12;
const HEADER_CHECKSUM: std::ops::Range<usize> = 60..64;
/// A byte within the first batch, which others follow.
const OLD_BYTE: usize = 200;

#[test]
fn a_store_that_fails_its_checksum_is_refused_untouched() -> Result<()> {
    refused_untouched("GR0063", |segment| {
        *segment.get_mut(OLD_BYTE).context("a short segment")? ^= 1;
        Ok(())
    })
}

#[test]
fn a_store_of_a_newer_format_is_refused_untouched() -> Result<()> {
    refused_untouched("GR0064", |segment| {
        segment.get_mut(FORMAT).context("a short segment")?.copy_from_slice(&u32::MAX.to_le_bytes());
        let sum = crc32c::crc32c(segment.get(..HEADER_CHECKSUM.start).context("a short segment")?);
        segment.get_mut(HEADER_CHECKSUM).context("a short segment")?.copy_from_slice(&sum.to_le_bytes());
        Ok(())
    })
}

/// Writes a store, changes its only segment, and starts a server on it: it says the code and the file, and leaves
/// every byte as it is.
fn refused_untouched(code: &str, change: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<()> {
    let dir = TempDir::new()?;
    let segment = written_store(&dir.path().join("data"))?;
    let mut bytes = read(&segment)?;
    change(&mut bytes)?;
    write_bytes(&segment, &bytes)?;

    let options = ServerOptions::new(server_binary(), dir.path().join("data"));
    let message = Server::start(options).map_or_else(|error| format!("{error:#}"), |_| "it started".to_owned());
    assert!(message.contains(code) && message.contains("00000000000000000001.log"), "{message}");
    assert!(read(&segment)? == bytes, "the file was touched");
    Ok(())
}

/// The segment of a store that a server has written and was killed over.
fn written_store(data: &std::path::Path) -> Result<PathBuf> {
    let mut stage = Stage::with_kinds(&["counter"])?;
    for expected in 1..=20 {
        assert_eq!(value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?, expected);
    }
    stage.server.kill()?;
    let name = "store/00000000000000000001.log";
    let segment = data.join(name);
    let folder = segment.parent().context("a file without folder")?;
    std::fs::create_dir_all(folder).context("no folder for the store")?;
    write_bytes(&segment, &read(&stage.server.data().join(name))?)?;
    Ok(segment)
}
