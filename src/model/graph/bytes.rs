//! Pieces of files that several constants share.

use std::{ops::Deref, sync::Arc};

/// A piece of a file, or bytes of its own. Cheap to clone.
#[derive(Clone)]
pub(super) struct Bytes {
    all: Arc<Vec<u8>>,
    start: usize,
    length: usize,
    shared: bool,
}

impl std::fmt::Debug for Bytes {
    /// Nothing of the bytes: weights may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes({})", self.length)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.all[self.start..self.start + self.length]
    }
}

impl Bytes {
    pub(super) fn own(bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        Self { all: Arc::new(bytes), start: 0, length, shared: false }
    }

    /// `length` bytes of a file from `start` on, if it has so many.
    pub(super) fn piece(file: &Arc<Vec<u8>>, start: usize, length: usize) -> Option<Self> {
        file.get(start..)?.get(..length)?;
        Some(Self { all: file.clone(), start, length, shared: true })
    }

    /// A slice of a file, shared with it; copied when it is of something else.
    pub(super) fn within(file: &Arc<Vec<u8>>, slice: &[u8]) -> Self {
        let start = (slice.as_ptr() as usize).checked_sub(file.as_ptr() as usize);
        let shared = start.and_then(|start| Self::piece(file, start, slice.len()));
        shared.unwrap_or_else(|| Self::own(slice.to_vec()))
    }

    /// Whether they keep a file's memory, of which they may be the smallest part.
    pub(super) const fn is_shared(&self) -> bool {
        self.shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_of_a_file_are_shared_and_others_copied() {
        let file = Arc::new(vec![1, 2, 3, 4]);
        let piece = Bytes::within(&file, &file[1..3]);
        assert_eq!((&*piece, Arc::strong_count(&file)), (&[2, 3][..], 2));
        assert!(piece.is_shared());
        let other = Bytes::within(&file, &[2, 3]);
        assert_eq!((&*other, Arc::strong_count(&file)), (&[2, 3][..], 2));
        assert!(!other.is_shared());
        assert!(Bytes::piece(&file, 3, 2).is_none() && Bytes::piece(&file, usize::MAX, 2).is_none());
        assert!(Bytes::piece(&file, 4, 0).is_some());
    }
}
