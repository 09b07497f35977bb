//! What a running request must keep to: its caller's cancel token, its time, its process's memory.

use super::worker::NAME;
use crate::backend::{BackendError, Control};
use std::time::{Duration, Instant};

/// How often a waiting caller looks.
pub(super) const POLL: Duration = Duration::from_millis(20);

/// The limits of one request, from the moment it was made: waiting for a worker counts.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    control: &'a Control,
    start: Instant,
    memory_limit_kb: Option<u64>,
}

impl<'a> Watch<'a> {
    pub(super) fn start(control: &'a Control, memory_limit_kb: Option<u64>) -> Self {
        Self { control, start: Instant::now(), memory_limit_kb }
    }

    /// Whether the caller still wants an answer.
    pub(super) fn check(&self, operation: &str) -> Result<(), BackendError> {
        if self.control.cancel.is_cancelled() {
            return Err(BackendError::Cancelled { operation: operation.into() });
        }
        let limit = self.control.time_limit;
        if self.start.elapsed() >= limit {
            return Err(BackendError::TimedOut { operation: format!("{NAME} {operation}"), limit });
        }
        Ok(())
    }

    /// [`Watch::check`], and whether the process that works on it keeps to its memory.
    pub(super) fn check_process(&self, operation: &str, pid: u32) -> Result<(), BackendError> {
        self.check(operation)?;
        let Some(limit_kb) = self.memory_limit_kb else { return Ok(()) };
        match resident_kb(pid) {
            Some(measured_kb) if measured_kb > limit_kb => {
                Err(BackendError::MemoryLimit { operation: format!("{NAME} {operation}"), limit_kb, measured_kb })
            }
            _ => Ok(()),
        }
    }
}

/// What a process holds in memory now, in kB; `None` when it is gone or the system does not tell.
pub(super) fn resident_kb(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_is_measured_and_limited() {
        let own = std::process::id();
        let measured = resident_kb(own).unwrap();
        assert!(measured > 1000, "{measured} kB");
        assert_eq!(resident_kb(u32::MAX), None);
        let control = Control::default();
        assert!(Watch::start(&control, Some(u64::MAX)).check_process("prove", own).is_ok());
        let error = Watch::start(&control, Some(1000)).check_process("prove", own).unwrap_err();
        assert!(matches!(error, BackendError::MemoryLimit { limit_kb: 1000, measured_kb, .. } if measured_kb > 1000));
    }

    #[test]
    fn a_cancelled_or_late_request_is_stopped() {
        let control = Control::default().with_time_limit(Duration::ZERO);
        assert!(matches!(Watch::start(&control, None).check("x"), Err(BackendError::TimedOut { .. })));
        control.cancel.cancel();
        assert!(matches!(Watch::start(&control, None).check("x"), Err(BackendError::Cancelled { .. })));
    }
}
