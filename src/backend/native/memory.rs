//! The largest resident set of this process while something runs, and how much memory there is (Linux; elsewhere unknown).

use std::fs;

/// Starts a new measurement where the system allows it; else the peak since the process began counts.
pub(super) fn reset_peak() {
    // Not allowed in some sandboxes: then the figure is an upper bound.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// `VmHWM` in kB.
pub(super) fn peak_kb() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Memory in MB that a process can still have: what is free, or what its control group leaves of its limit.
pub(super) fn available_mb() -> Option<u64> {
    let free = available_of(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let of = |file| fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?.trim().parse::<u64>().ok();
    // A group without a limit says `max`.
    let left = of("memory.max").map(|limit| limit.saturating_sub(of("memory.current").unwrap_or(0)) / 1_000_000);
    Some(left.map_or(free, |left| left.min(free)))
}

fn available_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kb = line.split_whitespace().next()?.parse::<u64>().ok()?;
    Some(kb.saturating_mul(1024) / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_available_is_read_in_megabytes() {
        let meminfo = "MemTotal:       24000000 kB\nMemFree:  100 kB\nMemAvailable:   2000000 kB\n";
        assert_eq!(available_of(meminfo), Some(2048));
        assert_eq!(available_of("MemTotal: 1 kB"), None);
        assert_eq!(available_of("MemAvailable: many kB"), None);
        #[cfg(target_os = "linux")]
        assert!(available_mb().unwrap() > 10);
    }
}
