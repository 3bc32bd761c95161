//! A store's directory as verification sees it: nothing can be written through it.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::provider::log::disk::{Disk, DiskFile};

/// A directory of files that are only read.
pub trait StoreView: Debug + Send + Sync {
    /// Where this is, for messages.
    fn place(&self) -> String;

    /// The names of all files and folders.
    ///
    /// # Errors
    /// What the system said.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Opens a file for reading only.
    ///
    /// # Errors
    /// What the system said.
    fn open(&self, name: &str) -> io::Result<Box<dyn ViewFile>>;
}

/// A file that is only read.
pub trait ViewFile: Debug + Send {
    /// Its length now, bytes.
    ///
    /// # Errors
    /// What the system said.
    fn length(&self) -> io::Result<u64>;

    /// Fills `into` from the bytes at `at`.
    ///
    /// # Errors
    /// What the system said; `UnexpectedEof` when the file ends before.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()>;
}

/// The disk of a log that this process has open.
#[derive(Debug)]
pub struct DiskView(pub Arc<dyn Disk>);

#[derive(Debug)]
struct DiskViewFile(Arc<dyn DiskFile>);

impl StoreView for DiskView {
    fn place(&self) -> String {
        self.0.place()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn ViewFile>> {
        Ok(Box::new(DiskViewFile(self.0.open(name)?)))
    }
}

impl ViewFile for DiskViewFile {
    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.read_at(at, into)
    }
}

/// A directory of the machine. Nothing in it is created, not even what is missing.
#[derive(Debug)]
pub struct DirView {
    dir: PathBuf,
}

/// Who has a directory.
#[derive(Debug)]
pub enum Claim {
    /// We have it until this is dropped: no server can open the store meanwhile.
    Ours(DirClaim),
    /// Another process has the store open.
    Taken,
    /// There is no lock file, as in a copy of a store that was never opened: nobody has it, and nobody is kept out.
    Nobody,
}

/// A claim on a directory; dropping it gives the directory back.
#[derive(Debug)]
pub struct DirClaim(#[expect(dead_code, reason = "held, not used: closing it gives the claim back")] std::fs::File);

#[derive(Debug)]
struct DirFile(std::fs::File);

impl DirView {
    /// The directory `dir`, which must be there.
    ///
    /// # Errors
    /// What the system said.
    pub fn new(dir: &Path) -> io::Result<Self> {
        std::fs::read_dir(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Claims the directory as a server does, without creating or changing anything.
    ///
    /// # Errors
    /// What the system said.
    #[expect(clippy::disallowed_methods, reason = "this is a Disk's read-only half")]
    pub fn claim(&self) -> io::Result<Claim> {
        let file = match std::fs::File::open(self.dir.join(crate::provider::log::disk::LOCK_NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Claim::Nobody),
            file => file?,
        };
        match file.try_lock() {
            Ok(()) => Ok(Claim::Ours(DirClaim(file))),
            Err(std::fs::TryLockError::WouldBlock) => Ok(Claim::Taken),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

impl StoreView for DirView {
    fn place(&self) -> String {
        self.dir.display().to_string()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.dir)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    #[expect(clippy::disallowed_methods, reason = "this is a Disk's read-only half")]
    fn open(&self, name: &str) -> io::Result<Box<dyn ViewFile>> {
        Ok(Box::new(DirFile(std::fs::File::open(self.dir.join(name))?)))
    }
}

impl ViewFile for DirFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, into, at)
    }
}
