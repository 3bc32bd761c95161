//! What a component uses beyond what actors may: by name, once the compiler has refused it.

use wasmparser::{Validator, WasmFeatures};

/// What actors' code may use: the language of `config::language`, as the validator names its parts.
const ALLOWED: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::BULK_MEMORY_OPT)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

/// Everything else that the validator knows, as people write it.
const FORBIDDEN: &[(WasmFeatures, &str)] = &[
    (WasmFeatures::THREADS, "threads"),
    (WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything threads"),
    (WasmFeatures::TAIL_CALL, "tail calls"),
    (WasmFeatures::MULTI_MEMORY, "several memories"),
    (WasmFeatures::MEMORY64, "64-bit memories"),
    (WasmFeatures::MEMORY_CONTROL, "memory control"),
    (WasmFeatures::CUSTOM_PAGE_SIZES, "custom page sizes"),
    (WasmFeatures::EXCEPTIONS, "exceptions"),
    (WasmFeatures::LEGACY_EXCEPTIONS, "legacy exceptions"),
    (WasmFeatures::RELAXED_SIMD, "relaxed SIMD"),
    (WasmFeatures::GC, "garbage collection"),
    (WasmFeatures::GC_TYPES, "garbage-collected references"),
    (WasmFeatures::FUNCTION_REFERENCES, "typed function references"),
    (WasmFeatures::CUSTOM_DESCRIPTORS, "custom descriptors"),
    (WasmFeatures::STACK_SWITCHING, "stack switching"),
    (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic"),
    (WasmFeatures::COMPACT_IMPORTS, "compact imports"),
    (WasmFeatures::CM_ASYNC, "component-model async"),
    (WasmFeatures::CM_ASYNC_STACKFUL, "component-model async (stackful)"),
    (WasmFeatures::CM_MORE_ASYNC_BUILTINS, "component-model async (more built-ins)"),
    (WasmFeatures::CM_THREADING, "component-model threads"),
    (WasmFeatures::CM_ERROR_CONTEXT, "component-model error contexts"),
    (WasmFeatures::CM_VALUES, "component-model values"),
    (WasmFeatures::CM_NESTED_NAMES, "component-model nested names"),
    (WasmFeatures::CM_FIXED_LENGTH_LISTS, "component-model fixed-length lists"),
    (WasmFeatures::CM_GC, "component-model garbage collection"),
    (WasmFeatures::CM_MAP, "component-model maps"),
    (WasmFeatures::CM64, "64-bit component model"),
    (WasmFeatures::CM_IMPLEMENTS, "component-model implements"),
    (WasmFeatures::CM_CANON_NAMES, "component-model canonical names"),
];

/// Everything that actors' code may not use.
pub(in crate::sandbox) const fn forbidden() -> WasmFeatures {
    WasmFeatures::all().difference(ALLOWED)
}

/// The names of the features that are in the way; empty if nothing or something else is.
///
/// Reads the component up to sixty times: call it where time is bounded.
pub(super) fn forbidden_in(component: &[u8]) -> Vec<&'static str> {
    let is_valid_with = |features| Validator::new_with_features(features).validate_all(component).is_ok();
    if is_valid_with(ALLOWED) || !is_valid_with(WasmFeatures::all()) {
        return Vec::new();
    }
    let needed = |(feature, _): &&(WasmFeatures, &str)| !is_valid_with(WasmFeatures::all().difference(*feature));
    // Where several can each stand in for another, none is needed, but one is enough.
    let enough = |(feature, _): &&(WasmFeatures, &str)| is_valid_with(ALLOWED.union(*feature));
    let names: Vec<_> = FORBIDDEN.iter().filter(needed).map(|(_, name)| *name).collect();
    let names = if names.is_empty() { FORBIDDEN.iter().filter(enough).map(|(_, name)| *name).collect() } else { names };
    if names.is_empty() { vec!["a combination of features that are switched off"] } else { names }
}

/// Why the bytes are no valid component, if they are none.
pub(super) fn problem(component: &[u8]) -> Option<String> {
    Validator::new_with_features(ALLOWED).validate_all(component).err().map(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_that_the_validator_knows_is_allowed_or_has_a_name() {
        let named = FORBIDDEN.iter().fold(ALLOWED, |all, (feature, _)| all.union(*feature));
        let unnamed = WasmFeatures::all().difference(named);
        assert!(unnamed.is_empty(), "{unnamed:?}");
        assert!(FORBIDDEN.iter().all(|(feature, name)| !ALLOWED.intersects(*feature) && !name.is_empty()));
    }
}
