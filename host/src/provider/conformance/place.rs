//! What someone who writes a provider tells the kit: where a store lies, and what may be done to it.

use futures_util::future::BoxFuture;

use super::kit::Failure;
use crate::provider::{Durability, SharedProvider, StoreError};

/// Something that a provider's tests may offer. What is declined is a gap, shown with its sentence, never silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer<T> {
    /// Here it is.
    Offered(T),
    /// Why not.
    Declined(&'static str),
}

impl<T> Offer<T> {
    /// What is offered, or the gap that ends a check.
    ///
    /// # Errors
    /// The gap.
    pub fn offered(self) -> Result<T, Failure> {
        match self {
            Self::Offered(value) => Ok(value),
            Self::Declined(why) => Err(Failure::gap(why)),
        }
    }
}

/// Whether two handles may be open on one store at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handles {
    /// Any number, in this process or in several: all see the same store.
    Shared,
    /// One; while it is open, opening another one fails with [`StoreError::Locked`].
    Exclusive,
}

/// Where one store lies: a directory, a schema of a database. New and empty when the kit gets it.
///
/// Only the first two methods must be written; every other one lets more be checked.
pub trait Place: Send + Sync + 'static {
    /// Opens the store that lies here; again after it was closed, dropped or killed.
    fn open(&self) -> BoxFuture<'_, Result<SharedProvider, StoreError>>;

    /// The largest frame, snapshot (state and ledger) or catalog record (key and value) that it takes, bytes.
    fn record_bytes_max(&self) -> usize;

    /// What an acknowledgement is worth.
    fn durability(&self) -> Durability {
        Durability::Sync
    }

    /// Whether the store is there again when it is opened after a close.
    fn reopens(&self) -> Offer<()> {
        Offer::Offered(())
    }

    /// What opening it twice comes to.
    fn handles(&self) -> Offer<Handles> {
        Offer::Declined("the tests of this provider do not say whether two handles may be open")
    }

    /// The place as a killed process leaves it. Every handle was dropped without being closed.
    fn after_kill(&self) -> Offer<Box<dyn Place>> {
        Offer::Declined("the tests of this provider cannot kill its process")
    }

    /// The place as a power cut leaves it; what was not synced survives in parts that follow from `seed`.
    fn after_power_cut(&self, seed: u64) -> Offer<Box<dyn Place>> {
        let _unused = seed;
        Offer::Declined("the tests of this provider cannot simulate a power cut")
    }

    /// Faults on request.
    fn faults(&self) -> Offer<&dyn Faults> {
        Offer::Declined("the tests of this provider cannot make its storage fail")
    }

    /// Bytes that the store occupies, after it gave back what it can.
    fn used_bytes(&self) -> BoxFuture<'_, Offer<u64>> {
        Box::pin(async { Offer::Declined("the tests of this provider do not measure the space that it takes") })
    }

    /// The place with a store in it whose format is newer than this program knows.
    fn of_a_newer_format(&self) -> Offer<Box<dyn Place>> {
        Offer::Declined("the tests of this provider cannot make a store of a newer format")
    }

    /// Every byte that is stored, or a digest of it: equal as long as nothing was modified.
    fn fingerprint(&self) -> Offer<Vec<u8>> {
        Offer::Declined("the tests of this provider cannot look at its bytes")
    }
}

/// How a storage call fails. It returns an error in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing of it was done.
    Before,
    /// A part of it was done.
    Halfway,
    /// All of it was done.
    After,
}

/// Makes storage fail. A storage call is one write, sync, statement or request that can change what is stored.
///
/// Calls are numbered from 1 and in the order of the history; the same history makes the same calls.
pub trait Faults: Send + Sync {
    /// Storage calls so far.
    fn calls(&self) -> u64;

    /// The storage call with this number fails; those after it do not.
    fn fail(&self, call: u64, fault: Fault);

    /// From the storage call with this number on, nothing is done any more: the process or the power is gone.
    fn cut(&self, call: u64) -> Offer<()>;

    /// The next `count` reads of what is stored fail.
    fn fail_reads(&self, count: u32) -> Offer<()>;

    /// Flips a bit in every stored copy of these bytes; how many there were.
    fn corrupt(&self, marker: &[u8]) -> Offer<usize>;

    /// Takes all free space away, or gives it back.
    fn fill(&self, space: Space) -> Offer<()>;

    /// Lets storage calls wait, or go on.
    fn hold(&self, hold: Hold) -> Offer<()>;
}

/// Whether there is room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// Nothing more fits.
    Full,
    /// There is room.
    Free,
}

/// Whether storage calls go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// They wait, before anything of them is done.
    Waiting,
    /// They go on.
    Going,
}
