//! The same code for several generations of processors; which one runs is found out once a call.

#[cfg(target_arch = "x86_64")]
use crate::vector::{Avx2, Avx512};
use crate::vector::{Baseline, Instructions};

/// The vectors that are used. Only what this processor has can be had: see [`Self::detect`] and [`Self::available`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstructionSet(Vectors);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vectors {
    /// What every processor of the architecture has.
    Baseline,
    /// Eight floats and a fused multiply-add: most x86 processors since 2013.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Sixteen floats: x86 servers since 2017, AMD since Zen 4.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// What can be compiled for each of them. `run` and all that it calls must be inlined into one function, or else it is
/// compiled without the wider vectors: no closures, no iterators in the inner loops.
pub(crate) trait Work {
    /// What comes of it.
    type Output;
    /// ROWS: rows that are multiplied at once, as many as registers hold the sums of.
    fn run<I: Instructions, const ROWS: usize>(self) -> Self::Output;
}

impl InstructionSet {
    /// The widest that this processor has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
            if avx512 && is_x86_feature_detected!("avx512dq") && is_x86_feature_detected!("avx512bw") {
                return Self(Vectors::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self(Vectors::Avx2);
            }
        }
        Self(Vectors::Baseline)
    }

    /// All that this processor has.
    pub fn available() -> Vec<Self> {
        let found = match Self::detect().0 {
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx512 => vec![Vectors::Baseline, Vectors::Avx2, Vectors::Avx512],
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx2 => vec![Vectors::Baseline, Vectors::Avx2],
            Vectors::Baseline => vec![Vectors::Baseline],
        };
        found.into_iter().map(Self).collect()
    }

    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            // SAFETY: `detect` found the features, and nothing outside of this file makes these two.
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx512 => unsafe { avx512(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx2 => unsafe { avx2(work) },
            Vectors::Baseline => work.run::<Baseline, 4>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn avx512<W: Work>(work: W) -> W::Output {
    work.run::<Avx512, 8>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<W: Work>(work: W) -> W::Output {
    work.run::<Avx2, 4>()
}
