//! Square (Andriushchenko et al. 2020): random squares, kept where they lower the margin; it reads no gradient.

use burn::tensor::{Tensor, TensorData};
use rand::{RngExt, rngs::StdRng};

use crate::{
    attack::{
        ball::{into_box, length, pick, unit},
        dice::Dice,
        goal::{Goal, rows},
        loss::margin,
        pace::Pace,
        survivors::Survivors,
        victim::Victim,
    },
    config::Norm,
    gpu::read,
};

/// Share of the pixels in the first squares, as in AutoAttack.
const FIRST_SHARE: f64 = 0.8;
/// Queries after which the share is halved again; AutoAttack does not stretch this to the number of queries.
const HALVINGS: [usize; 9] = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];
/// Least norm of a window that another is divided by.
const LEAST_NORM: f64 = 1e-12;
/// Queries between two looks at who is left.
const QUERIES_A_LOOK: usize = 100;
/// Tiles along each side that an L2 attack starts with.
const TILES: usize = 5;

/// How it moves, and for how long.
#[derive(Clone, Copy, Debug)]
pub(in crate::attack) struct Square {
    /// The ball's geometry.
    pub norm: Norm,
    /// Its radius.
    pub epsilon: f64,
    /// Passes, without the first.
    pub queries: usize,
}

/// Where Square looked, query by query.
pub struct Tries {
    /// The images as they began, and after each query: of the best candidate so far, `[N, C, H, W]`.
    pub kept: Vec<Tensor<4>>,
    /// What each query tried.
    pub tried: Vec<Tensor<4>>,
}

/// Those still attacked.
struct Search {
    clean: Tensor<4>,
    labels: Tensor<2>,
    images: Tensor<4>,
    /// `[S, 1, 1, 1]`; fooled where it is not above 0.
    margin: Tensor<4>,
    /// Their rows in the batch, and in the part of it that is left.
    batch_rows: Vec<usize>,
    part_rows: Vec<usize>,
}

/// A square in an image.
#[derive(Clone, Copy)]
struct Window {
    row: usize,
    column: usize,
    side: usize,
}

impl Square {
    /// The images that are left as the search ends with them, fooling or not.
    ///
    /// # Errors
    /// Where the device failed, or the goal is a target.
    pub async fn run(
        &self,
        victim: &Victim<'_>,
        survivors: &Survivors<'_>,
        mut draws: Draws<'_>,
        pace: &Pace,
    ) -> Result<Tensor<4>, String> {
        let (clean, Goal::AwayFrom(labels)) = survivors.part() else {
            return Err("Square cannot aim at a target".into());
        };
        let images = self.start(&clean, survivors.rows(), &mut draws);
        let margin = see(victim, &images, &labels);
        pace.pass().await;
        let mut found = images.clone();
        let part_rows = (0..survivors.count()).collect();
        let batch_rows = survivors.rows().to_vec();
        let mut search = Search { clean, labels, images, margin, batch_rows, part_rows };
        for query in 0..self.queries {
            let candidate = self.candidate(&search, query, &mut draws);
            search.judge(candidate, victim);
            pace.pass().await;
            if (query + 1).is_multiple_of(QUERIES_A_LOOK) || query + 1 == self.queries {
                found = search.look(found).await?;
                if search.part_rows.is_empty() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Vertical stripes in L∞, tiles in L2.
    fn start(&self, clean: &Tensor<4>, batch_rows: &[usize], draws: &mut Draws<'_>) -> Tensor<4> {
        let [_, c, h, w] = clean.dims();
        match self.norm {
            Norm::Linf => {
                let stripes = draws.signs(batch_rows, [c, 1, w], clean);
                (clean.clone() + stripes * self.epsilon).clamp(0.0, 1.0)
            }
            Norm::L2 => {
                let side = (h.min(w) / TILES).max(1);
                let mut delta = clean.zeros_like();
                let (top, left) = (h % side / 2, w % side / 2);
                for row in (top..=h - side).step_by(side) {
                    for column in (left..=w - side).step_by(side) {
                        let tile = draws.bump(side, clean) * draws.signs(batch_rows, [c, 1, 1], clean);
                        delta = Window { row, column, side }.assign(delta, tile);
                    }
                }
                (clean.clone() + unit(self.norm, delta) * self.epsilon).clamp(0.0, 1.0)
            }
        }
    }

    fn candidate(&self, search: &Search, query: usize, draws: &mut Draws<'_>) -> Tensor<4> {
        let [_, c, h, w] = search.clean.dims();
        let halvings = HALVINGS.iter().filter(|after| query > **after).count() as i32;
        let share = FIRST_SHARE / 2f64.powi(halvings);
        let side = (share * (h * w) as f64).sqrt().round() as usize;
        match self.norm {
            Norm::Linf => {
                let window = draws.window(side.max(1).min(h.min(w)), h, w);
                let delta = draws.coloured(window, [c, h, w], 2.0 * self.epsilon, &search.clean);
                into_box(search.images.clone() + delta, &search.clean, self.epsilon)
            }
            Norm::L2 => self.reshaped(search, (side.max(3) | 1).min(h.min(w)), draws),
        }
    }

    /// L2: a bump is added to one window, paid for by what another held and by what the ball has left.
    fn reshaped(&self, search: &Search, side: usize, draws: &mut Draws<'_>) -> Tensor<4> {
        let [_, c, h, w] = search.clean.dims();
        let (here, there) = (draws.window(side, h, w), draws.window(side, h, w));
        let delta = search.images.clone() - search.clean.clone();
        let (mask_here, mask_there) = (here.mask(h, w, &delta), there.mask(h, w, &delta));
        let either = mask_here.max_pair(mask_there.clone());
        let used = length(self.norm, delta.clone()); // [S, 1, 1, 1]
        let unused = ((used.clone() * used) * -1.0 + self.epsilon * self.epsilon).clamp_min(0.0);
        let freed = window_norm(delta.clone() * either); // [S, C, 1, 1]
        let held = here.cut(delta.clone());
        let bump = draws.bump(side, &delta) * draws.signs(&search.batch_rows, [c, 1, 1], &delta);
        let shape = bump + held.clone() / (window_norm(held) + LEAST_NORM);
        let size = (unused / c as f64 + freed.clone() * freed).sqrt();
        let shape = shape.clone() / (window_norm(shape) + LEAST_NORM) * size;
        let delta = here.assign(delta * (mask_there * -1.0 + 1.0), shape);
        (search.clean.clone() + unit(self.norm, delta) * self.epsilon).clamp(0.0, 1.0)
    }
}

impl Victim<'_> {
    /// Each of so many L∞ queries for images `[N, C, H, W]`, to be watched: it goes on where an image is fooled, and then
    /// keeps what fooled it.
    pub fn tries(
        &self,
        clean: &Tensor<4>,
        one_hot: &Tensor<2>,
        (epsilon, queries): (f64, usize),
        random: &mut StdRng,
    ) -> Tries {
        let square = Square { norm: Norm::Linf, epsilon, queries };
        let n = clean.dims()[0];
        let mut dice = Dice::of_batch(random, n);
        let shared = dice.fork();
        let mut draws = Draws { dice: &mut dice, shared };
        let rows: Vec<usize> = (0..n).collect();
        let images = square.start(clean, &rows, &mut draws);
        let mut tries = Tries { kept: vec![images.clone()], tried: Vec::with_capacity(queries) };
        let mut search = Search {
            clean: clean.clone(),
            labels: one_hot.clone(),
            margin: see(self, &images, one_hot),
            images,
            batch_rows: rows.clone(),
            part_rows: rows,
        };
        for query in 0..queries {
            let candidate = square.candidate(&search, query, &mut draws);
            tries.tried.push(candidate.clone());
            search.judge(candidate, self);
            tries.kept.push(search.images.clone());
        }
        tries
    }
}

impl Search {
    /// Keeps a candidate that lowers the margin of an image not yet fooled.
    fn judge(&mut self, candidate: Tensor<4>, victim: &Victim<'_>) {
        let margin = see(victim, &candidate, &self.labels);
        let open = self.margin.clone().greater_elem(0.0).float();
        let better = open * margin.clone().lower(self.margin.clone()).float();
        self.images = pick(&better, candidate, self.images.clone());
        self.margin = pick(&better, margin, self.margin.clone());
    }

    /// Writes the images into `found`, and goes on with those that are not fooled.
    async fn look(&mut self, found: Tensor<4>) -> Result<Tensor<4>, String> {
        let margins = read(self.margin.clone()).await?;
        let all = found.dims()[0];
        let mut sources: Vec<usize> = (0..all).collect();
        for (position, row) in self.part_rows.iter().enumerate() {
            sources[*row] = all + position;
        }
        let both = Tensor::cat(vec![found, self.images.clone()], 0);
        let found = both.select(0, rows(&sources, &self.clean));
        let open: Vec<usize> = (0..margins.len()).filter(|position| margins[*position] > 0.0).collect();
        if !open.is_empty() && open.len() < margins.len() {
            let kept = rows(&open, &self.clean);
            self.clean = self.clean.clone().select(0, kept.clone());
            self.labels = self.labels.clone().select(0, kept.clone());
            self.images = self.images.clone().select(0, kept.clone());
            self.margin = self.margin.clone().select(0, kept);
        }
        self.batch_rows = open.iter().map(|position| self.batch_rows[*position]).collect();
        self.part_rows = open.iter().map(|position| self.part_rows[*position]).collect();
        Ok(found)
    }
}

impl Window {
    /// `[S, C, side, side]`.
    fn cut(self, images: Tensor<4>) -> Tensor<4> {
        let [n, c, ..] = images.dims();
        images.slice([0..n, 0..c, self.row..self.row + self.side, self.column..self.column + self.side])
    }

    fn assign(self, images: Tensor<4>, values: Tensor<4>) -> Tensor<4> {
        let [n, c, ..] = images.dims();
        let place = [0..n, 0..c, self.row..self.row + self.side, self.column..self.column + self.side];
        images.slice_assign(place, values.expand([n, c, self.side, self.side]))
    }

    fn holds(self, row: usize, column: usize) -> bool {
        (self.row..self.row + self.side).contains(&row)
            && (self.column..self.column + self.side).contains(&column)
    }

    /// `[1, 1, H, W]`, one inside.
    fn mask(self, h: usize, w: usize, like: &Tensor<4>) -> Tensor<4> {
        let values: Vec<f32> =
            (0..h * w).map(|pixel| f32::from(u8::from(self.holds(pixel / w, pixel % w)))).collect();
        Tensor::from_data(TensorData::new(values, [1, 1, h, w]), &like.device())
    }
}

/// What is drawn in one start: the same for any selection of a batch's images.
pub(in crate::attack) struct Draws<'a> {
    /// For each image.
    pub dice: &'a mut Dice,
    /// For all of them.
    pub shared: StdRng,
}

fn sign(random: &mut StdRng) -> f32 {
    if random.random::<bool>() { 1.0 } else { -1.0 }
}

impl Draws<'_> {
    /// −1 or 1, `[S, …shape]`, for the images at `batch_rows` of the whole batch.
    fn signs(&mut self, batch_rows: &[usize], shape: [usize; 3], like: &Tensor<4>) -> Tensor<4> {
        let each: usize = shape.iter().product();
        let mut values = Vec::with_capacity(batch_rows.len() * each);
        for row in batch_rows {
            let random = self.dice.row(*row);
            values.extend((0..each).map(|_| sign(random)));
        }
        let [c, h, w] = shape;
        Tensor::from_data(TensorData::new(values, [batch_rows.len(), c, h, w]), &like.device())
    }

    fn window(&mut self, side: usize, h: usize, w: usize) -> Window {
        let row = self.shared.random_range(0..=h - side);
        Window { row, column: self.shared.random_range(0..=w - side), side }
    }

    /// ±`height` inside the window, a sign for each channel, else 0; `[1, C, H, W]`.
    fn coloured(
        &mut self,
        window: Window,
        [c, h, w]: [usize; 3],
        height: f64,
        like: &Tensor<4>,
    ) -> Tensor<4> {
        let signs: Vec<f32> = (0..c).map(|_| sign(&mut self.shared) * height as f32).collect();
        let pixel = |index: usize| {
            let (row, column) = (index % (h * w) / w, index % w);
            if window.holds(row, column) { signs[index / (h * w)] } else { 0.0 }
        };
        let values: Vec<f32> = (0..c * h * w).map(pixel).collect();
        Tensor::from_data(TensorData::new(values, [1, c, h, w]), &like.device())
    }

    /// A bump beside a dip, of length 1, along either axis; `[1, 1, side, side]`.
    fn bump(&mut self, side: usize, like: &Tensor<4>) -> Tensor<4> {
        let half = side / 2;
        let (bump, dip) = (hill(half, side), hill(side - half, side));
        let mut values: Vec<f32> = bump.into_iter().chain(dip.into_iter().map(|height| -height)).collect();
        let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.iter_mut().for_each(|value| *value /= norm);
        if self.shared.random::<bool>() {
            values = (0..side * side).map(|index| values[index % side * side + index / side]).collect();
        }
        Tensor::from_data(TensorData::new(values, [1, 1, side, side]), &like.device())
    }
}

/// Nested rectangles of height 1/i² about the middle of `height × width` pixels, of length 1.
fn hill(height: usize, width: usize) -> Vec<f32> {
    let mut values = vec![0.0f32; height * width];
    let (row, column) = (height / 2, width / 2);
    for ring in 0..=row.max(column) {
        let weight = 1.0 / ((ring + 1) * (ring + 1)) as f32;
        for y in row.saturating_sub(ring)..(row + ring + 1).min(height) {
            for x in column.saturating_sub(ring)..(column + ring + 1).min(width) {
                values[y * width + x] += weight;
            }
        }
    }
    let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter_mut().for_each(|value| *value /= norm.max(f32::MIN_POSITIVE));
    values
}

/// The norm of each channel of each image, `[S, C, 1, 1]`.
fn window_norm(images: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = images.dims();
    let flat: Tensor<3> = images.reshape([n, c, h * w]);
    (flat.clone() * flat).sum_dim(2).sqrt().reshape([n, c, 1, 1])
}

fn see(victim: &Victim<'_>, images: &Tensor<4>, labels: &Tensor<2>) -> Tensor<4> {
    let n = labels.dims()[0];
    margin(&victim.estimate(images), labels).0.reshape([n, 1, 1, 1])
}
