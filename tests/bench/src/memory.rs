//! What this process takes.

use anyhow::{Context, Result};

/// This process's memory.
pub(crate) struct Memory {
    pub(crate) resident_bytes: u64,
    /// Pages that several mappings share (the guest's initial image) count once in all.
    pub(crate) proportional_bytes: u64,
}

/// The most that was resident at any moment of this process, bytes.
///
/// # Errors
/// When the system does not tell.
pub(crate) fn peak_bytes() -> Result<u64> {
    status("VmHWM:")
}

/// What is resident now, bytes. Unlike [`Memory::now`] it costs next to nothing.
///
/// # Errors
/// When the system does not tell.
pub(crate) fn resident_bytes() -> Result<u64> {
    status("VmRSS:")
}

fn status(name: &str) -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status").context("this system does not tell")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().context("not a size")?;
    Ok(kib.saturating_mul(1_024))
}

impl Memory {
    /// # Errors
    /// When the system does not tell.
    pub(crate) fn now() -> Result<Self> {
        let text = std::fs::read_to_string("/proc/self/smaps_rollup").context("this system does not tell")?;
        let kib = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
            let kib: u64 = line.trim().trim_end_matches(" kB").parse().context("not a size")?;
            anyhow::Ok(kib.saturating_mul(1_024))
        };
        Ok(Self { resident_bytes: kib("Rss:")?, proportional_bytes: kib("Pss:")? })
    }
}
