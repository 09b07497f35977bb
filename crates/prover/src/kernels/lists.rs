//! Sums of many lists of points at once: rounds of pairwise additions that share inversions.

use super::{
    backend::Backend,
    point::{RAW_IDENTITY, RawPoint, Ref, join, load},
};

/// References worked on in one go: operands and results of a round then stay in the
/// second-level cache.
const CHUNK: usize = 1 << 14;

/// Lists of references to points, one behind the other.
#[derive(Default)]
pub(crate) struct Lists {
    /// The references of all lists.
    refs: Vec<Ref>,
    /// The length of every list; their sum is `refs.len()`.
    lens: Vec<u32>,
}

/// The buffers of a reduction, kept for reuse.
#[derive(Default)]
pub(crate) struct Scratch {
    from: Vec<RawPoint>,
    to: Vec<RawPoint>,
    pairs: Vec<[Ref; 2]>,
    rest: Vec<Ref>,
    refs: Vec<Ref>,
    /// Lists not summed up yet: number and length.
    open: Vec<(u32, u32)>,
}

impl Lists {
    /// Sorts `(list, reference)` entries into `count` lists. `entries` is called twice and must
    /// give the same entries both times.
    pub(crate) fn sort<I>(count: usize, entries: impl Fn() -> I) -> Self
    where
        I: Iterator<Item = (usize, Ref)>,
    {
        let mut lens = vec![0; count];
        entries().for_each(|(list, _)| lens[list] += 1);
        let mut end = 0;
        let mut at = Vec::with_capacity(count);
        for len in &lens {
            at.push(end);
            end += *len as usize;
        }
        let mut refs = vec![0; end];
        entries().for_each(|(list, r)| {
            refs[at[list]] = r;
            at[list] += 1;
        });
        Self { refs, lens }
    }

    /// Appends a list.
    pub(crate) fn push(&mut self, refs: impl IntoIterator<Item = Ref>) {
        let before = self.refs.len();
        self.refs.extend(refs);
        self.lens.push((self.refs.len() - before) as u32);
    }

    /// The sum of every list, the identity for an empty one.
    ///
    /// No reference may lead to the identity.
    pub(crate) fn sum(&self, backend: Backend, src: &[RawPoint], scratch: &mut Scratch) -> Vec<RawPoint> {
        let mut sums = vec![RAW_IDENTITY; self.lens.len()];
        let (mut list, mut at) = (0, 0);
        while list < self.lens.len() {
            let start = at;
            scratch.open.clear();
            while list < self.lens.len() && at - start < CHUNK {
                if self.lens[list] > 0 {
                    scratch.open.push((list as u32, self.lens[list]));
                }
                at += self.lens[list] as usize;
                list += 1;
            }
            scratch.refs.clear();
            scratch.refs.extend_from_slice(&self.refs[start..at]);
            scratch.reduce(backend, src, &mut sums);
        }
        sums
    }
}

impl Scratch {
    /// Sums the open lists, whose references are in `refs`.
    fn reduce(&mut self, backend: Backend, src: &[RawPoint], sums: &mut [RawPoint]) {
        self.round(backend, src, sums);
        while !self.open.is_empty() {
            let src = std::mem::take(&mut self.from);
            self.round(backend, &src, sums);
            // `round` left its results in `from`; the buffer it read is free again.
            self.to = src;
        }
    }

    /// Halves every open list; lists of one point are finished. The points are then in `from`.
    fn round(&mut self, backend: Backend, src: &[RawPoint], sums: &mut [RawPoint]) {
        self.pair_up(src, sums);
        let reserved = self.open.len();
        self.to.resize(reserved + self.pairs.len(), RAW_IDENTITY);
        let (kept, added) = self.to.split_at_mut(reserved);
        for (kept, r) in kept.iter_mut().zip(&self.rest) {
            *kept = signed(src, *r);
        }
        if backend.add_pairs(src, &self.pairs, added) {
            self.drop_identities();
        }
        std::mem::swap(&mut self.from, &mut self.to);
    }

    /// Splits the open lists into pairs and left-over points, and makes their references refer
    /// to where the results of this round will be: first one place for a left-over point of
    /// every list, then the sums of the pairs.
    fn pair_up(&mut self, src: &[RawPoint], sums: &mut [RawPoint]) {
        self.pairs.clear();
        self.rest.clear();
        let refs = &self.refs;
        let mut at = 0;
        self.open.retain_mut(|(list, len)| {
            let points = &refs[at..at + *len as usize];
            at += points.len();
            if let [single] = points {
                sums[*list as usize] = signed(src, *single);
                return false;
            }
            let (pairs, rest) = points.as_chunks();
            self.pairs.extend_from_slice(pairs);
            self.rest.extend_from_slice(rest);
            true
        });
        self.refs.clear();
        let (mut rest, mut pair) = (0, self.open.len() as Ref);
        for (_, len) in &mut self.open {
            let end = pair + *len / 2;
            self.refs.extend((pair..end).map(|i| i << 1));
            pair = end;
            if *len & 1 == 1 {
                self.refs.push(rest << 1);
                rest += 1;
            }
            *len = len.div_ceil(2);
        }
    }

    /// Removes the identity from the lists.
    fn drop_identities(&mut self) {
        let (mut read, mut write) = (0, 0);
        for (_, len) in &mut self.open {
            let before = write;
            for _ in 0..*len {
                let r = self.refs[read];
                read += 1;
                if self.to[(r >> 1) as usize] != RAW_IDENTITY {
                    self.refs[write] = r;
                    write += 1;
                }
            }
            *len = (write - before) as u32;
        }
        self.refs.truncate(write);
        self.open.retain(|(_, len)| *len > 0);
    }
}

/// A referenced point, the sign applied.
fn signed(src: &[RawPoint], r: Ref) -> RawPoint {
    if r & 1 == 0 {
        src[(r >> 1) as usize]
    } else {
        let (x, y) = load(src, r);
        join(&x, &y)
    }
}
