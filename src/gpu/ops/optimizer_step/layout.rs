//! Where the parts of a buffer of weights begin.

/// Each part begins at a multiple of this number of floats: 256 bytes, where any adapter lets a binding begin.
pub(super) const ALIGNMENT: usize = 64;

/// Where the parts of these lengths begin in a plane, and how long a plane is.
pub fn layout(lengths: &[usize]) -> (Vec<usize>, usize) {
    let mut end = 0;
    let starts = lengths.iter().map(|length| {
        let start = end;
        end += length.next_multiple_of(ALIGNMENT);
        start
    });
    (starts.collect(), end)
}
