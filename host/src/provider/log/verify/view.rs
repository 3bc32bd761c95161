//! A store's directory as verification sees it: nothing can be written through it.

use std::borrow::Cow;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::provider::VerifyMode;
use crate::provider::log::disk::{
    Disk, DiskFile, INDEX_NAME, IndexMemory, IndexStore, IndexView, RealDisk, is_useless,
};

/// What a copied index may take of memory; it is not written to.
const COPY_MEMORY: IndexMemory =
    IndexMemory { cache_bytes: /* 16 MiB */ 16 * 1_024 * 1_024, write_bytes: /* 1 MiB */ 1_024 * 1_024 };

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

    /// The index, for a look in this mode.
    fn index(&self, mode: VerifyMode) -> IndexLook;
}

/// The index beside a store, or why it is not looked at.
#[expect(missing_debug_implementations, reason = "a view of a database has nothing to show")]
pub enum IndexLook {
    /// There is a reason not to, which says nothing about it.
    Skipped(Cow<'static, str>),
    /// It is there, and its bytes make no sense.
    Failed(io::Error),
    /// As it is at this moment.
    Open(Box<dyn IndexView>),
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

    fn index(&self, _: VerifyMode) -> IndexLook {
        IndexLook::Skipped("only the files were looked at".into())
    }
}

/// A log that this process has open, with its index.
#[derive(Debug)]
pub struct OpenView {
    disk: DiskView,
    index: Result<Arc<dyn IndexStore>, &'static str>,
}

impl OpenView {
    /// The log on this disk; its index, or why that is not looked at.
    pub fn new(disk: Arc<dyn Disk>, index: Result<Arc<dyn IndexStore>, &'static str>) -> Self {
        Self { disk: DiskView(disk), index }
    }
}

impl StoreView for OpenView {
    fn place(&self) -> String {
        self.disk.place()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.disk.names()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn ViewFile>> {
        self.disk.open(name)
    }

    fn index(&self, _: VerifyMode) -> IndexLook {
        match &self.index {
            Ok(store) => IndexLook::Open(store.view()),
            Err(why) => IndexLook::Skipped((*why).into()),
        }
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
    copy: Option<Copied>,
}

/// What became of copying the index.
#[derive(Debug)]
enum Copied {
    Open(IndexCopy),
    /// It could not be copied, or the copy not used: why. That is no fault of the index.
    Failed(String),
    /// What was copied is no index, or damaged.
    Useless(io::Error),
}

/// A private copy of the index: its database cannot be opened without being written to.
#[derive(Debug)]
struct IndexCopy {
    /// Dropped before its directory.
    store: Arc<dyn IndexStore>,
    _dir: CopyDir,
}

/// Removed with all that is in it.
#[derive(Debug)]
struct CopyDir(PathBuf);

impl Drop for CopyDir {
    fn drop(&mut self) {
        // It is in a directory for temporary files: what cannot be removed is nobody's loss.
        let _kept = std::fs::remove_dir_all(&self.0);
    }
}

/// A directory that was not there before and that only its owner can look into: everybody can write where it is made.
fn new_dir(dir: PathBuf) -> io::Result<CopyDir> {
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&dir)?;
    Ok(CopyDir(dir))
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
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
        Ok(Self { dir: dir.to_owned(), copy: None })
    }

    /// Copies the index, if there is one, into a new directory below `temporary`, so that it can be compared. The store must be
    /// claimed. The copy is removed when this is dropped; it takes as much space as the index.
    #[must_use]
    pub fn with_index_copied_to(self, temporary: &Path) -> Self {
        let index = self.dir.join(INDEX_NAME);
        if !index.is_dir() {
            return self;
        }
        let dir = temporary.join(format!("greenroom-verify-{}-{}", std::process::id(), self.number()));
        let failed = |error: &io::Error| {
            let place = temporary.display();
            Copied::Failed(format!(
                "its copy in {place} could not be made or used ({error}); TMPDIR names another place"
            ))
        };
        let copied = new_dir(dir).and_then(|dir| copy_all(&index, &dir.0.join(INDEX_NAME)).map(|()| dir));
        let copy = match copied {
            Err(error) => failed(&error),
            Ok(dir) => match RealDisk::new(&dir.0).and_then(|disk| disk.open_index(COPY_MEMORY)) {
                Ok(store) => Copied::Open(IndexCopy { store, _dir: dir }),
                Err(error) if is_useless(&error) => Copied::Useless(error),
                Err(error) => failed(&error),
            },
        };
        Self { copy: Some(copy), ..self }
    }

    /// Tells the copies of one process apart.
    fn number(&self) -> u64 {
        static COPIES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        COPIES.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
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
        let path = self.dir.join(name);
        // Opening a pipe would wait for whoever writes into it.
        if !std::fs::metadata(&path)?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        Ok(Box::new(DirFile(std::fs::File::open(path)?)))
    }

    fn index(&self, mode: VerifyMode) -> IndexLook {
        match (&self.copy, mode) {
            (_, VerifyMode::Online) => {
                IndexLook::Skipped("a server has it open; ask the server (--url) to compare it".into())
            }
            (None, _) => IndexLook::Skipped("there is none, or no copy of it was made".into()),
            (Some(Copied::Open(copy)), _) => IndexLook::Open(copy.store.view()),
            (Some(Copied::Failed(why)), _) => IndexLook::Skipped(why.clone().into()),
            (Some(Copied::Useless(error)), _) => IndexLook::Failed(io::Error::new(error.kind(), error.to_string())),
        }
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
