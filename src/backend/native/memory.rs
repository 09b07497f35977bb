//! The largest resident set of this process while something runs (Linux; elsewhere unknown).

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
