//! Chunks whose size is learned from how long the last ones took.

use std::time::Duration;

/// How much the newest measurement counts.
const NEWEST: f64 = 0.4;

#[derive(Debug)]
pub(super) struct Adaptive {
    min: usize,
    max: usize,
    target: Duration,
    /// Wall time per item, in seconds: an exponentially weighted mean.
    latency: Option<f64>,
    within: usize,
    chunks: usize,
}

impl Adaptive {
    pub(super) const fn new(min: usize, max: usize, target: Duration) -> Self {
        Self { min, max, target, latency: None, within: 0, chunks: 0 }
    }

    /// The next chunk: as many items as are expected to take the target.
    pub(super) fn size(&self) -> usize {
        match self.latency {
            None => self.min,
            // Saturates: a latency of 0 makes it infinite.
            Some(latency) => ((self.target.as_secs_f64() / latency) as usize).clamp(self.min, self.max),
        }
    }

    pub(super) fn observe(&mut self, items: usize, took: Duration) {
        let measured = took.as_secs_f64() / items.max(1) as f64;
        self.latency = Some(self.latency.map_or(measured, |known| known + NEWEST * (measured - known)));
        self.chunks += 1;
        self.within += usize::from(took <= self.target);
    }

    /// The share of chunks that took no longer than the target; 1 before the first.
    pub(super) fn compliance(&self) -> f64 {
        if self.chunks == 0 { 1.0 } else { self.within as f64 / self.chunks as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_the_size_that_takes_the_target_and_follows_changes() {
        let mut adaptive = Adaptive::new(1, 50, Duration::from_secs(1));
        assert_eq!(adaptive.size(), 1);
        let run = |adaptive: &mut Adaptive, per_item: u64, rounds| {
            for _ in 0..rounds {
                let items = adaptive.size();
                adaptive.observe(items, Duration::from_millis(per_item * items as u64));
            }
        };
        run(&mut adaptive, 100, 1);
        assert_eq!(adaptive.size(), 10);
        run(&mut adaptive, 200, 20);
        assert_eq!(adaptive.size(), 5, "slower items make smaller chunks");
        assert!((0.0..1.0).contains(&adaptive.compliance()), "some chunks took too long");
        run(&mut adaptive, 1, 30);
        assert_eq!(adaptive.size(), 50, "never above the bound");
        run(&mut adaptive, 100_000, 30);
        assert_eq!(adaptive.size(), 1, "never below it");
        let mut instant = Adaptive::new(1, 7, Duration::from_secs(1));
        instant.observe(1, Duration::ZERO);
        assert_eq!(instant.size(), 7);
    }
}
