//! When enough endpoints say the same.
//!
//! What decides money is believed when a quorum says it: of those that were configured, not of those that answer, since whoever
//! can silence the honest ones would decide else. What is not decided is no answer, and the submitter waits.

/// How many of so many endpoints have to agree: more than half, so that two quorums share one.
#[must_use]
pub const fn majority(endpoints: usize) -> usize {
    endpoints / 2 + 1
}

/// The answer that a quorum gave, if one did; with who said something else.
pub(super) fn agreed<T: Eq + Clone>(answers: &[(usize, T)], quorum: usize) -> Option<(T, Vec<usize>)> {
    let votes = |answer: &T| answers.iter().filter(|(_, other)| other == answer).count();
    let (_, winner) = answers.iter().find(|(_, answer)| votes(answer) >= quorum.max(1))?;
    let others: Vec<usize> = answers.iter().filter(|(_, answer)| answer != winner).map(|(who, _)| *who).collect();
    // One winner at most when the quorum is a majority; a smaller one that finds two has none.
    let is_only = answers.iter().all(|(_, answer)| answer == winner || votes(answer) < quorum.max(1));
    is_only.then(|| (winner.clone(), others))
}

/// The highest number that a quorum confirms, for what only grows: whoever is behind says less, whoever lies may say anything.
pub(super) fn at_least<T: Ord + Copy>(answers: &[(usize, T)], quorum: usize) -> Option<T> {
    let mut numbers: Vec<T> = answers.iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.get(quorum.max(1) - 1).copied()
}

/// The lowest number that a quorum stays within, for what one liar must not raise: prices.
pub(super) fn at_most<T: Ord + Copy>(answers: &[(usize, T)], quorum: usize) -> Option<T> {
    let mut numbers: Vec<T> = answers.iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    numbers.get(quorum.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbered<T: Clone>(answers: &[T]) -> Vec<(usize, T)> {
        answers.iter().cloned().enumerate().collect()
    }

    #[test]
    fn more_than_half_of_all_are_a_quorum() {
        assert_eq!([1, 2, 3, 4, 5].map(majority), [1, 2, 2, 3, 3]);
    }

    #[test]
    fn one_liar_of_three_decides_nothing_and_is_named() {
        assert_eq!(agreed(&numbered(&["a", "lie", "a"]), 2), Some(("a", vec![1])));
        assert_eq!(agreed(&numbered(&["a", "lie"]), 2), None);
        assert_eq!(agreed(&numbered(&["a"]), 2), None, "the others are silent");
        assert_eq!(agreed::<u8>(&[], 1), None);
        // Less than a majority may find two winners: none, then.
        assert_eq!(agreed(&numbered(&["a", "b"]), 1), None);
        for (answers, expected) in [([5, 5, 9], 5), ([5, 5, 3], 5), ([9, 5, 3], 5)] {
            assert_eq!(
                (at_least(&numbered(&answers), 2), at_most(&numbered(&answers), 2)),
                (Some(expected), Some(expected))
            );
        }
        assert_eq!(at_least(&numbered(&[7]), 2), None);
    }

    proptest! {
        /// With a majority as the quorum, and fewer liars than honest ones that answer: the truth, or nothing.
        #[test]
        fn liars_that_are_fewer_than_a_quorum_never_win(
            truth: u8, lies in proptest::collection::vec(any::<u8>(), 0..4), more in 0_usize..6
        ) {
            let honest = lies.len() + more;
            let all: Vec<u8> = lies.iter().copied().chain(std::iter::repeat_n(truth, honest)).collect();
            let quorum = majority(all.len());
            prop_assert!(lies.len() < quorum);
            let answers = numbered(&all);
            if let Some((said, _)) = agreed(&answers, quorum) {
                prop_assert_eq!(said, truth);
            }
            // Of what only grows, never more than somebody honest said; of a price, never more either.
            if let Some(number) = at_least(&answers, quorum) {
                prop_assert!(number <= truth);
            }
            if honest >= quorum {
                prop_assert_eq!(agreed(&answers, quorum).map(|(said, _)| said), Some(truth));
                prop_assert_eq!(at_least(&answers, quorum), Some(truth));
                prop_assert!(at_most(&answers, quorum) <= Some(truth));
            }
        }
    }
}
