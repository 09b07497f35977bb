//! A bounded queue with priorities in which nothing waits for ever.

use crate::ezkl::PipelineError;
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// How urgent a request is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// When nothing else waits.
    Low,
    /// Before low.
    #[default]
    Medium,
    /// First.
    High,
}

/// So many more urgent requests pass a waiting one; then it is its turn.
pub const PATIENCE: u32 = 16;
const CLASSES: usize = 3;

/// Requests in the order in which they are to be served. Shared between threads.
#[derive(Debug)]
pub struct RequestQueue<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    /// By class, the least urgent first.
    waiting: [VecDeque<T>; CLASSES],
    /// How often each class was passed over while something in it waited.
    passed: [u32; CLASSES],
    closed: bool,
}

impl<T> RequestQueue<T> {
    /// A queue that holds so many.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let state = State { waiting: std::array::from_fn(|_| VecDeque::new()), passed: [0; CLASSES], closed: false };
        Self { capacity, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds a request behind the others of its priority. Never waits.
    ///
    /// # Errors
    /// [`PipelineError::QueueFull`]; [`PipelineError::InvalidInput`] when the queue was closed.
    pub fn push(&self, request: T, priority: Priority) -> Result<(), PipelineError> {
        let mut state = self.state();
        if state.closed {
            return Err(PipelineError::invalid("queue", "is closed"));
        }
        if state.len() >= self.capacity {
            return Err(PipelineError::QueueFull { capacity: self.capacity });
        }
        state.waiting[priority as usize].push_back(request);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The next request, if one waits.
    pub fn pop(&self) -> Option<T> {
        self.state().pop()
    }

    /// The next request, waiting for it; `None` when the queue is closed and empty.
    pub fn pop_or_wait(&self) -> Option<T> {
        let mut state = self.state();
        loop {
            if let Some(request) = state.pop() {
                return Some(request);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes no more requests; those that wait are still served.
    pub fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn len(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    fn pop(&mut self) -> Option<T> {
        let occupied = |class: &usize| !self.waiting[*class].is_empty();
        let urgent = (0..CLASSES).rev().find(occupied)?;
        let starved = (0..CLASSES).find(|class| occupied(class) && self.passed[*class] >= PATIENCE);
        let served = starved.unwrap_or(urgent);
        for class in 0..served {
            self.passed[class] += u32::from(!self.waiting[class].is_empty());
        }
        self.passed[served] = 0;
        self.waiting[served].pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_urgent_go_first_and_equals_in_order() {
        let queue = RequestQueue::new(10);
        for (request, priority) in [
            ("low", Priority::Low),
            ("medium", Priority::Medium),
            ("high 1", Priority::High),
            ("high 2", Priority::High),
        ] {
            queue.push(request, priority).unwrap();
        }
        let served: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(served, ["high 1", "high 2", "medium", "low"]);
    }

    #[test]
    fn a_stream_of_urgent_requests_starves_nobody() {
        let queue = RequestQueue::new(100);
        queue.push(-1, Priority::Low).unwrap();
        queue.push(-2, Priority::Medium).unwrap();
        let mut served = Vec::new();
        for request in 0..3 * PATIENCE as i32 {
            queue.push(request, Priority::High).unwrap();
            served.push(queue.pop().unwrap());
        }
        let at = |request| served.iter().position(|&other| other == request);
        assert!(at(-1).is_some_and(|at| at <= PATIENCE as usize + 1), "{served:?}");
        assert!(at(-2).is_some_and(|at| at <= PATIENCE as usize + 1), "{served:?}");
        // Having been served it waits anew.
        queue.push(-3, Priority::Low).unwrap();
        assert!(queue.pop().is_some_and(|request| request >= 0));
    }

    #[test]
    fn ten_thousand_fit_and_one_more_does_not() {
        let queue = RequestQueue::new(10_000);
        (0..10_000).for_each(|i| queue.push(i, Priority::Medium).unwrap());
        assert!(matches!(queue.push(0, Priority::High), Err(PipelineError::QueueFull { capacity: 10_000 })));
        assert_eq!(queue.len(), 10_000);
        assert_eq!(queue.pop(), Some(0));
        queue.push(0, Priority::Low).unwrap();
    }

    #[test]
    fn a_closed_queue_is_served_to_its_end() {
        let queue = RequestQueue::new(2);
        queue.push(1, Priority::Low).unwrap();
        queue.close();
        assert!(queue.push(2, Priority::Low).is_err());
        assert_eq!((queue.pop_or_wait(), queue.pop_or_wait()), (Some(1), None));
        let queue = RequestQueue::<u8>::new(1);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.pop_or_wait());
            queue.push(7, Priority::Low).unwrap();
            assert_eq!(waiting.join().unwrap(), Some(7));
        });
    }
}
