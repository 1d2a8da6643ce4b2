//! Which ids of a tokenizer are special. A `tokenizer.json` does not name roles, so they are told by custom.

use std::collections::BTreeMap;

use crate::model::Tokenizer;

/// How BERT's, RoBERTa's, XLM-R's, T5's and GPT's families write each role; the first that is found counts.
const WRITTEN_AS: [(&str, &[&str]); 7] = [
    ("bos", &["<s>", "[BOS]", "<bos>", "<|startoftext|>", "<|begin_of_text|>"]),
    ("cls", &["[CLS]", "<cls>", "<s>"]),
    ("eos", &["</s>", "[EOS]", "<eos>", "<|endoftext|>", "<|end_of_text|>"]),
    ("mask", &["[MASK]", "<mask>"]),
    ("pad", &["[PAD]", "<pad>", "<|pad|>", "<|padding|>"]),
    ("sep", &["[SEP]", "<sep>", "</s>"]),
    ("unk", &["[UNK]", "<unk>"]),
];

/// Ids by role, for those roles that the tokenizer has.
pub(crate) fn special_ids(tokenizer: &Tokenizer) -> BTreeMap<String, u32> {
    let mut ids: BTreeMap<String, u32> = WRITTEN_AS
        .iter()
        .filter_map(|(role, spellings)| {
            let id = spellings.iter().find_map(|spelling| tokenizer.token_to_id(spelling))?;
            Some((role.to_string(), id))
        })
        .collect();
    // A tokenizer that was saved while it padded names its padding token itself, if that is one of its tokens.
    if let Some(padding) = tokenizer.get_padding()
        && tokenizer.token_to_id(&padding.pad_token) == Some(padding.pad_id)
    {
        ids.insert("pad".to_owned(), padding.pad_id);
    }
    ids
}
