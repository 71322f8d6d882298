//! A file of `shaders/`, and the kernels that are made of it.

use burn_wgpu::KernelSource;

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

    /// Its path, and the WGSL of a kernel that is made of it, as adapters get it.
    pub fn complete(self, kernel: &impl KernelSource) -> (&'static str, String) {
        (self.name, kernel.source().complete())
    }
}

/// A kernel that says what it is called.
pub(in crate::gpu) trait Labelled: KernelSource {
    /// Operation and variant, in words. Variants that differ only in how they divide their work have one label, so that they
    /// stand in one line of a profile.
    fn label(&self) -> String;
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
