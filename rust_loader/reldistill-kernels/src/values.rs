//! Floats that somebody else owns, in fp32 or bf16.

use std::marker::PhantomData;

/// To read.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// Single precision.
    Float32(&'a [f32]),
    /// The upper halves of single precision.
    BFloat16(&'a [u16]),
}

/// To write.
#[derive(Debug)]
pub enum ValuesMut<'a> {
    /// Single precision.
    Float32(&'a mut [f32]),
    /// The upper halves of single precision.
    BFloat16(&'a mut [u16]),
}

impl Values<'_> {
    /// Elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Float32(values) => values.len(),
            Self::BFloat16(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As many elements as `row` holds, from `at` on, in single precision.
    #[inline(always)]
    pub(crate) fn read(&self, at: usize, row: &mut [f32]) {
        match self {
            Self::Float32(values) => row.copy_from_slice(&values[at..at + row.len()]),
            Self::BFloat16(values) => {
                let values = &values[at..at + row.len()];
                for i in 0..row.len() {
                    row[i] = f32::from_bits(u32::from(values[i]) << 16);
                }
            }
        }
    }
}

impl ValuesMut<'_> {
    /// Elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Float32(values) => values.len(),
            Self::BFloat16(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What several threads write to, each to elements of its own.
pub(crate) struct Output<'a> {
    first: Pointer,
    elements: usize,
    memory: PhantomData<&'a mut [f32]>,
}

enum Pointer {
    Float32(*mut f32),
    BFloat16(*mut u16),
}

// SAFETY: `write` is the only access, and its callers write to different elements.
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    pub(crate) fn new(memory: ValuesMut<'a>) -> Self {
        let elements = memory.len();
        let first = match memory {
            ValuesMut::Float32(memory) => Pointer::Float32(memory.as_mut_ptr()),
            ValuesMut::BFloat16(memory) => Pointer::BFloat16(memory.as_mut_ptr()),
        };
        Self { first, elements, memory: PhantomData }
    }

    /// # Safety
    /// No other thread reads or writes these elements.
    #[inline(always)]
    pub(crate) unsafe fn write(&self, at: usize, values: &[f32]) {
        assert!(at + values.len() <= self.elements, "a row lies within its output");
        match self.first {
            // SAFETY: within the memory that was borrowed; the caller promises that no one else is there.
            Pointer::Float32(first) => unsafe {
                std::ptr::copy_nonoverlapping(values.as_ptr(), first.add(at), values.len());
            },
            Pointer::BFloat16(first) => {
                for (number, value) in values.iter().enumerate() {
                    // SAFETY: as above.
                    unsafe { first.add(at + number).write(rounded(*value)) };
                }
            }
        }
    }
}

/// The nearest bf16, the even one of two; NaN stays NaN.
#[inline(always)]
fn rounded(value: f32) -> u16 {
    let bits = value.to_bits();
    let nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    (if value.is_nan() { (bits >> 16) | 0x40 } else { nearest }) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_is_rounded_to_the_nearest_and_to_even() {
        for (value, expected) in [
            (1.0, 0x3F80),
            (-2.5, 0xC020),
            (f32::from_bits(0x3F80_8000), 0x3F80),
            (f32::from_bits(0x3F81_8000), 0x3F82),
            (f32::from_bits(0x3F80_8001), 0x3F81),
            (f32::INFINITY, 0x7F80),
            (f32::MAX, 0x7F80),
            (0.0, 0),
        ] {
            assert_eq!(rounded(value), expected, "{value}");
        }
        assert!(f32::from_bits(u32::from(rounded(f32::NAN)) << 16).is_nan());
        assert!(f32::from_bits(u32::from(rounded(f32::from_bits(0x7F80_0001))) << 16).is_nan());
    }
}
