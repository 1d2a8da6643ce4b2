//! What the order of batches costs at 10⁵ and at 10⁹ sequences, at any position; prints JSON.
//!
//! `cargo run --release --example order_cost > benchmarks/results/order_cost.json`
//!
//! A round makes the indices of batches at random positions; sizes take turns.

use std::hint::black_box;
use std::time::Instant;

use reldistill_loader::GlobalOrder;
use serde_json::json;

const SIZES: [u64; 3] = [100_000, 10_000_000, 1_000_000_000];
const BATCH_SIZE: u64 = 256;
const ROUNDS: usize = 21;
const BATCHES: u64 = 2_000;

fn main() {
    let mut microseconds = SIZES.map(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for (size, found) in SIZES.iter().zip(&mut microseconds) {
            let order = GlobalOrder::new(*size, 7, BATCH_SIZE);
            let started = Instant::now();
            for number in 0..BATCHES {
                black_box(order.batch(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16));
            }
            found.push(started.elapsed().as_secs_f64() * 1e6 / BATCHES as f64);
        }
    }
    let mut sizes = Vec::new();
    for (size, found) in SIZES.iter().zip(&mut microseconds) {
        found.sort_by(f64::total_cmp);
        let (median, least, greatest) = (found[ROUNDS / 2], found[0], found[ROUNDS - 1]);
        sizes.push(json!({
            "sequences": size,
            "microseconds_a_batch": {"median": median, "least": least, "greatest": greatest},
        }));
    }
    let command = "cargo run --release --example order_cost";
    let result = json!({"command": command, "batch_size": BATCH_SIZE, "rounds": ROUNDS, "sizes": sizes});
    println!("{result:#}");
}
