//! Several requests at once.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

/// Waits for all of them. They are begun and looked at in their order, so that a chain which answers at once is asked in that
/// order every time.
pub(super) async fn join<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut waiting: Vec<Slot<F>> = futures.into_iter().map(|future| Slot::Waiting(Box::pin(future))).collect();
    poll_fn(move |context| {
        let mut is_over = true;
        for slot in &mut waiting {
            is_over &= slot.poll(context);
        }
        if !is_over {
            return Poll::Pending;
        }
        Poll::Ready(waiting.drain(..).filter_map(Slot::into_output).collect())
    })
    .await
}

enum Slot<F: Future> {
    Waiting(Pin<Box<F>>),
    Over(F::Output),
}

// What is pinned is in a box of its own.
impl<F: Future> Unpin for Slot<F> {}

impl<F: Future> Slot<F> {
    /// Whether it is over.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let Self::Waiting(future) = self else { return true };
        match future.as_mut().poll(context) {
            Poll::Ready(output) => {
                *self = Self::Over(output);
                true
            }
            Poll::Pending => false,
        }
    }

    fn into_output(self) -> Option<F::Output> {
        match self {
            Self::Over(output) => Some(output),
            Self::Waiting(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_are_waited_for_and_come_back_in_order() {
        let late = async |number: u32| {
            for _ in 0..number {
                tokio::task::yield_now().await;
            }
            number
        };
        assert_eq!(join(vec![late(3), late(0), late(2)]).await, [3, 0, 2]);
        assert!(join(Vec::<std::future::Ready<()>>::new()).await.is_empty());
    }
}
