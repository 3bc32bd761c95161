//! wasmtime's configuration: what guest code may use, and how much of everything the pool holds.

use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, ModuleVersionStrategy, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use super::compile::forbidden_features;
use crate::vocab::Limits;

/// Core instances of one component: CPython components have tens, Rust ones three or four.
pub(super) const CORE_INSTANCES_MAX: u32 = 64;
/// Tables of one component: Rust ones have two. The pool has as many for every place, so whoever has many tables takes
/// none of them from others.
pub(super) const TABLES_MAX: u32 = 4;
/// Memories of one component; every one takes a slot of the pool, which has as many for every place.
pub(super) const MEMORIES_MAX: u32 = 1;
/// Bytes of wasmtime's own data about one component instance with all of its core instances. Each function whose address can
/// be taken has 32 of them, each global 16: Rust components need some 10 KB, an interpreter of ten thousand functions
/// some hundreds.
pub(super) const INSTANCE_BYTES: usize = /* 512 KiB */ 512 * 1_024;
/// With more instances than this, full-size reservations would not fit a 47-bit address space.
const FULL_RESERVATIONS_MAX: u32 = 16_384;
/// Changes whenever compiled code must not be shared with earlier builds: the whole version, because the compiler's
/// patch releases repair miscompilations, and wasmtime itself compares only the major version. The number in front of it
/// is ours: 2 since code has checkpoints.
pub(super) const CODE_VERSION: &str = "greenroom-2 wasmtime-48.0.8";

/// The host's engine.
pub(super) fn config(limits: &Limits, instances: u32) -> wasmtime::Result<Config> {
    let mut config = compiler(reservation_bytes(limits, instances))?;
    let memory_bytes = usize::try_from(limits.guest_memory_bytes)?;
    let table_elements = usize::try_from(limits.guest_table_elements)?;
    config.max_wasm_stack(usize::try_from(limits.guest_stack_bytes)?);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances, memory_bytes, table_elements)));
    Ok(config)
}

/// Address space of each memory, where it is not wasmtime's default; code depends on it.
pub(super) fn reservation_bytes(limits: &Limits, instances: u32) -> Option<u64> {
    (instances > FULL_RESERVATIONS_MAX).then_some(limits.guest_memory_bytes)
}

/// Everything that code depends on, and no room for instances: what a compiler needs.
pub(super) fn compiler(reservation_bytes: Option<u64>) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    language(&mut config);
    config
        .epoch_interruption(true)
        .native_unwind_info(false)
        .debug_symbols(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_init_cow(true)
        .module_version(ModuleVersionStrategy::Custom(CODE_VERSION.to_owned()))?;
    if let Some(bytes) = reservation_bytes {
        config.memory_reservation(bytes);
    }
    Ok(config)
}

/// As small a language as Rust, JavaScript and Python components need, and only its deterministic part.
fn language(config: &mut Config) {
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .gc_support(false)
        .wasm_gc(false)
        .wasm_tail_call(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        // Everything else that has a name, also what newer versions switch on by themselves.
        .wasm_features(forbidden_features(), false)
        .relaxed_simd_deterministic(true)
        .cranelift_nan_canonicalization(true);
}

/// Memory protection keys, which would need fewer address space, are not there to be switched on: wasmtime is built without.
fn pool(instances: u32, memory_bytes: usize, table_elements: usize) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_MAX))
        .total_memories(instances.saturating_mul(MEMORIES_MAX))
        .total_tables(instances.saturating_mul(TABLES_MAX))
        .max_component_instance_size(INSTANCE_BYTES)
        .max_core_instance_size(INSTANCE_BYTES)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_memories_per_module(MEMORIES_MAX)
        .max_tables_per_module(TABLES_MAX)
        .max_memory_size(memory_bytes)
        .table_elements(table_elements)
        .decommit_batch_size(1)
        .pagemap_scan(Enabled::No);
    pool
}
