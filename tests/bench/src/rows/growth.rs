//! What a durable ask costs as the store grows: the same asks of the same few actors, beside ever more that are stored.

use anyhow::{Context, Result};
use greenroom_host::provider::log::{LogProvider, LogSettings};

use super::durable::asked;
use super::open::{finish, large_store, start};
use crate::bench::Bench;
use crate::sample::Sample;
use crate::scene::{Scene, Threads};

/// Live actors that are asked.
const ASKED: usize = 100;
const IN_FLIGHT: usize = 64;

/// Asks `increment` in a store that holds so many other actors with ten events each; `None`: in the large store.
pub(super) fn run(bench: &Bench, stored: Option<u64>) -> Result<Vec<Sample>> {
    let own = bench.dir()?;
    let dir = match stored {
        Some(actors) => {
            finish(start(own.path(), "--probe-build", actors)?)?;
            own.path()
        }
        None => large_store(bench)?.path(),
    };
    bench.block_on(async {
        let provider = LogProvider::open(LogSettings::new(dir)).context("opening the store")?;
        let scene = Scene::over(Threads::Own, bench, provider, |_| {}).await?;
        asked(bench, scene, ASKED, IN_FLIGHT).await
    })
}
