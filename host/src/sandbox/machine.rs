//! What the machine must allow for so many live instances.

/// Memory maps of one live instance: its memory before and after the accessible part, its image, its tables.
const MAPS_PER_INSTANCE: u64 = 4;
/// Memory maps left to everything else in the process: threads, the store, compiled code.
const MAPS_RESERVED: u64 = 4_096;

/// Refuses settings for which this machine runs out of memory maps while actors are being activated.
///
/// A limit that cannot be read is not checked: then the pool itself reports what is in the way.
pub(super) fn check_memory_maps(instances: u64) -> Result<(), String> {
    let Ok(text) = std::fs::read_to_string("/proc/sys/vm/max_map_count") else { return Ok(()) };
    let Ok(allowed) = text.trim().parse::<u64>() else { return Ok(()) };
    refuse_over(instances, allowed)
}

fn refuse_over(instances: u64, allowed: u64) -> Result<(), String> {
    let needed = instances.saturating_mul(MAPS_PER_INSTANCE).saturating_add(MAPS_RESERVED);
    if needed <= allowed {
        return Ok(());
    }
    let possible = allowed.saturating_sub(MAPS_RESERVED) / MAPS_PER_INSTANCE;
    // Every eighth instance beyond the live actors is spare.
    let live_actors = possible.saturating_mul(8) / 9;
    Err(format!(
        "{instances} live instances (limits.live_actors and their spare) need {needed} memory maps, this machine allows \
         {allowed}: set limits.live_actors to at most {live_actors}, or raise the machine's limit with \
         `sysctl vm.max_map_count={needed}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::refuse_over;

    #[test]
    fn a_machine_with_too_few_memory_maps_is_named_with_the_way_out() {
        assert_eq!(refuse_over(10_000, 65_530), Ok(()));
        let refusal = refuse_over(100_000, 65_530).unwrap_err();
        assert!(refusal.contains("404096") && refusal.contains("13651"), "{refusal}");
    }
}
