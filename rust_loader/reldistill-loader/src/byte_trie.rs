//! Which words of a vocabulary start at a place of a text.

use std::collections::VecDeque;
use std::ops::Range;

/// A trie over bytes, nine bytes a node.
///
/// Nodes are numbered level by level, so that the children of a node lie beside each other, and those of the next node
/// behind them.
pub(crate) struct ByteTrie {
    /// Number of the first child of each node, and one more that ends the last node's.
    first_child: Vec<u32>,
    /// The byte that leads to each node; nothing does to the first, which is the root.
    label: Vec<u8>,
    /// The word that ends at each node.
    word: Vec<u32>,
}

const NO_WORD: u32 = u32::MAX;

impl ByteTrie {
    /// Takes words, of which `word` gives one by its number. Of equal ones the last is found.
    pub(crate) fn of<'w>(words: u32, word: impl Fn(u32) -> &'w str) -> Self {
        let mut sorted: Vec<u32> = (0..words).collect();
        sorted.sort_by_key(|&number| word(number));
        let mut trie = Self { first_child: Vec::new(), label: vec![0], word: Vec::new() };
        // Words that go through a node, and the bytes of them that lead there.
        let mut nodes = VecDeque::from([(0..sorted.len(), 0)]);
        while let Some((Range { mut start, end }, depth)) = nodes.pop_front() {
            let byte = |at: usize| word(sorted[at]).as_bytes()[depth];
            let mut ending = NO_WORD;
            while start < end && word(sorted[start]).len() == depth {
                ending = sorted[start];
                start += 1;
            }
            trie.word.push(ending);
            trie.first_child.push(trie.label.len() as u32);
            while start < end {
                let label = byte(start);
                let behind =
                    start + sorted[start..end].partition_point(|&number| word(number).as_bytes()[depth] == label);
                trie.label.push(label);
                nodes.push_back((start..behind, depth + 1));
                start = behind;
            }
        }
        trie.first_child.push(trie.label.len() as u32);
        trie
    }

    /// Length and number of each word but the empty one that `text` starts with, from short to long.
    pub(crate) fn prefixes(&self, text: &[u8]) -> impl Iterator<Item = (usize, u32)> {
        let mut node = 0;
        let nodes = text.iter().map_while(move |&byte| {
            node = self.child(node, byte)?;
            Some(self.word[node])
        });
        (1..).zip(nodes).filter(|&(_, word)| word != NO_WORD)
    }

    /// The number of a word.
    pub(crate) fn find(&self, word: &str) -> Option<u32> {
        let node = word.bytes().try_fold(0, |node, byte| self.child(node, byte))?;
        Some(self.word[node]).filter(|&word| word != NO_WORD)
    }

    fn child(&self, node: usize, byte: u8) -> Option<usize> {
        let (first, end) = (self.first_child[node] as usize, self.first_child[node + 1] as usize);
        Some(first + memchr::memchr(byte, &self.label[first..end])?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_are_found_where_a_text_starts_with_them(words in prop::collection::vec("[abé漢]{0,4}", 0..40), text in "[abé漢c]{0,8}") {
            let trie = ByteTrie::of(words.len() as u32, |number| &words[number as usize]);
            let known: BTreeMap<&str, u32> = words.iter().map(String::as_str).zip(0..).collect();
            let expected: BTreeMap<usize, u32> =
                known.iter().filter(|(word, _)| !word.is_empty() && text.starts_with(**word)).map(|(word, &number)| (word.len(), number)).collect();
            prop_assert_eq!(trie.prefixes(text.as_bytes()).collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
            for word in words.iter().chain([&text, &String::new()]) {
                prop_assert_eq!(trie.find(word), known.get(word.as_str()).copied());
            }
        }
    }
}
