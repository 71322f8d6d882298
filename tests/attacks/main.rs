//! Attacks against their public implementations, and the audit that says whether their figures can be trusted.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "where a helper of a test fails so does the test, and a test waits for what it checks"
)]

#[path = "../common/adapter.rs"]
mod adapter;
#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "these tests compare in their own way")]
#[path = "../oracle/golden.rs"]
mod golden;

mod attacks;
mod audit;
mod chance;
mod saturated;
