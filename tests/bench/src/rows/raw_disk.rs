//! References without Greenroom: what the disk and the page cache give to a loop that does nothing else.
#![expect(clippy::disallowed_methods, reason = "it measures the bare disk")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bench::{Bench, Round};
use crate::sample::Sample;

/// What one sync makes durable.
const BLOCK_BYTES: usize = /* 4 KiB */ 4 * 1_024;
/// What is read or prepared at once.
const CHUNK_BYTES: usize = /* 1 MiB */ 1_024 * 1_024;
/// The payload of one record of the scan.
const PAYLOAD_BYTES: usize = 100;
/// Length and checksum before each payload.
const PREFIX_BYTES: usize = 8;

/// A file of this size whose every block was written and synced, so that later syncs need not grow it.
///
/// # Errors
/// When the disk refuses.
pub(super) fn zeroed(path: &Path, bytes: u64) -> Result<File> {
    let file = File::options().read(true).write(true).create_new(true).open(path).context("creating a raw file")?;
    let zeros = vec![0; CHUNK_BYTES];
    let mut offset = 0;
    while offset < bytes {
        file.write_all_at(&zeros, offset).context("preparing a raw file")?;
        offset = offset.saturating_add(CHUNK_BYTES as u64);
    }
    file.sync_all().context("syncing a raw file")?;
    Ok(file)
}

/// Writes and syncs one block after the other.
pub(super) fn sync(bench: &Bench) -> Result<Vec<Sample>> {
    let dir = bench.dir()?;
    let bytes = bench.pace.raw_file_bytes;
    let file = zeroed(&dir.path().join("blocks"), bytes)?;
    let mut samples = Vec::new();
    let (mut offset, mut number) = (0, 0u64);
    for round in bench.pace.rounds() {
        let until = Instant::now() + bench.pace.length;
        let mut nanos = Vec::new();
        while Instant::now() < until {
            number = number.wrapping_add(1);
            let block: Vec<u8> = number.to_le_bytes().into_iter().cycle().take(BLOCK_BYTES).collect();
            let began = Instant::now();
            file.write_all_at(&block, offset)?;
            file.sync_data()?;
            nanos.push(nanoseconds(began.elapsed()));
            let mut back = vec![0; BLOCK_BYTES];
            file.read_exact_at(&mut back, offset)?;
            ensure!(back == block, "the file does not hold what was written");
            offset = offset.saturating_add(BLOCK_BYTES as u64) % bytes;
        }
        if round == Round::Counted {
            samples.push(Sample::percentiles(&mut nanos));
        }
    }
    Ok(samples)
}

/// Reads records from the start of a file to its end and verifies each.
pub(super) fn scan(bench: &Bench) -> Result<Vec<Sample>> {
    let dir = bench.dir()?;
    let path = dir.path().join("records");
    let records = bench.pace.replay_events;
    write_records(&path, records)?;
    let mut samples = Vec::new();
    for round in bench.pace.rounds() {
        let began = Instant::now();
        let found = scan_once(&path)?;
        let mut sample = Sample::rate(records, began.elapsed());
        sample.note("is", sample.figure * (PREFIX_BYTES + PAYLOAD_BYTES) as f64, "B/s");
        ensure!(found == records, "{records} records were written, {found} were read");
        if round == Round::Counted {
            samples.push(sample);
        }
    }
    Ok(samples)
}

fn write_records(path: &Path, records: u64) -> Result<()> {
    let file = File::options().write(true).create_new(true).open(path)?;
    let mut bytes = Vec::new();
    let mut offset = 0;
    for number in 0..records {
        let payload: Vec<u8> = number.to_le_bytes().into_iter().cycle().take(PAYLOAD_BYTES).collect();
        bytes.extend(u32::try_from(PAYLOAD_BYTES)?.to_le_bytes());
        bytes.extend(crc32c::crc32c(&payload).to_le_bytes());
        bytes.extend(payload);
        if bytes.len() >= CHUNK_BYTES || number.saturating_add(1) == records {
            file.write_all_at(&bytes, offset)?;
            offset = offset.saturating_add(bytes.len() as u64);
            bytes.clear();
        }
    }
    Ok(file.sync_all()?)
}

/// How many sound records there are.
fn scan_once(path: &Path) -> Result<u64> {
    let file = File::options().read(true).open(path)?;
    let (mut offset, mut records) = (0u64, 0u64);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read_at(&mut chunk, offset)?;
        let mut rest = chunk.get(..read).unwrap_or_default();
        while let Some((prefix, tail)) = rest.split_first_chunk::<PREFIX_BYTES>() {
            let (length, checksum) = (u64::from_le_bytes(*prefix) & 0xFFFF_FFFF, u64::from_le_bytes(*prefix) >> 32);
            let Some((payload, tail)) = tail.split_at_checked(usize::try_from(length)?) else { break };
            ensure!(u64::from(crc32c::crc32c(payload)) == checksum, "record {records} fails its checksum");
            records = records.saturating_add(1);
            rest = tail;
        }
        let used = read.saturating_sub(rest.len());
        if used == 0 {
            return Ok(records);
        }
        offset = offset.saturating_add(used as u64);
    }
}

/// A duration in whole nanoseconds.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
