//! Records of tenants, keys and acts, and texts that may be keys; see `fuzzing`.

use super::KeyText;
use super::audit::StoredAct;
use super::books::StoredFigure;
use super::face::Usage;
use super::key::PREFIX;
use super::key_record::StoredKey;
use super::tenant::{StoredTenant, TenantChange, TenantRecord};
use crate::frame::fuzz::record;
use crate::vocab::{Limits, Tenant, Timestamp};

/// Bytes are a record or an error.
pub(crate) fn fuzz_records(bytes: &[u8]) {
    if let Some(tenant) = record::<StoredTenant>(bytes).and_then(|stored| stored.read().ok()) {
        let again = StoredTenant::of(tenant.clone()).read();
        assert_eq!(again.as_ref(), Ok(&tenant), "a tenant changes when it is written in the newest layout");
        let _looked = tenant.view(Limits::default(), Usage::default());
    }
    if let Some(StoredKey::V1(record)) = record(bytes) {
        assert!(!format!("{record:?}").contains(&format!("{:?}", record.hash)), "a hash is shown");
        let _looked = record.problem(Timestamp(1));
    }
    let _act: Option<StoredAct> = record(bytes);
    let _figure: Option<StoredFigure> = record(bytes);
}

/// A change is taken or refused; what is taken is within bounds.
pub(crate) fn fuzz_change(change: &TenantChange) {
    let Ok(tenant) = Tenant::new("acme") else { return };
    if let Ok(changed) = TenantRecord::new(&tenant, Timestamp(1)).with(change, &Limits::default()) {
        assert!((1..=1_000).contains(&changed.weight) && !changed.display_name.is_empty(), "{changed:?}");
    }
}

/// A text is a key or is refused without being repeated; whoever has a key in a text is noticed.
pub(crate) fn fuzz_key(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match KeyText::read(text) {
        Ok(_) => assert!(KeyText::is_in(text), "a key is not noticed"),
        Err(error) => {
            // Whatever else is in it, the reason is the same.
            let rest = text.strip_prefix(PREFIX);
            let begin = if rest.is_some() { PREFIX } else { "" };
            let other = KeyText::read(&format!("{begin}{}", "x".repeat(rest.unwrap_or(text).len())));
            let reason = other.err().map(|error| error.to_string());
            assert_eq!(reason, Some(error.to_string()), "what was presented is repeated");
        }
    }
    let _parsed = text.parse::<super::KeyId>();
}
