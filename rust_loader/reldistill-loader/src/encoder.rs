//! A tokenizer that cuts documents into windows.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use aho_corasick::AhoCorasick;
use sha2::{Digest, Sha256};
use tokenizers::{Encoding, PostProcessor, PostProcessorWrapper, Token, TruncationDirection};

use crate::borders::{Place, cuts, unit_ends, window_ends};
use crate::error::{Error, Result};
use crate::manifest::{TokenDtype, TokenizerEntry, hexadecimal};
use crate::model::Tokenizer;
use crate::piece_cache::PieceCache;
use crate::pieces::{Description, Pieces, normalized};
use crate::special_tokens::special_ids;
use crate::tokenize::Windows;

/// The greatest `max_length`: a record batch holds at least one sequence and should stay small.
pub(crate) const LONGEST_SEQUENCE: usize = 1 << 20;

/// Turns a document into the windows of ids that transformers' fast tokenizer gives for
/// `truncation=True, max_length=…, return_overflowing_tokens=True, stride=0`.
///
/// Where the tokenizer's pipeline is of a known kind, a document is cut into pieces that do not influence each other
/// (`pieces`), and the ids of pieces that came before are looked up. Others go through the `tokenizers` library whole.
pub struct Encoder {
    /// Without truncation, padding and special tokens. Truncating inside of it would lose text: tokenizers 0.23.2
    /// stops at `max_length` tokens, before it cuts what it has into windows.
    tokenizer: Tokenizer,
    /// Adds the special tokens to each window.
    post_processor: Option<PostProcessorWrapper>,
    fast: Option<FastPath>,
    /// Special tokens before and after each text, if that is what the post-processor adds.
    marks: Option<Marks>,
    /// Tokens of the text in a full window.
    window: usize,
    /// Where a window ends that need not be full.
    windows: Windows,
    name: String,
    entry: TokenizerEntry,
    dtype: TokenDtype,
}

/// How documents are encoded piece by piece.
struct FastPath {
    pieces: Pieces,
    /// Finds what might be an added token; such a document takes the plain path.
    added_tokens: AhoCorasick,
}

/// Special tokens before and after a text.
type Marks = (Vec<u32>, Vec<u32>);

/// What a thread remembers from document to document.
#[derive(Default)]
pub struct Scratch {
    cache: PieceCache,
    ids: Vec<u32>,
    window: Vec<u32>,
    word: String,
    places: Vec<Place>,
}

impl Encoder {
    /// Reads a `tokenizer.json`. Truncation and padding stored in it are replaced.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Tokenizer`] or [`Error::MaxLength`].
    pub fn from_file(path: &Path, max_length: usize) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::io("read the tokenizer", path))?;
        Self::from_bytes(&bytes, path.display().to_string(), max_length)
    }

    /// Takes the text of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] or [`Error::MaxLength`].
    pub fn from_text(text: &str, max_length: usize) -> Result<Self> {
        Self::from_bytes(text.as_bytes(), "(passed as text)".to_owned(), max_length)
    }

    fn from_bytes(bytes: &[u8], name: String, max_length: usize) -> Result<Self> {
        let unusable = |cause: String| Error::Tokenizer { name: name.clone(), cause };
        let mut tokenizer = catch_unwind(|| serde_json::from_slice::<Tokenizer>(bytes))
            .map_err(|_| unusable("the tokenizers library panicked while reading it".to_owned()))?
            .map_err(|error| unusable(error.to_string()))?;

        let added = tokenizer.get_added_tokens_decoder().into_keys().max();
        let largest_id = tokenizer.get_model().largest_id().max(added);
        let largest_id = largest_id.ok_or_else(|| unusable("its vocabulary is empty".to_owned()))?;
        let post_processor = tokenizer.get_post_processor().cloned();
        let special_tokens = post_processor.as_ref().map_or(0, |processor| processor.added_tokens(false));
        if max_length <= special_tokens || max_length > LONGEST_SEQUENCE {
            return Err(Error::MaxLength { max_length, special_tokens, largest: LONGEST_SEQUENCE });
        }
        let entry = TokenizerEntry {
            sha256: hexadecimal(&Sha256::digest(bytes)),
            vocabulary_size: tokenizer.get_vocab_size(true) as u64,
            largest_id,
            special_ids: special_ids(&tokenizer),
        };
        tokenizer.with_padding(None).with_post_processor(None::<PostProcessorWrapper>);
        tokenizer.with_truncation(None).map_err(|error| unusable(error.to_string()))?;
        let (window, dtype) = (max_length - special_tokens, TokenDtype::holding(largest_id));
        let marks = post_processor.as_ref().map_or_else(|| Some(Marks::default()), marks_of);
        let fast = marks.as_ref().and_then(|_| FastPath::of(bytes, &tokenizer));
        Ok(Self { tokenizer, post_processor, fast, marks, window, windows: Windows::Tokens, name, entry, dtype })
    }

    /// Cuts long documents there.
    ///
    /// # Errors
    /// [`Error::Argument`] for borders, if the tokenizer does not put the same special tokens around each text.
    pub fn with_windows(self, windows: Windows) -> Result<Self> {
        if windows != Windows::Tokens && self.marks.is_none() {
            return Err(Error::Argument {
                name: "windows",
                value: windows.name().to_owned(),
                allowed: "this tokenizer does not put the same special tokens around each text; pass \"tokens\""
                    .to_owned(),
            });
        }
        Ok(Self { windows, ..self })
    }

    /// The same without the fast path: documents go through the library's pipeline whole. To compare with.
    #[must_use]
    pub fn plain(self) -> Self {
        Self { fast: None, ..self }
    }

    /// Whether its documents are encoded piece by piece.
    pub fn is_fast(&self) -> bool {
        self.fast.is_some()
    }

    /// Special tokens before and after each text; none if the post-processor does something else.
    pub(crate) fn marks(&self) -> Option<&(Vec<u32>, Vec<u32>)> {
        self.marks.as_ref()
    }

    /// What the manifest says about the tokenizer.
    pub fn entry(&self) -> &TokenizerEntry {
        &self.entry
    }

    /// The dtype that holds its ids.
    pub fn dtype(&self) -> TokenDtype {
        self.dtype
    }

    /// Hands each window of a document to `take`; none if there is no token beside the special ones.
    ///
    /// # Errors
    /// What the tokenizer said about this document.
    pub fn windows(
        &self,
        document: &str,
        scratch: &mut Scratch,
        mut take: impl FnMut(&[u32]),
    ) -> std::result::Result<(), String> {
        let fast = self.fast.as_ref().filter(|fast| !fast.added_tokens.is_match(document));
        match (self.windows, fast, &self.marks) {
            (Windows::Tokens, Some(fast), Some(marks)) => {
                guarded(|| self.encode_pieces(&fast.pieces, document, scratch, |_, _| {}))?;
                for text in scratch.ids.chunks(self.window) {
                    self.hand_over(text, marks, &mut scratch.window, &mut take)?;
                }
            }
            (Windows::Sentences | Windows::Lines, _, Some(marks)) => {
                let ends = guarded(|| self.encode_up_to_borders(fast, document, scratch))?;
                let mut start = 0;
                for end in ends {
                    self.hand_over(&scratch.ids[start..end], marks, &mut scratch.window, &mut take)?;
                    start = end;
                }
            }
            _ => {
                let Some(encoding) = guarded(|| self.encode(document))? else { return Ok(()) };
                for window in std::iter::once(&encoding).chain(encoding.get_overflowing()) {
                    self.check_ids(window.get_ids())?;
                    take(window.get_ids());
                }
            }
        }
        Ok(())
    }

    /// Puts the special tokens around the ids of a window.
    fn hand_over(
        &self,
        text: &[u32],
        (prefix, suffix): &Marks,
        window: &mut Vec<u32>,
        take: &mut impl FnMut(&[u32]),
    ) -> std::result::Result<(), String> {
        window.clear();
        for part in [prefix, text, suffix] {
            window.extend_from_slice(part);
        }
        self.check_ids(window)?;
        take(window);
        Ok(())
    }

    fn check_ids(&self, ids: &[u32]) -> std::result::Result<(), String> {
        match ids.iter().find(|&&id| id > self.entry.largest_id) {
            None => Ok(()),
            Some(id) => Err(format!(
                "the tokenizer {} gave id {id}, beyond its vocabulary's largest, {}",
                self.name, self.entry.largest_id
            )),
        }
    }

    /// The ids of a document into `scratch.ids`. `note` is told each piece and the number of its first token.
    fn encode_pieces<'t>(
        &self,
        pieces: &Pieces,
        document: &'t str,
        scratch: &mut Scratch,
        mut note: impl FnMut(&'t str, usize),
    ) -> tokenizers::Result<()> {
        let Scratch { cache, ids, word, .. } = scratch;
        ids.clear();
        pieces.of_text(document, |piece| {
            note(piece, ids.len());
            if let Some(known) = cache.get(piece) {
                ids.extend_from_slice(known);
                return Ok(());
            }
            let start = ids.len();
            if pieces.word_for_model(piece, word) {
                self.tokenizer.get_model().push_ids(word, ids)?;
            } else {
                ids.extend_from_slice(self.tokenizer.encode_fast(piece, false)?.get_ids());
            }
            cache.put(piece, &ids[start..]);
            Ok(())
        })
    }

    /// The ids of a document into `scratch.ids`; gives where its windows end, so that they end on borders.
    fn encode_up_to_borders(
        &self,
        fast: Option<&FastPath>,
        document: &str,
        scratch: &mut Scratch,
    ) -> tokenizers::Result<Vec<usize>> {
        let ends = unit_ends(self.windows, document);
        let cuts = match fast {
            Some(fast) => {
                let mut places = std::mem::take(&mut scratch.places);
                places.clear();
                self.encode_pieces(&fast.pieces, document, scratch, |piece, token| {
                    let start = piece.as_ptr() as usize - document.as_ptr() as usize;
                    places.push(Place { start, end: start + piece.len(), token });
                })?;
                // What fits one window needs no borders; of the rest, only pieces that have one inside are encoded again.
                let found: tokenizers::Result<_> = match scratch.ids.len() > self.window {
                    true => cuts(ends, &places, |&Place { start, end, .. }| {
                        let (_, starts) = self.encode_with_starts(&document[start..end])?;
                        Ok(starts.into_iter().map(|token| start + token).collect())
                    }),
                    false => Ok(Vec::new()),
                };
                scratch.places = places;
                found
            }
            None => {
                let (encoding, mut starts) = self.encode_with_starts(document)?;
                scratch.ids.clear();
                scratch.ids.extend_from_slice(encoding.get_ids());
                let whole = Place { start: 0, end: document.len(), token: 0 };
                cuts(ends, &[whole], |_| Ok(std::mem::take(&mut starts)))
            }
        }?;
        Ok(window_ends(scratch.ids.len(), self.window, cuts))
    }

    /// The tokens of a text, and where they start in bytes.
    fn encode_with_starts(&self, text: &str) -> tokenizers::Result<(Encoding, Vec<usize>)> {
        let starts = |encoding: &Encoding, from: usize| -> Vec<usize> {
            encoding.get_offsets().iter().map(|&(start, _)| from + start).collect()
        };
        let encoding = self.tokenizer.encode(text, false)?;
        // Where `Precompiled` deletes the first characters, all offsets of tokenizers 0.23.2 lag behind by as many.
        let deleted = text.chars().take_while(|&character| normalized(&self.tokenizer, character).is_empty());
        let deleted: usize = deleted.map(char::len_utf8).sum();
        if deleted > 0 {
            let rest = self.tokenizer.encode(&text[deleted..], false)?;
            if rest.get_ids() == encoding.get_ids() {
                return Ok((encoding, starts(&rest, deleted)));
            }
        }
        let starts = starts(&encoding, 0);
        Ok((encoding, starts))
    }

    /// The first window, which holds the others; none if the document has no token.
    fn encode(&self, document: &str) -> tokenizers::Result<Option<Encoding>> {
        let mut encoding = self.tokenizer.encode_fast(document, false)?;
        if encoding.is_empty() {
            return Ok(None);
        }
        encoding.truncate(self.window, 0, TruncationDirection::Right);
        match &self.post_processor {
            Some(processor) => processor.process(encoding, None, true).map(Some),
            None => Ok(Some(encoding)),
        }
    }
}

const PANICKED: &str = "the tokenizers library panicked on it";

/// A panic in the tokenizers library must cost a document, not the process: it runs in threads of ours.
fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> std::result::Result<T, String> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| PANICKED.to_owned())?
        .map_err(|error| format!("the tokenizer refused it: {error}"))
}

impl FastPath {
    /// None where it is not certain to give the ids of the plain path.
    fn of(bytes: &[u8], tokenizer: &Tokenizer) -> Option<Self> {
        let description: Description = serde_json::from_slice(bytes).ok()?;
        let added = tokenizer.get_added_tokens_decoder();
        // Those that are looked for in normalised text may stand in the text in another form.
        let normalizes = tokenizer.get_normalizer().is_some();
        if added.values().any(|token| token.content.is_empty() || (token.normalized && normalizes)) {
            return None;
        }
        let added_tokens = AhoCorasick::new(added.values().map(|token| &token.content)).ok()?;
        Some(Self { pieces: Pieces::of(&description, tokenizer)?, added_tokens })
    }
}

/// What a post-processor puts before and after a text, if that is all it does: seen on texts of one and two tokens.
fn marks_of(processor: &PostProcessorWrapper) -> Option<Marks> {
    let (first, second) = (u32::MAX, u32::MAX - 1);
    let processed = |ids: &[u32]| -> Option<Vec<u32>> {
        let tokens = ids.iter().map(|&id| Token::new(id, "x".to_owned(), (0, 1))).collect();
        let encoding = processor.process(Encoding::from_tokens(tokens, 0), None, true).ok()?;
        Some(encoding.get_ids().to_vec())
    };
    let one = processed(&[first])?;
    let at = one.iter().position(|&id| id == first)?;
    let (prefix, suffix) = (one[..at].to_vec(), one[at + 1..].to_vec());
    let expected = [&prefix[..], &[first, second], &suffix].concat();
    (processed(&[first, second])? == expected).then_some((prefix, suffix))
}
