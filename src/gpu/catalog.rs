//! Every shader, as adapters get it.

use super::ops::{
    activation, attack_step, boundary_step, convolution, group_norm, histogram, images, matrix_product,
    measures, noise, normalization, objective, optimizer_step, pooling, sum_parts,
};

/// Every file in `shaders/`, by its path there, with its WGSL as adapters get it; as often as it has variants.
pub fn shaders() -> Vec<(&'static str, String)> {
    let of_ops = [
        activation::shaders,
        attack_step::shaders,
        boundary_step::shaders,
        convolution::shaders,
        group_norm::shaders,
        histogram::shaders,
        images::shaders,
        matrix_product::shaders,
        measures::shaders,
        noise::shaders,
        normalization::shaders,
        objective::shaders,
        optimizer_step::shaders,
        pooling::shaders,
        sum_parts::shaders,
    ];
    let mut shaders: Vec<_> = of_ops.into_iter().flat_map(|shaders| shaders()).collect();
    shaders.sort_by_key(|(name, _)| *name);
    shaders
}
