//! What runs begin with: new ones where nobody says otherwise, and ready-made ones.

pub mod examples;
pub mod gallery;
mod start;
