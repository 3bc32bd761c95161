//! What Linux has beside `pwrite` and `fdatasync`.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use io_uring::squeue::Flags;
use io_uring::types::{Fd, FsyncFlags};
use io_uring::{IoUring, opcode};
use rustix::fs::OFlags;

use super::Durable;

/// What is written around the page cache begins and ends at multiples of this, in the file and in memory.
const BLOCK_BYTES: usize = /* 4 KiB */ 4 * 1_024;

pub(super) struct Uring {
    file: File,
    ring: IoUring,
}

pub(super) struct Direct {
    file: File,
    blocks: Blocks,
}

/// Whole blocks, in memory that may be written around the page cache.
#[derive(Default)]
struct Blocks {
    /// With a block to spare, so that an aligned place is in it.
    memory: Vec<u8>,
    /// What is in the last, unfinished block.
    rest: Vec<u8>,
    /// Where the next bytes go.
    end: u64,
}

impl Uring {
    /// # Errors
    /// When the system has no io_uring.
    pub(super) fn open(options: &OpenOptions, path: &Path) -> Result<Self> {
        Ok(Self {
            file: options.open(path).context("opening a raw file")?,
            ring: IoUring::new(2).context("no io_uring")?,
        })
    }
}

impl Direct {
    /// # Errors
    /// When the file's disk cannot be written around the page cache.
    pub(super) fn open(options: &mut OpenOptions, path: &Path) -> Result<Self> {
        options.custom_flags((OFlags::DIRECT | OFlags::DSYNC).bits().cast_signed());
        Ok(Self { file: options.open(path).context("opening a raw file")?, blocks: Blocks::default() })
    }
}

impl Durable for Uring {
    fn write(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        submit(&mut self.ring, &self.file, bytes, offset)
    }
}

impl Durable for Direct {
    fn write(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        let (place, whole) = self.blocks.fill(bytes, offset)?;
        Ok(self.file.write_all_at(whole, place)?)
    }
}

#[expect(unsafe_code, reason = "an io_uring takes addresses")]
fn submit(ring: &mut IoUring, file: &File, bytes: &[u8], offset: u64) -> Result<()> {
    let fd = Fd(file.as_raw_fd());
    let length = u32::try_from(bytes.len()).context("a batch of more than 4 GiB")?;
    let write = opcode::Write::new(fd, bytes.as_ptr(), length).offset(offset).build().flags(Flags::IO_LINK);
    let sync = opcode::Fsync::new(fd).flags(FsyncFlags::DATASYNC).build();
    // SAFETY: the file and the bytes are borrowed until both operations have ended: nothing below returns before that.
    unsafe { ring.submission().push_multiple(&[write, sync]) }.context("the ring is full")?;
    let mut results: Vec<i32> = Vec::new();
    while results.len() < 2 {
        if let Err(error) = ring.submit_and_wait(2 - results.len())
            && error.kind() != std::io::ErrorKind::Interrupted
        {
            // Whether the kernel still reads the bytes is unknown: there is no going on.
            eprintln!("the ring failed: {error}");
            std::process::abort();
        }
        results.extend(ring.completion().map(|ended| ended.result()));
    }
    // What is written in part breaks the link, so that nothing is synced.
    ensure!(results == [bytes.len().try_into()?, 0], "the ring came back with {results:?}");
    Ok(())
}

impl Blocks {
    /// The blocks that hold these bytes at this place and what was before them, and where they go.
    fn fill(&mut self, bytes: &[u8], offset: u64) -> Result<(u64, &[u8])> {
        if offset != self.end {
            ensure!(offset == 0, "bytes at {offset} are not behind those that end at {}", self.end);
            self.rest.clear();
        }
        let place = offset - self.rest.len() as u64;
        let used = self.rest.len() + bytes.len();
        let length = used.next_multiple_of(BLOCK_BYTES);
        self.memory.resize(self.memory.len().max(length + BLOCK_BYTES), 0);
        let start = self.memory.as_ptr().align_offset(BLOCK_BYTES);
        let whole = self.memory.get_mut(start..start + length).context("no aligned memory")?;
        let (before, behind) = whole.split_at_mut(self.rest.len());
        before.copy_from_slice(&self.rest);
        let (new, zeros) = behind.split_at_mut(bytes.len());
        new.copy_from_slice(bytes);
        zeros.fill(0);
        let finished = used / BLOCK_BYTES * BLOCK_BYTES;
        self.rest.clear();
        self.rest.extend_from_slice(whole.get(finished..used).context("no rest")?);
        self.end = offset + bytes.len() as u64;
        Ok((place, whole))
    }
}
