//! Seeded mutations: the same on every machine.

/// What parsers are most often wrong about.
const NUMBERS: [u8; 8] = [0x00, 0x01, 0x7f, 0x80, 0xff, b'0', b'"', b'}'];

/// Draws mutations of a corpus.
pub(crate) struct Mutator(u64);

impl Mutator {
    /// One sequence per seed and name.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        Self(name.bytes().fold(seed, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)) | 1)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The high bits are the better ones.
        ((self.0 >> 16) % n.max(1) as u64) as usize
    }

    /// A seed with one to four changes; never the seed itself, unless a change undoes another.
    pub(crate) fn mutate(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes, corpus);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let (length, kind) = (bytes.len(), self.below(9));
        let at = self.below(length);
        match kind {
            _ if length == 0 => bytes.push(NUMBERS[self.below(NUMBERS.len())]),
            0 | 1 => bytes[at] ^= 1 << self.below(8),
            2 => bytes[at] = NUMBERS[self.below(NUMBERS.len())],
            3 => bytes[at] = bytes[at].wrapping_add(1 + self.below(255) as u8),
            4 => bytes.truncate(at),
            5 => {
                let count = 1 + self.below(40);
                bytes.splice(at..at, std::iter::repeat_n(NUMBERS[self.below(NUMBERS.len())], count));
            }
            6 => {
                let end = (at + 1 + self.below(40)).min(length);
                bytes.drain(at..end);
            }
            // A piece of this one somewhere else: fields that are well-formed where they do not belong.
            7 => {
                let piece = bytes[at..(at + 1 + self.below(64)).min(length)].to_vec();
                let to = self.below(length);
                let end = (to + piece.len()).min(length);
                bytes.splice(to..end, piece);
            }
            // The end of another seed.
            _ => {
                let other = &corpus[self.below(corpus.len())];
                bytes.truncate(at);
                bytes.extend_from_slice(&other[at.min(other.len())..]);
            }
        }
    }
}

#[test]
fn mutations_are_reproducible_and_differ() {
    let corpus = [vec![1, 2, 3, 4], vec![5; 100], vec![]];
    let draw = |seed| {
        let mut mutator = Mutator::new(seed, "name");
        (0..200).map(|_| mutator.mutate(&corpus)).collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let distinct: std::collections::BTreeSet<_> = draw(1).into_iter().collect();
    assert!(distinct.len() > 100, "{}", distinct.len());
}
