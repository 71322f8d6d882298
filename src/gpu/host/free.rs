//! Vectors of tensors that are no more, until one of their size is wanted.

use std::collections::VecDeque;

/// Bytes below which a tensor is not worth a place, and bytes of all that is kept.
const LEAST_BYTES: usize = 1 << 14;
const MOST_BYTES: usize = 1 << 28;
/// For how many others a vector waits to be used: those of some steps of the deepest network. What is made elsewhere and
/// ends here would else pile up.
const PATIENCE: u64 = 1 << 10;

/// Vectors of one type that are in no use, the one that was used last at the end, each with its number.
#[derive(Debug)]
pub(in crate::gpu) struct Free<T> {
    vectors: VecDeque<(u64, Vec<T>)>,
    bytes: usize,
    /// How many there have been.
    count: u64,
}

impl<T> Free<T> {
    /// Nothing.
    pub const fn new() -> Self {
        Self { vectors: VecDeque::new(), bytes: 0, count: 0 }
    }

    pub fn take(&mut self, length: usize) -> Option<Vec<T>> {
        let place = self.vectors.iter().rposition(|(_, vector)| vector.len() == length)?;
        let (_, vector) = self.vectors.remove(place)?;
        self.bytes -= size_of_val(vector.as_slice());
        Some(vector)
    }

    /// Keeps a vector, and those before it as far as there is room and patience.
    pub fn put(&mut self, vector: Vec<T>) {
        let bytes = size_of_val(vector.as_slice());
        if !(LEAST_BYTES..=MOST_BYTES).contains(&bytes) {
            return;
        }
        self.bytes += bytes;
        self.count += 1;
        self.vectors.push_back((self.count, vector));
        let is_full = |free: &Self, number: u64| free.bytes > MOST_BYTES || free.count - number > PATIENCE;
        while self.vectors.front().is_some_and(|(number, _)| is_full(self, *number))
            && let Some((_, oldest)) = self.vectors.pop_front()
        {
            self.bytes -= size_of_val(oldest.as_slice());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_last_comes_first_and_the_oldest_makes_room() {
        let mut free = Free::new();
        let length = LEAST_BYTES;
        for value in [1u8, 2, 3] {
            free.put(vec![value; length]);
        }
        assert_eq!(free.take(length).map(|vector| vector[0]), Some(3));
        assert_eq!(free.take(length + 1), None, "another size");
        free.put(vec![0; length - 1]);
        assert_eq!(free.take(length - 1), None, "too small to keep");
        free.put(vec![4; MOST_BYTES - length]);
        assert_eq!(free.take(length).map(|vector| vector[0]), Some(2), "the first had to go");
        assert_eq!(free.take(length), None);
        assert_eq!(free.take(MOST_BYTES - length).map(|vector| vector[0]), Some(4));
        assert_eq!(free.bytes, 0);
    }

    #[test]
    fn what_nobody_takes_is_given_up() {
        let mut free = Free::new();
        free.put(vec![0u8; LEAST_BYTES + 1]);
        for _ in 0..2 * PATIENCE {
            free.put(vec![0; LEAST_BYTES]);
            free.put(vec![1; LEAST_BYTES]);
            free.take(LEAST_BYTES);
        }
        assert_eq!(free.take(LEAST_BYTES + 1), None);
        assert!(free.vectors.len() as u64 <= PATIENCE / 2 + 1, "{}", free.vectors.len());
    }
}
