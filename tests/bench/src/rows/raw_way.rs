//! Ways in which bytes come to be durable at a place of a pre-zeroed file. The embedded log goes the first one.
#![expect(clippy::disallowed_methods, reason = "it measures the bare disk")]

#[cfg(target_os = "linux")]
mod linux;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// `pwrite`, then `fdatasync`.
    PageCache,
    /// The same two in one submission to an io_uring, the second behind the first.
    Uring,
    /// `pwrite` of whole blocks with `O_DIRECT` and `O_DSYNC`: the last block is written again with what comes behind.
    Direct,
}

/// A file that is written to in one of the ways.
pub(super) trait Durable: Send {
    /// Writes `bytes` at `offset`, which is behind those before or at the beginning; they are durable when it returns.
    ///
    /// # Errors
    /// When the disk refuses.
    fn write(&mut self, bytes: &[u8], offset: u64) -> Result<()>;
}

struct PageCache(File);

impl Way {
    /// The zeroed file at `path`.
    ///
    /// # Errors
    /// When the system or the file's disk has no such way.
    pub(super) fn open(self, path: &Path) -> Result<Box<dyn Durable>> {
        let mut options = File::options();
        options.read(true).write(true);
        Ok(match self {
            Self::PageCache => Box::new(PageCache(options.open(path).context("opening a raw file")?)),
            #[cfg(target_os = "linux")]
            Self::Uring => Box::new(linux::Uring::open(&options, path)?),
            #[cfg(target_os = "linux")]
            Self::Direct => Box::new(linux::Direct::open(&mut options, path)?),
            #[cfg(not(target_os = "linux"))]
            Self::Uring | Self::Direct => anyhow::bail!("this system has no such way"),
        })
    }
}

impl Durable for PageCache {
    fn write(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        self.0.write_all_at(bytes, offset)?;
        Ok(self.0.sync_data()?)
    }
}
