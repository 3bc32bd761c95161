//! Runs checks: one by its name for a test, or all of them for the table.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::runtime::Builder;

use super::kit::{Failure, MakePlace, Subject};
use super::{CHECKS, NamedCheck, Place};

/// A check that takes longer hangs: nothing here is expected to take more than seconds.
const HANG_AFTER: Duration = Duration::from_secs(240);

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The promise is kept.
    Kept,
    /// It was not tried, or only in part, for this reason.
    Gap(String),
    /// It is broken, in this way.
    Broken(String),
}

/// Runs the check of this name on a new place; fails the test that calls it when the promise is broken.
///
/// A gap is printed and passes: the table shows it, and [`super::Place`] says how to close it.
///
/// # Panics
/// When the promise is broken, or no check has this name.
#[expect(clippy::panic, clippy::print_stderr, reason = "this is the body of a test")]
pub fn prove<P: Place>(name: &str, place: impl Fn() -> P + Send + Sync + 'static) {
    let Some(check) = CHECKS.iter().find(|(found, _)| *found == name) else { panic!("there is no check {name}") };
    let make: MakePlace = Arc::new(move || Arc::new(place()));
    match run_check(check, &make) {
        Outcome::Kept => {}
        Outcome::Gap(why) => eprintln!("{name} is not tried: {why}"),
        Outcome::Broken(how) => panic!("{name}: {how}"),
    }
}

/// Runs one check on a new place, on a tokio runtime of its own.
pub fn run_check(check: &NamedCheck, make: &MakePlace) -> Outcome {
    let runtime = match Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Outcome::Broken(format!("no runtime for the check: {error}")),
    };
    let (run, make) = (check.1, Arc::clone(make));
    let checking = async move {
        let subject = Subject::fresh(&make).await?;
        run(subject).await
    };
    let checked = runtime.block_on(async {
        // In a task of its own, so that a panic of the provider is a broken promise and not the end of the table.
        tokio::time::timeout(HANG_AFTER, tokio::spawn(checking.boxed())).await
    });
    // What a broken provider left hanging is not waited for.
    runtime.shutdown_background();
    match checked {
        Ok(Ok(Ok(()))) => Outcome::Kept,
        Ok(Ok(Err(Failure::Gap(why)))) => Outcome::Gap(why.to_owned()),
        Ok(Ok(Err(Failure::Broken(how)))) => Outcome::Broken(how),
        Ok(Err(error)) => Outcome::Broken(format!("the check ended by itself: {error}")),
        Err(_late) => Outcome::Broken("it hangs".to_owned()),
    }
}
