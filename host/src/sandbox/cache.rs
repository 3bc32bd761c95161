//! Compiled code on disk, so that a restart does not compile again. Only code of components that were deployed comes here.
//!
//! Its bytes are bounded, also while the host runs: what nobody has deployed goes first, then the oldest.
//!
//! A file of native code is as trusted as the host itself: whoever could alter it could run anything. So every file
//! carries a keyed BLAKE3 of its content, with a random key that only the host's user can read, and a file that does
//! not match is not used. A crash leaves at worst a temporary file, or a file that does not match; both are replaced.
#![expect(clippy::disallowed_methods, reason = "the cache is not durable data: losing it costs a compilation")]

use std::collections::{BTreeSet, HashSet};
use std::fs::{OpenOptions, Permissions};
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::artifact;
use crate::vocab::Digest;

const KEY_BYTES: usize = 32;
const SEAL_BYTES: usize = 32;
const SUFFIX: &str = "cwasm";

/// A directory of compiled components.
#[derive(Debug)]
pub(super) struct Cache {
    directory: PathBuf,
    key: [u8; KEY_BYTES],
    /// How much all of its files may have.
    bytes_max: u64,
    /// Held while files are added and removed, so that nobody removes too many.
    writing: Mutex<()>,
}

impl Cache {
    /// Opens the directory, and makes it and its key where they are missing.
    pub(super) fn open(directory: &Path, bytes_max: u64) -> Result<Self, String> {
        let explain = |error: std::io::Error| format!("the code cache {} is not usable: {error}", directory.display());
        std::fs::create_dir_all(directory).map_err(explain)?;
        std::fs::set_permissions(directory, Permissions::from_mode(0o700)).map_err(explain)?;
        let key = load_or_make_key(&directory.join("key")).map_err(explain)?;
        remove_temporary(directory).map_err(explain)?;
        Ok(Self { directory: directory.to_owned(), key, bytes_max, writing: Mutex::default() })
    }

    /// The compiled code of the component with this digest, if it is here and unaltered.
    pub(super) fn load(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let path = self.path(engine, digest);
        let mut bytes = Vec::new();
        OpenOptions::new().read(true).open(&path).ok()?.read_to_end(&mut bytes).ok()?;
        let Some(code) = self.unseal(&path, &bytes) else {
            tracing::warn!(path = %path.display(), "a file of compiled code was altered or torn; compiling again");
            self.discard(&path);
            return None;
        };
        // The seal says that `code` is what the compiler gave this host's user, for this very engine configuration (it
        // is part of the file's name, which is sealed too), and nobody else has the key.
        match artifact::load(engine, code) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(path = %path.display(), error, "compiled code could not be loaded; compiling again");
                self.discard(&path);
                None
            }
        }
    }

    /// Keeps the code of the component with this digest, if it is not here; failing to is a warning, because it only costs
    /// the next start some time.
    pub(super) fn store(&self, digest: Digest, component: &Component) {
        let path = self.path(component.engine(), digest);
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is not sound was removed when it was read.
        if path.exists() {
            return;
        }
        let stored = component.serialize().map_err(|error| format!("{error:#}")).and_then(|code| {
            let seal = self.seal(&path, &code);
            replace(&path, &[seal.as_bytes(), &code]).map_err(|error| error.to_string())
        });
        if let Err(error) = stored {
            tracing::warn!(path = %path.display(), error, "compiled code could not be kept");
        }
    }

    /// Removes a file that is not sound, so that a sound one takes its place.
    fn discard(&self, path: &Path) {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = std::fs::remove_file(path) {
            tracing::warn!(path = %path.display(), %error, "a file that is not sound could not be removed");
        }
    }

    /// Removes files until the rest is within the bound: first what none of these components is made of, then the oldest.
    pub(super) fn prune(&self, engine: &Engine, deployed: &BTreeSet<Digest>) {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.remove_surplus(engine, deployed) {
            tracing::warn!(directory = %self.directory.display(), %error, "the code cache could not be cleared up");
        }
    }

    fn remove_surplus(&self, engine: &Engine, deployed: &BTreeSet<Digest>) -> std::io::Result<()> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == SUFFIX) {
                let about = entry.metadata()?;
                files.push((about.modified()?, entry.path(), about.len()));
            }
        }
        let mut bytes = files.iter().map(|(_, _, bytes)| *bytes).fold(0, u64::saturating_add);
        if bytes <= self.bytes_max {
            return Ok(());
        }
        let kept: HashSet<PathBuf> = deployed.iter().map(|digest| self.path(engine, *digest)).collect();
        files.sort_by_cached_key(|(at, path, _)| (kept.contains(path), *at));
        for (_, path, of_file) in files {
            if bytes <= self.bytes_max {
                break;
            }
            std::fs::remove_file(path)?;
            bytes = bytes.saturating_sub(of_file);
        }
        Ok(())
    }

    fn path(&self, engine: &Engine, digest: Digest) -> PathBuf {
        let mut key = Blake3Hasher(blake3::Hasher::new());
        key.write(&digest.0);
        engine.precompile_compatibility_hash().hash(&mut key);
        self.directory.join(key.0.finalize().to_hex().as_str()).with_extension(SUFFIX)
    }

    fn seal(&self, path: &Path, code: &[u8]) -> blake3::Hash {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        blake3::Hasher::new_keyed(&self.key).update(name).update(code).finalize()
    }

    fn unseal<'a>(&self, path: &Path, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (seal, code) = bytes.split_at_checked(SEAL_BYTES)?;
        let seal: [u8; SEAL_BYTES] = seal.try_into().ok()?;
        // `blake3::Hash` compares in constant time.
        (blake3::Hash::from_bytes(seal) == self.seal(path, code)).then_some(code)
    }
}

/// Feeds what is hashed to BLAKE3: 64 bits would not do for the name of native code.
struct Blake3Hasher(blake3::Hasher);

impl Hasher for Blake3Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let mut first = [0; 8];
        self.0.finalize_xof().fill(&mut first);
        u64::from_le_bytes(first)
    }
}

fn load_or_make_key(path: &Path) -> std::io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    match OpenOptions::new().read(true).open(path) {
        Ok(mut file) => file.read_exact(&mut key)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            OpenOptions::new().read(true).open("/dev/urandom")?.read_exact(&mut key)?;
            replace(path, &[&key])?;
        }
        Err(error) => return Err(error),
    }
    Ok(key)
}

/// Puts a file in place as a whole; readable by its owner only.
fn replace(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    std::fs::rename(temporary, path)
}

/// Removes temporary files of earlier processes.
fn remove_temporary(directory: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}
