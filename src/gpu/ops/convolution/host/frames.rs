//! Images as the loops read them: copied with zeros around, into memory that each thread keeps for the next ones.

use std::cell::RefCell;
use std::collections::VecDeque;

use pulp::{Arch, Simd, WithSimd};

use super::tiles::MOST_PIXELS;

/// Channels, or other rows, that become neighbours together.
pub(super) const BLOCK: usize = 8;
/// For how many layouts a thread keeps memory: more than a step of a deep network has.
const MOST_LAYOUTS: usize = 32;

thread_local! {
    /// What this thread does not use now, the latest last.
    static KEPT: RefCell<VecDeque<(FrameLayout, Memory)>> = const { RefCell::new(VecDeque::new()) };
}

/// Where in memory an image and its zeros are: equal where these are in the same places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameLayout {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// Zeros on every side.
    pub border: usize,
    /// Of planes, their stride; none where channels are innermost.
    pub stride: Option<usize>,
}

#[derive(Default)]
struct Memory {
    framed: Vec<f32>,
    /// Some channels of an unframed image, side by side.
    turned: Vec<[f32; BLOCK]>,
}

/// Memory for one layout, zero but for where an image was copied: it goes back to the thread when it is dropped.
pub(super) struct Stage {
    layout: FrameLayout,
    memory: Memory,
}

impl Stage {
    /// As many floats as are asked for, in which nothing but images of that layout has been written; always as many for a layout.
    pub fn of(layout: FrameLayout, floats: usize) -> Self {
        let kept = KEPT.with_borrow_mut(|kept| {
            let place = kept.iter().rposition(|(other, _)| *other == layout)?;
            kept.remove(place)
        });
        let memory = kept
            .map_or_else(|| Memory { framed: vec![0.0; floats], turned: Vec::new() }, |(_, memory)| memory);
        Self { layout, memory }
    }

    pub fn framed(&self) -> &[f32] {
        &self.memory.framed
    }

    pub fn framed_mut(&mut self) -> &mut [f32] {
        &mut self.memory.framed
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let kept = (self.layout, std::mem::take(&mut self.memory));
        // A thread that ends keeps nothing.
        let _ = KEPT.try_with(|all| {
            let mut all = all.borrow_mut();
            all.push_back(kept);
            if all.len() > MOST_LAYOUTS {
                all.pop_front();
            }
        });
    }
}

/// An image copied with its channels innermost, `border` zeros on every side.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub border: usize,
}

impl Frame {
    /// Floats from one row to the next.
    pub fn pitch(self) -> usize {
        (self.width + 2 * self.border) * self.channels
    }

    /// Where a pixel, counted from the frame's corner, starts.
    pub fn start(self, row: usize, column: usize) -> usize {
        row * self.pitch() + column * self.channels
    }

    /// Memory for it, with what a tile may read, and ignore, beyond its end.
    pub fn stage(self) -> Stage {
        let Self { channels, height, width, border } = self;
        let layout = FrameLayout { channels, height, width, border, stride: None };
        let mut stage = Stage::of(layout, (height + 2 * border) * self.pitch() + MOST_PIXELS);
        stage.memory.turned.resize(height * width, [0.0; BLOCK]);
        stage
    }

    /// Copies an image of `channels` planes, at most as many as the frame has, into the frame.
    pub fn fill(self, stage: &mut Stage, image: &[f32], channels: usize) {
        Arch::new().dispatch(Fill { frame: self, memory: &mut stage.memory, image, channels });
    }

    /// Puts values of some channels, from one on, into every pixel.
    #[inline(always)]
    fn place<const CHANNELS: usize>(self, framed: &mut [f32], first: usize, values: &[[f32; CHANNELS]]) {
        for (row, line) in values.chunks_exact(self.width.max(1)).enumerate() {
            let start = self.start(row + self.border, self.border) + first;
            for (pixel, values) in framed[start..].chunks_mut(self.channels).zip(line) {
                pixel[..CHANNELS].copy_from_slice(values);
            }
        }
    }
}

/// [`Frame::fill`]. Most images come from memory rather than a cache, which is fastest when they are read from end to end:
/// some planes at a time, not row by row of all.
struct Fill<'a> {
    frame: Frame,
    memory: &'a mut Memory,
    image: &'a [f32],
    channels: usize,
}

impl WithSimd for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { frame, memory: Memory { framed, turned }, image, channels } = self;
        let plane = turned.len();
        let in_blocks = channels / BLOCK * BLOCK;
        let (blocks, rest) = image[..channels * plane].split_at(in_blocks * plane);
        for (block, planes) in blocks.chunks_exact((BLOCK * plane).max(1)).enumerate() {
            side_by_side(planes, turned);
            frame.place(framed, block * BLOCK, turned);
        }
        for (channel, values) in rest.chunks_exact(plane.max(1)).enumerate() {
            frame.place(framed, in_blocks + channel, values.as_chunks::<1>().0);
        }
    }
}

/// Makes the values of [`BLOCK`] rows, as long as the result, neighbours. Written out, because the compiler makes vectors
/// of this loop and of no shorter form of it.
#[inline(always)]
pub(super) fn side_by_side(rows: &[f32], turned: &mut [[f32; BLOCK]]) {
    let length = turned.len();
    let (a, rows) = rows.split_at(length);
    let (b, rows) = rows.split_at(length);
    let (c, rows) = rows.split_at(length);
    let (d, rows) = rows.split_at(length);
    let (e, rows) = rows.split_at(length);
    let (f, rows) = rows.split_at(length);
    let (g, rows) = rows.split_at(length);
    let h = &rows[..length];
    for place in 0..length {
        turned[place] = [a[place], b[place], c[place], d[place], e[place], f[place], g[place], h[place]];
    }
}
