//! Several corpora from which sequences are drawn in fixed shares.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::corpus::{Corpus, Place};
use crate::error::{Error, Result};
use crate::manifest::hexadecimal;
use crate::order::{GlobalOrder, MIXTURE_BLOCK, OrderPart};
use crate::shard::TokenIds;

/// A mixture has at most so many corpora, each with at least one position of a block.
const MOST_CORPORA: usize = 4096;

/// One corpus, or several of one tokenizer with their shares. Indices count through all of them, one after the other.
pub struct Mixture {
    corpora: Vec<Arc<Corpus>>,
    /// Index of each corpus's first sequence.
    firsts: Vec<u64>,
    /// Positions of each corpus in every [`MIXTURE_BLOCK`].
    quotas: Vec<u64>,
    sequences: u64,
    fingerprint: String,
}

impl From<Arc<Corpus>> for Mixture {
    fn from(corpus: Arc<Corpus>) -> Self {
        let (sequences, fingerprint) = (corpus.sequences(), corpus.fingerprint().to_owned());
        Self { corpora: vec![corpus], firsts: vec![0], quotas: vec![MIXTURE_BLOCK], sequences, fingerprint }
    }
}

impl Mixture {
    /// Corpora that are drawn from in proportion to `weights`.
    ///
    /// # Errors
    /// [`Error::Argument`] for no corpus, too many, or weights that are not one positive number each;
    /// [`Error::OtherTokenizer`].
    pub fn by_weights(corpora: Vec<Arc<Corpus>>, weights: &[f64]) -> Result<Self> {
        if weights.len() != corpora.len() {
            let allowed = format!("pass one for each of the {} corpora", corpora.len());
            return wrong("weights", format!("{weights:?}"), allowed);
        }
        if let Some(weight) = weights.iter().find(|weight| !(weight.is_finite() && **weight > 0.0)) {
            return wrong(
                "weights",
                weight.to_string(),
                "each is a positive number; leave out what is not wanted".into(),
            );
        }
        if !(1..=MOST_CORPORA).contains(&corpora.len()) {
            return wrong("corpora", corpora.len().to_string(), format!("pass 1 to {MOST_CORPORA} corpora"));
        }
        for other in &corpora[1..] {
            if other.manifest().tokenizer.sha256 != corpora[0].manifest().tokenizer.sha256 {
                let (first, other) = (corpora[0].folder().to_owned(), other.folder().to_owned());
                return Err(Error::OtherTokenizer { first, other });
            }
        }
        if corpora.len() == 1 {
            return Ok(corpora.into_iter().next().expect("there is one").into());
        }
        let quotas = quotas(weights);
        let mut firsts = Vec::with_capacity(corpora.len());
        let (mut sequences, mut identity) = (0, Sha256::new());
        for (corpus, quota) in corpora.iter().zip(&quotas) {
            firsts.push(sequences);
            sequences += corpus.sequences();
            identity.update(format!("{} {quota}\n", corpus.fingerprint()));
        }
        let fingerprint = hexadecimal(&identity.finalize());
        Ok(Self { corpora, firsts, quotas, sequences, fingerprint })
    }

    /// Corpora that are drawn from in proportion to their numbers of sequences to the power of `exponent`: 1 as they
    /// come, 0 all alike, XLM-R's α = 0.3 between (Conneau et al., 2020, section 3.1; Lample and Conneau, 2019, eq. 1).
    ///
    /// # Errors
    /// As [`Mixture::by_weights`]; [`Error::Argument`] for an exponent that is no number from 0 to 1.
    pub fn by_size(corpora: Vec<Arc<Corpus>>, exponent: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&exponent) {
            return wrong(
                "exponent",
                exponent.to_string(),
                "pass a number from 0 (all alike) to 1 (as they come)".into(),
            );
        }
        let weights: Vec<f64> = corpora.iter().map(|corpus| (corpus.sequences() as f64).powf(exponent)).collect();
        Self::by_weights(corpora, &weights)
    }

    /// The corpora.
    pub fn corpora(&self) -> &[Arc<Corpus>] {
        &self.corpora
    }

    /// The exact share of each corpus, from 0 to 1.
    pub fn shares(&self) -> Vec<f64> {
        self.quotas.iter().map(|&quota| quota as f64 / MIXTURE_BLOCK as f64).collect()
    }

    /// Sequences in all corpora.
    pub fn sequences(&self) -> u64 {
        self.sequences
    }

    /// Identity of corpora and shares; of one corpus, its own.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Number of the corpus that holds a sequence, and the sequence's index there.
    ///
    /// # Errors
    /// [`Error::SequenceOutOfRange`].
    pub fn locate(&self, index: u64) -> Result<(usize, u64)> {
        if index >= self.sequences {
            return Err(Error::SequenceOutOfRange { index, sequences: self.sequences });
        }
        let corpus = self.firsts.partition_point(|&first| first <= index) - 1;
        Ok((corpus, index - self.firsts[corpus]))
    }

    /// The ids of a sequence, where they lie.
    ///
    /// # Errors
    /// As [`Corpus::sequence`].
    pub fn sequence(&self, index: u64) -> Result<TokenIds<'_>> {
        self.place(index)?.ids()
    }

    pub(crate) fn place(&self, index: u64) -> Result<Place<'_>> {
        let (corpus, index) = self.locate(index)?;
        self.corpora[corpus].place(index)
    }

    /// The id of the padding token, if the tokenizer has one.
    pub fn pad_id(&self) -> Option<u32> {
        self.corpora[0].manifest().tokenizer.special_ids.get("pad").copied()
    }

    /// The greatest id that its tokenizer gives.
    pub(crate) fn largest_id(&self) -> u32 {
        self.corpora[0].manifest().tokenizer.largest_id
    }

    pub(crate) fn order(&self, seed: u64, batch_size: u64) -> GlobalOrder {
        let parts = self.corpora.iter().zip(&self.quotas);
        let parts = parts.map(|(corpus, &quota)| OrderPart { sequences: corpus.sequences(), quota }).collect();
        GlobalOrder::mixed(parts, seed, batch_size)
    }
}

fn wrong<T>(name: &'static str, value: String, allowed: String) -> Result<T> {
    Err(Error::Argument { name, value, allowed })
}

/// Whole numbers in proportion to the weights, at least 1 each, that add up to a block (largest remainders first).
fn quotas(weights: &[f64]) -> Vec<u64> {
    // Divided by the greatest first, so that no sum overflows.
    let greatest = weights.iter().copied().fold(0.0, f64::max);
    let total: f64 = weights.iter().map(|weight| weight / greatest).sum();
    let exact: Vec<f64> = weights.iter().map(|weight| weight / greatest / total * MIXTURE_BLOCK as f64).collect();
    let mut quotas: Vec<u64> = exact.iter().map(|exact| (exact.floor() as u64).max(1)).collect();
    let mut by_remainder: Vec<usize> = (0..exact.len()).collect();
    by_remainder.sort_by(|&one, &other| exact[other].fract().total_cmp(&exact[one].fract()));
    let mut candidates = by_remainder.iter().cycle();
    while quotas.iter().sum::<u64>() < MIXTURE_BLOCK {
        quotas[*candidates.next().expect("there is a corpus")] += 1;
    }
    // What the smallest got too much is taken from the largest.
    while quotas.iter().sum::<u64>() > MIXTURE_BLOCK {
        let largest = (0..quotas.len()).max_by_key(|&corpus| quotas[corpus]).expect("there is a corpus");
        quotas[largest] -= 1;
    }
    quotas
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quotas_fill_a_block_in_proportion(weights in prop::collection::vec(1e-300f64..1e300, 1..200)) {
            let quotas = quotas(&weights);
            prop_assert_eq!(quotas.iter().sum::<u64>(), MIXTURE_BLOCK);
            let greatest = weights.iter().copied().fold(0.0, f64::max);
            let total: f64 = weights.iter().map(|weight| weight / greatest).sum();
            for (quota, weight) in quotas.iter().zip(&weights) {
                let exact = weight / greatest / total * MIXTURE_BLOCK as f64;
                prop_assert!(*quota >= 1 && (*quota as f64 - exact).abs() <= 1.0 + weights.len() as f64, "{quota} for {exact}");
            }
        }
    }

    #[test]
    fn the_largest_remainder_goes_first() {
        assert_eq!(quotas(&[1.0, 1.0, 1.0]), [21846, 21845, 21845]);
        assert_eq!(quotas(&[1e-9, 1.0, 1.0]), [1, 32768, 32767]);
    }
}
