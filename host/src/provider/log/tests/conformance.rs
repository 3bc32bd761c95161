//! The promises of every provider, on a simulated disk, in each durability.

use std::sync::Arc;

use crate::provider::Durability;
use crate::provider::conformance::{Subject, provider_conformance};
use crate::provider::log::disk::SimDisk;
use crate::provider::log::{LogProvider, LogSettings};

fn subject(durability: Durability) -> Subject {
    let record_bytes_max = /* 2 MiB */ 2 * 1_024 * 1_024;
    let settings = LogSettings {
        durability,
        segment_bytes: /* 64 KiB */ 64 * 1_024,
        record_bytes_max,
        flush_every_ms: 20,
        ..LogSettings::default()
    };
    let provider = LogProvider::open_on(Arc::new(SimDisk::new()), settings).expect("an empty disk");
    Subject { provider, record_bytes_max }
}

mod sync {
    use super::*;
    provider_conformance!(subject(Durability::Sync));
}

mod flush {
    use super::*;
    provider_conformance!(subject(Durability::Flush));
}

mod memory {
    use super::*;
    provider_conformance!(subject(Durability::Memory));
}
