//! The relation loss: value and gradient in one pass.
//!
//! For a sequence of n tokens and a relation of `left` and `right`, each cut into A heads of width d (MiniLMv2,
//! equations 6 to 8):
//!
//! ```text
//! T = L_t · R_tᵀ / sqrt(d_t)      S = L_s · R_sᵀ / sqrt(d_s)      P = softmax(T)      Q = softmax(S)
//! term = 1 / (A · n · divisor) · Σ_heads Σ_rows KL(P ‖ Q)
//! gradient of S = weight / (A · n · divisor) · (Q - P)
//! ```
//!
//! `strips` walks a head a few rows at a time: logits, `divergence`, gradient. `both_ways` takes two relations that are
//! each other's transpose at once. `pieces` is the whole loss.

mod both_ways;
mod divergence;
mod pieces;
mod problem;
mod strips;

pub use pieces::relation_terms;
pub use problem::{Gradients, PROJECTIONS, Pair, Problem, Projection, States};
