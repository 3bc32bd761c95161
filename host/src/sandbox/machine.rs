//! What the machine must allow for so many live instances, and how much memory it has for them.

use crate::vocab::Limits;

/// Memory maps of one live instance: its memory before and after the accessible part, its image, its tables.
const MAPS_PER_INSTANCE: u64 = 4;
/// Memory maps left to everything else in the process: threads, the store, compiled code.
const MAPS_RESERVED: u64 = 4_096;
/// Guests together may use this part of the memory that there is, unless the limits say otherwise.
const GUESTS_PART: u64 = 2;

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

/// How much memory all guests may use together: what the limits say, or this part of what there is.
pub(super) fn guests_memory_bytes(limits: &Limits) -> u64 {
    match limits.guests_memory_bytes {
        0 => memory_bytes().map_or(u64::MAX, |bytes| bytes / GUESTS_PART),
        said => said,
    }
}

/// The memory that this process can have: the machine's, or that of its control group if that is less. `None`: not known.
fn memory_bytes() -> Option<u64> {
    let text = |path: &str| std::fs::read_to_string(path).ok();
    let of_machine = text("/proc/meminfo").and_then(|text| total_of(&text));
    let groups = text("/proc/self/cgroup").map_or_else(Vec::new, |text| group_limits(&text));
    let of_groups = groups.into_iter().filter_map(|path| text(&path)?.trim().parse::<u64>().ok());
    of_machine.into_iter().chain(of_groups).min()
}

/// The machine's memory in `/proc/meminfo`.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// The files with the limits of the control groups that `/proc/self/cgroup` names, and of all groups above them.
fn group_limits(own: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let mut path = path.trim_end_matches('/');
        loop {
            files.push(format!("{root}{path}/{file}"));
            let Some((above, _)) = path.rsplit_once('/') else { break };
            path = above;
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_the_machines_memory_and_its_groups_is_what_there_is() {
        assert_eq!(total_of("MemFree: 7 kB\nMemTotal:       16384 kB\n"), Some(16_384 * 1_024));
        assert_eq!(total_of("MemTotal: many"), None);
        let v2 = group_limits("0::/system.slice/greenroom.service\n");
        assert_eq!(
            v2,
            [
                "/sys/fs/cgroup/system.slice/greenroom.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max"
            ]
        );
        let v1 = group_limits("3:cpu,cpuacct:/a\n2:memory:/a\n1:name=systemd:/\n0::/\n");
        assert_eq!(v1.len(), 3, "{v1:?}");
        assert_eq!(v1[0], "/sys/fs/cgroup/memory/a/memory.limit_in_bytes");
        assert!(memory_bytes().is_none_or(|bytes| bytes > 1_024 * 1_024));
    }

    #[test]
    fn what_is_said_is_taken_and_else_half_of_what_there_is() {
        let said = Limits { guests_memory_bytes: 7, ..Limits::default() };
        assert_eq!(guests_memory_bytes(&said), 7);
        let half = memory_bytes().map_or(u64::MAX, |bytes| bytes / 2);
        assert_eq!(guests_memory_bytes(&Limits::default()), half);
    }

    #[test]
    fn a_machine_with_too_few_memory_maps_is_named_with_the_way_out() {
        assert_eq!(refuse_over(10_000, 65_530), Ok(()));
        let refusal = refuse_over(100_000, 65_530).unwrap_err();
        assert!(refusal.contains("404096") && refusal.contains("13651"), "{refusal}");
    }
}
