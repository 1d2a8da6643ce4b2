//! Floats that are computed side by side, and the instructions that do it.
//!
//! Left to the compiler, the products come out in scalar pieces as soon as wider vectors are allowed,
//! several times slower; so they are written for vectors, once, and this file says what a vector is.

/// Some floats. Every operation is done on each of them alone, but for `sum` and `greatest`.
pub(crate) trait Vector: Copy {
    /// How many.
    const LANES: usize;
    /// The same float in every place.
    fn splat(value: f32) -> Self;
    /// The first LANES of the slice, which holds as many.
    fn load(values: &[f32]) -> Self;
    /// To the first LANES of the slice, which holds as many.
    fn store(self, values: &mut [f32]);
    fn add(self, other: Self) -> Self;
    fn subtract(self, other: Self) -> Self;
    fn multiply(self, other: Self) -> Self;
    /// `self · factor + summand`, rounded once where the processor can.
    fn multiply_add(self, factor: Self, summand: Self) -> Self;
    /// The greater one; `other` where one of them is NaN.
    fn greater(self, other: Self) -> Self;
    /// Integers in the lowest bits become powers of two: what [`crate::exponential`] needs.
    fn power_of_two(self) -> Self;
    /// `self` where a random number reaches the threshold, else 0. The number is a function of `key` and the place: lane k has
    /// the place `first + k`.
    fn kept(self, key: [u32; 2], first: u32, threshold: u32) -> Self;
    /// Of all lanes.
    fn sum(self) -> f32;
    /// Of all lanes.
    fn greatest(self) -> f32;
}

/// A set of instructions.
pub(crate) trait Instructions {
    /// 16 floats.
    type Wide: Vector;
    /// 8 floats, for heads whose width is no multiple of 16.
    type Narrow: Vector;
}

/// The exponent of 1.0 in the bits of a float.
const ONE: u32 = 1.0f32.to_bits();

/// Odd numbers that spread the bits of a product (the first is 2^32 over the golden ratio; the others are MurmurHash3's).
const SPREAD: [u32; 3] = [0x9E37_79B9, 0x85EB_CA6B, 0xC2B2_AE35];

/// A random number of a place; every vector computes the same.
#[inline(always)]
fn random(place: u32, key: [u32; 2]) -> u32 {
    let mut bits = place.wrapping_mul(SPREAD[0]) ^ key[0];
    bits = (bits ^ (bits >> 16)).wrapping_mul(SPREAD[1]).wrapping_add(key[1]);
    bits = (bits ^ (bits >> 13)).wrapping_mul(SPREAD[2]);
    bits ^ (bits >> 16)
}

/// What every processor has.
pub(crate) struct Baseline;

impl Instructions for Baseline {
    type Wide = [f32; 16];
    type Narrow = [f32; 8];
}

impl<const N: usize> Vector for [f32; N] {
    const LANES: usize = N;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        [value; N]
    }

    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        *values.first_chunk().expect("a slice of at least a vector")
    }

    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        *values.first_chunk_mut().expect("a slice of at least a vector") = self;
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] + other[lane])
    }

    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] - other[lane])
    }

    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] * other[lane])
    }

    #[inline(always)]
    fn multiply_add(self, factor: Self, summand: Self) -> Self {
        std::array::from_fn(|lane| self[lane] * factor[lane] + summand[lane])
    }

    #[inline(always)]
    fn greater(self, other: Self) -> Self {
        std::array::from_fn(|lane| if self[lane] > other[lane] { self[lane] } else { other[lane] })
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        self.map(|lane| f32::from_bits((lane.to_bits() << 23).wrapping_add(ONE)))
    }

    #[inline(always)]
    fn kept(self, key: [u32; 2], first: u32, threshold: u32) -> Self {
        std::array::from_fn(|lane| if random(first + lane as u32, key) >= threshold { self[lane] } else { 0.0 })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        self.iter().sum()
    }

    #[inline(always)]
    fn greatest(self) -> f32 {
        self.iter().fold(f32::NEG_INFINITY, |most, lane| if *lane > most { *lane } else { most })
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Instructions, ONE, SPREAD, Vector};

    /// Eight floats and a fused multiply-add.
    pub(crate) struct Avx2;

    impl Instructions for Avx2 {
        type Wide = [__m256; 2];
        type Narrow = __m256;
    }

    /// Sixteen floats.
    pub(crate) struct Avx512;

    impl Instructions for Avx512 {
        type Wide = __m512;
        type Narrow = __m256;
    }

    /// The operations of one register. They are computed only below a function that has the instructions: see
    /// [`crate::InstructionSet`]. What looks like closures are pieces of code that are put in place: a closure would be compiled
    /// by itself, without the instructions, and each of them would be a call through memory.
    macro_rules! register {
        ($register:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $subtract:ident,
         $multiply:ident, $multiply_add:ident, $greater:ident,
         |$of_power:ident| $power:expr,
         |$of_kept:ident, $key:ident, $first:ident, $threshold:ident| $kept:expr,
         |$of_sum:ident| $sum:expr,
         |$of_greatest:ident| $greatest:expr) => {
            impl Vector for $register {
                const LANES: usize = $lanes;

                #[inline(always)]
                fn splat(value: f32) -> Self {
                    // SAFETY: the processor has the instruction: it was asked.
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                fn load(values: &[f32]) -> Self {
                    let values: &[f32; $lanes] = values.first_chunk().expect("a slice of at least a vector");
                    // SAFETY: as for `splat`; the floats are there.
                    unsafe { $load(values.as_ptr()) }
                }

                #[inline(always)]
                fn store(self, values: &mut [f32]) {
                    let values: &mut [f32; $lanes] = values.first_chunk_mut().expect("a slice of at least a vector");
                    // SAFETY: as for `splat`; the place is there.
                    unsafe { $store(values.as_mut_ptr(), self) }
                }

                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    // SAFETY: as for `splat`.
                    unsafe { $add(self, other) }
                }

                #[inline(always)]
                fn subtract(self, other: Self) -> Self {
                    // SAFETY: as for `splat`.
                    unsafe { $subtract(self, other) }
                }

                #[inline(always)]
                fn multiply(self, other: Self) -> Self {
                    // SAFETY: as for `splat`.
                    unsafe { $multiply(self, other) }
                }

                #[inline(always)]
                fn multiply_add(self, factor: Self, summand: Self) -> Self {
                    // SAFETY: as for `splat`.
                    unsafe { $multiply_add(self, factor, summand) }
                }

                #[inline(always)]
                fn greater(self, other: Self) -> Self {
                    // SAFETY: as for `splat`. The instruction gives its second operand where one is NaN.
                    unsafe { $greater(self, other) }
                }

                #[inline(always)]
                fn power_of_two(self) -> Self {
                    // SAFETY: as for `splat`.
                    unsafe {
                        let $of_power = self;
                        $power
                    }
                }

                #[inline(always)]
                fn kept(self, key: [u32; 2], first: u32, threshold: u32) -> Self {
                    // SAFETY: as for `splat`.
                    unsafe {
                        let ($of_kept, $key) = (self, [key[0] as i32, key[1] as i32]);
                        let ($first, $threshold) = (first as i32, threshold as i32);
                        $kept
                    }
                }

                #[inline(always)]
                fn sum(self) -> f32 {
                    // SAFETY: as for `splat`.
                    unsafe {
                        let $of_sum = self;
                        $sum
                    }
                }

                #[inline(always)]
                fn greatest(self) -> f32 {
                    // SAFETY: as for `splat`.
                    unsafe {
                        let $of_greatest = self;
                        $greatest
                    }
                }
            }
        };
    }

    register!(
        __m512,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_fmadd_ps,
        _mm512_max_ps,
        |lanes| {
            let power = _mm512_slli_epi32::<23>(_mm512_castps_si512(lanes));
            _mm512_castsi512_ps(_mm512_add_epi32(power, _mm512_set1_epi32(ONE as i32)))
        },
        |lanes, key, first, threshold| {
            let places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let places = _mm512_add_epi32(_mm512_set1_epi32(first), places);
            let spread = [
                _mm512_set1_epi32(SPREAD[0] as i32),
                _mm512_set1_epi32(SPREAD[1] as i32),
                _mm512_set1_epi32(SPREAD[2] as i32),
            ];
            let bits = _mm512_xor_si512(_mm512_mullo_epi32(places, spread[0]), _mm512_set1_epi32(key[0]));
            let bits = _mm512_mullo_epi32(_mm512_xor_si512(bits, _mm512_srli_epi32::<16>(bits)), spread[1]);
            let bits = _mm512_add_epi32(bits, _mm512_set1_epi32(key[1]));
            let bits = _mm512_mullo_epi32(_mm512_xor_si512(bits, _mm512_srli_epi32::<13>(bits)), spread[2]);
            let bits = _mm512_xor_si512(bits, _mm512_srli_epi32::<16>(bits));
            _mm512_maskz_mov_ps(_mm512_cmpge_epu32_mask(bits, _mm512_set1_epi32(threshold)), lanes)
        },
        |lanes| _mm512_reduce_add_ps(lanes),
        |lanes| _mm512_reduce_max_ps(lanes)
    );

    register!(
        __m256,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_fmadd_ps,
        _mm256_max_ps,
        |lanes| {
            let power = _mm256_slli_epi32::<23>(_mm256_castps_si256(lanes));
            _mm256_castsi256_ps(_mm256_add_epi32(power, _mm256_set1_epi32(ONE as i32)))
        },
        |lanes, key, first, threshold| {
            let places = _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
            let spread = [
                _mm256_set1_epi32(SPREAD[0] as i32),
                _mm256_set1_epi32(SPREAD[1] as i32),
                _mm256_set1_epi32(SPREAD[2] as i32),
            ];
            let bits = _mm256_xor_si256(_mm256_mullo_epi32(places, spread[0]), _mm256_set1_epi32(key[0]));
            let bits = _mm256_mullo_epi32(_mm256_xor_si256(bits, _mm256_srli_epi32::<16>(bits)), spread[1]);
            let bits = _mm256_add_epi32(bits, _mm256_set1_epi32(key[1]));
            let bits = _mm256_mullo_epi32(_mm256_xor_si256(bits, _mm256_srli_epi32::<13>(bits)), spread[2]);
            let bits = _mm256_xor_si256(bits, _mm256_srli_epi32::<16>(bits));
            // There is no comparison of unsigned numbers: a number reaches the threshold if it is the greater of both.
            let reaches = _mm256_cmpeq_epi32(_mm256_max_epu32(bits, _mm256_set1_epi32(threshold)), bits);
            _mm256_and_ps(lanes, _mm256_castsi256_ps(reaches))
        },
        |lanes| {
            let mut floats = [0.0; 8];
            _mm256_storeu_ps(floats.as_mut_ptr(), lanes);
            floats.sum()
        },
        |lanes| {
            let mut floats = [0.0; 8];
            _mm256_storeu_ps(floats.as_mut_ptr(), lanes);
            floats.greatest()
        }
    );

    /// Two registers as one vector.
    impl Vector for [__m256; 2] {
        const LANES: usize = 16;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            [__m256::splat(value); 2]
        }

        #[inline(always)]
        fn load(values: &[f32]) -> Self {
            [__m256::load(values), __m256::load(&values[8..])]
        }

        #[inline(always)]
        fn store(self, values: &mut [f32]) {
            self[0].store(values);
            self[1].store(&mut values[8..]);
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            [self[0].add(other[0]), self[1].add(other[1])]
        }

        #[inline(always)]
        fn subtract(self, other: Self) -> Self {
            [self[0].subtract(other[0]), self[1].subtract(other[1])]
        }

        #[inline(always)]
        fn multiply(self, other: Self) -> Self {
            [self[0].multiply(other[0]), self[1].multiply(other[1])]
        }

        #[inline(always)]
        fn multiply_add(self, factor: Self, summand: Self) -> Self {
            [self[0].multiply_add(factor[0], summand[0]), self[1].multiply_add(factor[1], summand[1])]
        }

        #[inline(always)]
        fn greater(self, other: Self) -> Self {
            [self[0].greater(other[0]), self[1].greater(other[1])]
        }

        #[inline(always)]
        fn power_of_two(self) -> Self {
            [self[0].power_of_two(), self[1].power_of_two()]
        }

        #[inline(always)]
        fn kept(self, key: [u32; 2], first: u32, threshold: u32) -> Self {
            [self[0].kept(key, first, threshold), self[1].kept(key, first + 8, threshold)]
        }

        #[inline(always)]
        fn sum(self) -> f32 {
            self[0].add(self[1]).sum()
        }

        #[inline(always)]
        fn greatest(self) -> f32 {
            self[0].greater(self[1]).greatest()
        }
    }
}
