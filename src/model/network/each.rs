//! Work on many samples, shared by the cores of the machine.

use std::{num::NonZero, panic::resume_unwind, thread};

/// What `of` makes of every item, in their order.
pub(super) fn each<T: Sync, R: Send>(items: &[T], of: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = items.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        let parts = items.chunks(share).map(|part| scope.spawn(|| part.iter().map(&of).collect::<Vec<_>>()));
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::each;

    #[test]
    fn every_item_is_taken_once_and_in_order() {
        for count in 0..40u32 {
            let items: Vec<u32> = (0..count).collect();
            assert_eq!(each(&items, |x| x + 1), (1..=count).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "the third")]
    fn a_panic_is_the_callers() {
        each(&[1, 2, 3], |x| assert!(*x < 3, "the third"));
    }
}
