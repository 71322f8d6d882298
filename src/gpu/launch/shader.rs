//! A file of `shaders/`, and the kernels that are made of it.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use burn_wgpu::{KernelSource, SourceTemplate};
use cubecl::prelude::KernelId;

/// A file of `shaders/`: one of each is made, by [`shader!`] in the operation that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gpu) struct Shader {
    /// Its path below `shaders/`.
    pub name: &'static str,
    /// What the file holds.
    pub text: &'static str,
}

/// The file of `shaders/` with that path.
macro_rules! shader {
    ($file:literal) => {
        $crate::gpu::launch::Shader {
            name: $file,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file)),
        }
    };
}
pub(in crate::gpu) use shader;

impl Shader {
    /// Its path in words: `attack step linf`.
    pub fn words(self) -> String {
        self.name.trim_end_matches(".wgsl").replace(['/', '_'], " ")
    }
}

/// A file is told from others by its path.
impl Hash for Shader {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// A kernel of ours: a file of `shaders/` with its gaps filled. The value holds all that its source depends on, for kernels
/// of equal values are compiled once.
pub(in crate::gpu) trait Wgsl: Copy + Debug + Eq + Hash + Send + Sync + 'static {
    /// The file.
    fn shader(&self) -> Shader;

    /// The file's text with its gaps filled.
    fn source(&self) -> SourceTemplate;

    /// Operation and variant, in words. Variants that differ only in how they divide their work have one label, so that they
    /// stand in one line of a profile.
    fn label(&self) -> String {
        self.shader().words()
    }

    /// The file's path, and the WGSL as adapters get it.
    fn complete(self) -> (&'static str, String) {
        (self.shader().name, self.source().complete())
    }
}

/// A kernel of ours as cubecl launches it.
pub(super) struct Launched<K>(pub K);

impl<K: Wgsl> KernelSource for Launched<K> {
    fn source(&self) -> SourceTemplate {
        self.0.source()
    }

    fn id(&self) -> KernelId {
        KernelId::new::<K>().info(self.0)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

#[cfg(test)]
mod tests {
    use super::Shader;

    #[test]
    fn a_path_reads_as_words() {
        let words = |name| Shader { name, text: "" }.words();
        assert_eq!(words("matrix_product.wgsl"), "matrix product");
        assert_eq!(words("attack_step/l2.wgsl"), "attack step l2");
    }
}
