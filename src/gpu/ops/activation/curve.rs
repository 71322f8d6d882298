//! Each activation with its two derivatives: for loops on the host, and as formulas in WGSL.

use pulp::{Arch, Simd, WithSimd};

use crate::config::Activation;
use crate::gpu::host::Real;

/// A function that loops are compiled for, with its derivatives.
pub(in crate::gpu) trait Curve: Copy + Send + Sync {
    /// Whether its second derivative is anything but zero.
    const CURVED: bool;

    fn value<T: Real>(z: T) -> T;
    fn slope<T: Real>(z: T) -> T;
    fn curvature<T: Real>(z: T) -> T;
}

/// No activation.
#[derive(Clone, Copy)]
pub(in crate::gpu) struct Identity;

impl Curve for Identity {
    const CURVED: bool = false;

    #[inline(always)]
    fn value<T: Real>(z: T) -> T {
        z
    }

    #[inline(always)]
    fn slope<T: Real>(_: T) -> T {
        T::of(1.0)
    }

    #[inline(always)]
    fn curvature<T: Real>(_: T) -> T {
        T::of(0.0)
    }
}

/// [`Activation::Relu`]
#[derive(Clone, Copy)]
pub(in crate::gpu) struct Relu;

impl Curve for Relu {
    const CURVED: bool = false;

    #[inline(always)]
    fn value<T: Real>(z: T) -> T {
        // What is no number stays none.
        if z < T::of(0.0) { T::of(0.0) } else { z }
    }

    #[inline(always)]
    fn slope<T: Real>(z: T) -> T {
        if z > T::of(0.0) { T::of(1.0) } else { T::of(0.0) }
    }

    #[inline(always)]
    fn curvature<T: Real>(_: T) -> T {
        T::of(0.0)
    }
}

/// [`Activation::Silu`]
#[derive(Clone, Copy)]
pub(in crate::gpu) struct Silu;

impl Silu {
    #[inline(always)]
    fn gate<T: Real>(z: T) -> T {
        T::of(1.0) / (T::of(1.0) + (-z).exponential())
    }
}

impl Curve for Silu {
    const CURVED: bool = true;

    #[inline(always)]
    fn value<T: Real>(z: T) -> T {
        z * Self::gate(z)
    }

    #[inline(always)]
    fn slope<T: Real>(z: T) -> T {
        let gate = Self::gate(z);
        gate + z * gate * (T::of(1.0) - gate)
    }

    #[inline(always)]
    fn curvature<T: Real>(z: T) -> T {
        let gate = Self::gate(z);
        let slope = gate * (T::of(1.0) - gate);
        slope * (T::of(2.0) + z * (T::of(1.0) - gate - gate))
    }
}

/// What is to be computed with a curve that is known only at run time; `with` must be `#[inline(always)]`.
pub(in crate::gpu) trait WithCurve {
    fn with<A: Curve>(self, curve: A);
}

/// Computes it with the curve of that activation, and the widest vectors that the machine has.
pub(in crate::gpu) fn with_curve(activation: Option<Activation>, work: impl WithCurve) {
    let arch = Arch::new();
    match activation {
        None => arch.dispatch(Vectorized(work, Identity)),
        Some(Activation::Relu) => arch.dispatch(Vectorized(work, Relu)),
        Some(Activation::Silu) => arch.dispatch(Vectorized(work, Silu)),
    }
}

/// Not a closure, which the dispatch would call rather than inline.
struct Vectorized<W, A>(W, A);

impl<W: WithCurve, A: Curve> WithSimd for Vectorized<W, A> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.0.with(self.1);
    }
}

/// An activation and its two derivatives at `z`, in WGSL that has `sigmoid`, all of the type `Entries`: one or a vector.
pub(in crate::gpu) fn formulas(kind: Option<Activation>) -> [&'static str; 3] {
    match kind {
        None => ["z", "Entries(1.0)", "Entries(0.0)"],
        // What is no number stays none. Drivers may assume that there is no such thing, and take a comparison of floats for
        // a maximum, which drops it: so bits are compared. Those up to minus infinity's are the negative numbers.
        Some(Activation::Relu) => [
            "select(z, Entries(0.0), bitcast<Bits>(z) <= Bits(-8388608))",
            "select(Entries(0.0), Entries(1.0), z > Entries(0.0))",
            "Entries(0.0)",
        ],
        Some(Activation::Silu) => [
            "z * sigmoid(z)",
            "sigmoid(z) * (1.0 + z * sigmoid(-z))",
            "sigmoid(z) * sigmoid(-z) * (2.0 + z * (1.0 - 2.0 * sigmoid(z)))",
        ],
    }
}
