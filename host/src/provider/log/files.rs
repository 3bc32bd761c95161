//! Open segment files, a bounded number of them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::{Disk, DiskFile};
use super::segment;

/// Open files kept for readers; the system's limit is often 1,024 per process.
const OPEN_FILES_MAX: usize = 128;

/// Segment files by number, opened when first read.
#[derive(Debug)]
pub(super) struct Files {
    disk: Arc<dyn Disk>,
    open: Mutex<HashMap<u64, Arc<dyn DiskFile>>>,
}

impl Files {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, open: Mutex::default() }
    }

    /// The disk that they are on.
    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }

    /// A file's name with its directory, for messages.
    pub(super) fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.disk.place())
    }

    /// Remembers a file that is open anyway.
    pub(super) fn insert(&self, number: u64, file: Arc<dyn DiskFile>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= OPEN_FILES_MAX {
            // Any will do: it is opened again when it is needed, and readers that use it keep it.
            let some = open.keys().next().copied();
            some.and_then(|some| open.remove(&some));
        }
        open.insert(number, file);
    }

    /// Remembers the file that is being written, if it is not known yet.
    pub(super) fn ensure(&self, number: u64, file: &Arc<dyn DiskFile>) {
        let known = self.open.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&number);
        if !known {
            self.insert(number, Arc::clone(file));
        }
    }

    /// Every segment file and its length, prepared ones too.
    pub(super) fn segments(&self) -> io::Result<BTreeMap<u64, u64>> {
        let numbers = self.disk.names()?.into_iter().filter_map(|name| segment::number(&name));
        numbers.map(|number| Ok((number, self.disk.open(&segment::name(number))?.length()?))).collect()
    }

    /// Removes a segment's file, durably. Whoever reads it still may go on or find it gone.
    pub(super) fn remove(&self, number: u64) -> io::Result<()> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        self.disk.remove(&segment::name(number))?;
        self.disk.sync_names()
    }

    /// The file of a segment.
    pub(super) fn get(&self, number: u64) -> io::Result<Arc<dyn DiskFile>> {
        let known = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&number).map(Arc::clone);
        if let Some(file) = known {
            return Ok(file);
        }
        let file = self.disk.open(&segment::name(number))?;
        self.insert(number, Arc::clone(&file));
        Ok(file)
    }
}
