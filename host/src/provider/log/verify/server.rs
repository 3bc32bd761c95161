//! An open log verifies itself, on a thread of its own.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;

use tokio::sync::mpsc;

use super::{OpenView, VerifySettings, verify};
use crate::provider::log::disk::{Disk, IndexStore};
use crate::provider::log::writer::io_error;
use crate::provider::{VerifyFeed, VerifyMode, VerifyRefusal};

/// Lines that wait for a slow reader; with more of them the walk waits, too.
const FEED_LINES_MAX: usize = 64;

/// Whether a verification runs. There is one at a time: it bounds the share of the disk, and the memory.
#[derive(Debug, Default)]
pub(in crate::provider::log) struct UnderWay(Arc<AtomicBool>);

/// Held by the verification; dropping it lets the next one begin, also after a panic.
struct Turn(Arc<AtomicBool>);

impl UnderWay {
    fn begin(&self) -> Option<Turn> {
        let was = self.0.swap(true, Ordering::AcqRel);
        (!was).then(|| Turn(Arc::clone(&self.0)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Begins to verify the log on this disk, which this process has open. A reader that leaves ends it at the next line.
pub(in crate::provider::log) fn begin(
    under_way: &UnderWay,
    disk: Arc<dyn Disk>,
    index: impl FnOnce() -> Result<Arc<dyn IndexStore>, &'static str> + Send + 'static,
) -> Result<VerifyFeed, VerifyRefusal> {
    let turn = under_way.begin().ok_or(VerifyRefusal::UnderWay)?;
    let (told, lines) = mpsc::channel(FEED_LINES_MAX);
    let place = disk.place();
    let thread = Builder::new().name("greenroom-verify".to_owned()).spawn(move || {
        let _turn = turn;
        let mut listen = |line| match told.blocking_send(Ok(line)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        let ended = verify(&OpenView::new(disk, index()), &VerifySettings::new(VerifyMode::Server), &mut listen);
        if let Err(error) = ended {
            // Nobody is left to be told when the reader is gone.
            let _gone = told.blocking_send(Err(error));
        }
    });
    // It ends by itself: with the walk, or with its reader.
    thread.map_err(|error| io_error("starting the verification", &place, &error))?;
    Ok(VerifyFeed::new(lines))
}
