//! Every promise on every provider that ships: what `cargo xtask conformance` prints.

use std::sync::Arc;

use super::{Column, MakePlace, Place, Table};
use crate::provider::Durability;
use crate::provider::log::tests::conformance::{FilesPlace, SimPlace};
use crate::provider::memory::MemoryPlace;

/// Checks that a provider that ships does not pass in full, each by design; the table shows the reasons.
const EXPECTED_GAPS: &[(&str, &[&str])] = &[
    ("log sync", &["p10_p22"]),
    // The same with a memory that holds next to nothing: everything goes through its index on disk.
    ("log tight", &["p10_p22"]),
    ("log flush", &["p10_p22", "p97_"]),
    ("log memory", &["p10_p22", "p97_", "every_acknowledged", "p34_nothing"]),
    (
        "log files",
        &[
            "p10_p22",
            "p97_",
            "p104_",
            "p34_nothing",
            "p13_",
            "p20_",
            "p91_",
            "p100_",
            "p106_",
            "p101_",
            "p56_",
            "p55_",
            "p90_",
            "a_deletion_that_fails",
        ],
    ),
    ("memory", &["p97_", "every_acknowledged", "p104_", "p34_nothing"]),
];

fn make<P: Place>(place: impl Fn() -> P + Send + Sync + 'static) -> MakePlace {
    Arc::new(move || Arc::new(place()))
}

fn shipped() -> Vec<(&'static str, MakePlace)> {
    vec![
        ("log sync", make(|| SimPlace::new(Durability::Sync))),
        ("log tight", make(|| SimPlace::forgetful(Durability::Sync))),
        ("log flush", make(|| SimPlace::new(Durability::Flush))),
        ("log memory", make(|| SimPlace::new(Durability::Memory))),
        ("log files", make(FilesPlace::new)),
        ("memory", make(|| MemoryPlace::new(/* 2 MiB */ 2 * 1_024 * 1_024))),
    ]
}

#[test]
#[ignore = "cargo xtask conformance runs it; the same checks are tests of their own"]
fn every_promise_on_every_provider() {
    let columns = shipped().iter().map(|(name, make)| Column::run(*name, make)).collect();
    let table = Table { columns };
    if let Some(file) = std::env::var_os("GREENROOM_CONFORMANCE_TABLE") {
        #[expect(clippy::disallowed_methods, reason = "a report, and not a durable file of the host")]
        std::fs::write(file, table.to_string()).expect("the table is written");
    }
    assert_eq!(table.columns.len(), EXPECTED_GAPS.len(), "a provider is not in the list of expected gaps");
    for (column, (name, expected)) in table.columns.iter().zip(EXPECTED_GAPS) {
        assert_eq!(column.name, *name);
        assert_eq!(column.broken().collect::<Vec<_>>(), [], "{name}");
        let unexpected: Vec<_> =
            column.gaps().filter(|(check, _)| !expected.iter().any(|start| check.starts_with(start))).collect();
        assert_eq!(unexpected, [], "{name} has gaps that nobody expects");
        let closed: Vec<_> =
            expected.iter().filter(|start| !column.gaps().any(|(check, _)| check.starts_with(**start))).collect();
        assert!(closed.is_empty(), "{name} has no gap at {closed:?} any more: strike them from the list");
    }
    assert!(!table.to_string().contains("NOT CHECKED"), "{table}");
}
