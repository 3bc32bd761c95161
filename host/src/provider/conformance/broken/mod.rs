//! The kit's own test: stores with one defect each, and the checks that must find it.
//!
//! A check that no defect here fails proves nothing; a defect that no check finds is a hole in the kit.

mod defect;
mod place;
mod provider;
mod reader;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Bearing, CHECKS, ITEMS, MakePlace, Outcome, run_check};
use crate::provider::Durability;
use crate::provider::log::tests::conformance::SimPlace;

use defect::{CAUGHT_BY, Defect};
use place::BrokenPlace;

/// Defects of the storage under a sound store, each as a place, and the checks that must find it.
fn broken_storage() -> Vec<(&'static str, MakePlace, &'static [&'static str])> {
    fn make(place: fn() -> SimPlace) -> MakePlace {
        Arc::new(move || Arc::new(place()))
    }
    vec![
        ("no sync", make(SimPlace::with_lying_syncs), &["p97_"]),
        ("told before the sync", make(|| SimPlace::claiming_sync(Durability::Flush)), &["p97_"]),
        (
            "told before the write",
            make(|| SimPlace::claiming_sync(Durability::Memory)),
            &["p97_", "every_acknowledged", "p34_nothing", "p33_"],
        ),
        ("a failed sync is no failure", make(SimPlace::swallowing_failed_syncs), &["p100_"]),
    ]
}

fn with_defect(defect: Defect) -> MakePlace {
    Arc::new(move || Arc::new(BrokenPlace::new(defect)))
}

fn named(beginning: &'static str) -> impl Iterator<Item = &'static super::NamedCheck> {
    CHECKS.iter().filter(move |(name, _)| name.starts_with(beginning))
}

/// Checks that should have found something and did not, one sentence each.
fn missed(what: &str, make: &MakePlace, catchers: &[&'static str]) -> Vec<String> {
    let checks = catchers.iter().flat_map(|beginning| named(beginning));
    let outcomes = checks.map(|check| (check.0, run_check(check, make)));
    let missed = outcomes.filter(|(_, outcome)| !matches!(outcome, Outcome::Broken(_)));
    missed.map(|(name, outcome)| format!("{what}: {name} says {outcome:?}")).collect()
}

#[test]
fn every_defect_of_a_store_is_found_by_its_checks() {
    let missed: Vec<_> = CAUGHT_BY
        .iter()
        .flat_map(|(defect, catchers)| missed(&format!("{defect:?}"), &with_defect(*defect), catchers))
        .collect();
    assert!(missed.is_empty(), "\n{}", missed.join("\n"));
}

#[test]
fn every_defect_of_the_storage_is_found_by_its_checks() {
    let missed: Vec<_> =
        broken_storage().iter().flat_map(|(what, make, catchers)| missed(what, make, catchers)).collect();
    assert!(missed.is_empty(), "\n{}", missed.join("\n"));
}

#[test]
fn the_same_stores_without_a_defect_pass() {
    let broken: Vec<_> = CHECKS
        .iter()
        .map(|check| (check.0, run_check(check, &with_defect(Defect::None))))
        .filter(|(_, outcome)| matches!(outcome, Outcome::Broken(_)))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn there_is_no_check_that_no_defect_fails() {
    let of_stores = CAUGHT_BY.iter().flat_map(|(_, catchers)| catchers.iter());
    let storage = broken_storage();
    let of_storage = storage.iter().flat_map(|(_, _, catchers)| catchers.iter());
    let fail: BTreeSet<_> = of_stores.chain(of_storage).flat_map(|beginning| named(beginning)).map(|c| c.0).collect();
    let never: Vec<_> = CHECKS.iter().map(|(name, _)| *name).filter(|name| !fail.contains(name)).collect();
    assert!(never.is_empty(), "no defect fails {never:?}");
}

#[test]
fn every_catcher_names_a_check() {
    let storage = broken_storage();
    let all = CAUGHT_BY.iter().flat_map(|(_, catchers)| catchers.iter());
    for beginning in all.chain(storage.iter().flat_map(|(_, _, catchers)| catchers.iter())) {
        assert!(named(beginning).next().is_some(), "no check begins with {beginning}");
    }
}

/// Every promise has a check or a reason, and every check that has a number belongs to a promise.
#[test]
fn no_promise_is_without_a_check_or_a_reason() {
    let mut used = BTreeSet::new();
    for item in ITEMS {
        if let Bearing::Shown(beginnings) = item.bearing {
            for beginning in beginnings {
                assert!(named(beginning).next().is_some(), "{}: no check begins with {beginning}", item.id);
                used.extend(named(beginning).map(|(name, _)| *name));
            }
        }
    }
    let unused: Vec<_> =
        CHECKS.iter().map(|(name, _)| *name).filter(|name| name.starts_with('p') && !used.contains(name)).collect();
    assert!(unused.is_empty(), "no promise is shown by {unused:?}");
}

/// The list of promises is complete: these numbers, these gaps between them.
#[test]
fn every_number_of_the_list_is_there_once() {
    let gaps = [4, 16, 24, 32, 37, 43, 54, 63, 71, 84, 89, 92, 94, 95, 99, 102];
    let wanted = (1..=112).filter(|number| !gaps.contains(number)).map(|number| format!("P{number}"));
    assert!(ITEMS.iter().map(|item| item.id.to_owned()).eq(wanted), "a promise is missing or out of order");
}
