//! The threads on which actors run: the host's own, or those of the program that builds it.

use std::future::Future;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::task::JoinHandle;

use crate::actor::AskError;
use crate::sandbox::guest_calls;
use crate::vocab::{Code, Limits};

/// Stack of a thread on which guests run: theirs is in it.
const STACK_BYTES: usize = /* 2 MiB */ 2 * 1_024 * 1_024;
/// Threads that may wait for the store and the disk, beside those that hold guest calls which were stopped.
const BLOCKING_THREADS: usize = 512;
/// Every so-manieth task that is run was woken by another thread, if there are any: whoever comes from elsewhere does not
/// wait behind all that wake each other here.
const WOKEN_ELSEWHERE_EVERY: u32 = 2;

/// A runtime on which actors can run beside other tasks ([`HostBuilder::runtime`](super::HostBuilder::runtime)), to be built by
/// the caller: with one thread more than guest calls may run,
/// so that there is always one for everything else, and room for those that wait.
#[must_use]
pub fn threads(limits: &Limits) -> Builder {
    let begun = usize::try_from(limits.begun_guest_calls).unwrap_or(usize::MAX);
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(guest_calls(limits).saturating_add(1))
        .max_blocking_threads(BLOCKING_THREADS.saturating_add(begun))
        .thread_stack_size(STACK_BYTES)
        .global_queue_interval(WOKEN_ELSEWHERE_EVERY)
        .enable_all();
    builder
}

fn has_several_threads(runtime: &Handle) -> bool {
    runtime.runtime_flavor() == RuntimeFlavor::MultiThread && runtime.metrics().num_workers() > 1
}

/// What runs the tasks of a host.
pub(super) struct Threads {
    handle: Handle,
    /// Ended with the host.
    own: Option<Runtime>,
}

impl Threads {
    /// # Errors
    /// No threads, or none on which guests may run.
    pub(super) fn start(shared: Option<Handle>, limits: &Limits) -> Result<Self, AskError> {
        match shared {
            None => {
                let own = threads(limits).thread_name("greenroom-stage").build();
                let own = own.map_err(|error| AskError::Setup {
                    reason: format!("no threads for actors: {error}"),
                    code: Code::MachineLimit,
                })?;
                Ok(Self { handle: own.handle().clone(), own: Some(own) })
            }
            Some(handle) if has_several_threads(&handle) => Ok(Self { handle, own: None }),
            Some(_) => Err(AskError::Setup {
                reason: "guests cannot run on a runtime of one thread; name one of several, or none".to_owned(),
                code: Code::InvalidSetting,
            }),
        }
    }

    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(super) fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.handle.spawn(task)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            own.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_of_one_thread_is_refused() {
        let start = |runtime: &Runtime| Threads::start(Some(runtime.handle().clone()), &Limits::default());
        let one = Builder::new_current_thread().build().unwrap();
        assert!(matches!(start(&one), Err(AskError::Setup { code: Code::InvalidSetting, .. })));
        let alone = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        assert!(start(&alone).is_err());
        let several = threads(&Limits::default()).build().unwrap();
        assert!(start(&several).is_ok_and(|threads| threads.own.is_none()));
    }
}
