//! `e^x` without a branch or a call, for a whole vector at once.

use crate::vector::Vector;

/// Below this the result is that of this: 1.6e-38, which adds nothing to a sum that holds a 1.
const LEAST: f32 = -87.0;
/// 1.5 · 2^23: adding it rounds to an integer, which then stands in the lowest bits.
const ROUNDING: f32 = 12_582_912.0;
/// ln 2 in two parts, the first with zeros at its end, so that its product with an integer is exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// Of the series of `(e^r - 1 - r) / r²`, fitted on |r| <= ln(2) / 2 (Cephes, `expf`).
const SERIES: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

/// `e^x` to two units in the last place for `x <= 0`; NaN stays NaN.
#[inline(always)]
pub(crate) fn exponential<V: Vector>(x: V) -> V {
    let x = V::splat(LEAST).greater(x);
    let shifted = x.multiply_add(V::splat(std::f32::consts::LOG2_E), V::splat(ROUNDING));
    let power = shifted.subtract(V::splat(ROUNDING));
    let rest = power.multiply_add(V::splat(-LN_2[1]), power.multiply_add(V::splat(-LN_2[0]), x));
    let mut series = V::splat(SERIES[0]);
    for coefficient in &SERIES[1..] {
        series = series.multiply_add(rest, V::splat(*coefficient));
    }
    let mantissa = series.multiply_add(rest.multiply(rest), rest).add(V::splat(1.0));
    mantissa.multiply(shifted.power_of_two())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(x: f32) -> f32 {
        exponential([x])[0]
    }

    #[test]
    fn it_is_right_to_two_units_in_the_last_place() {
        for step in 0..=870_000 {
            let x = -(step as f32) * 1e-4;
            let (found, expected) = (one(x), f64::from(x).exp());
            assert!((f64::from(found) - expected).abs() <= expected * 2.4e-7, "{x}: {found} for {expected}");
        }
    }

    #[test]
    fn the_ends_of_its_range() {
        assert_eq!(one(0.0), 1.0);
        assert!(one(-1e30) < 2e-38);
        assert!(one(f32::NEG_INFINITY) < 2e-38);
        assert!(one(f32::NAN).is_nan());
    }
}
