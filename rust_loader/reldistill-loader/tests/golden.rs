//! The bytes on disk, held against committed ones: corpora of earlier versions must stay readable, byte for byte.

mod number_words;

use std::fs;
use std::path::Path;

use number_words::{build, ids, open};
use reldistill_loader::TokenizeOptions;

const TEXT: &str = "3 4 5\n\n7\n8 9 10 11 12 13\n";

#[test]
fn a_tiny_corpus_has_the_golden_bytes() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("text.txt"), TEXT).unwrap();
    let options = TokenizeOptions { max_length: 6, ..TokenizeOptions::default() };
    build(&[folder.path().join("text.txt")], &folder.path().join("corpus"), &options).unwrap();
    for name in ["manifest.json", "shard-00000.arrow"] {
        let written = fs::read(folder.path().join("corpus").join(name)).unwrap();
        // A new version of the format writes its own golden files, once, with this.
        if std::env::var_os("RELDISTILL_WRITE_GOLDEN").is_some() {
            fs::write(golden.join(name), &written).unwrap();
        }
        let expected = fs::read(golden.join(name)).unwrap();
        assert!(written == expected, "{name} differs:\n{}", String::from_utf8_lossy(&written));
    }
}

#[test]
fn the_golden_corpus_is_read() {
    let corpus = open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")).unwrap();
    let all: Vec<_> = (0..corpus.sequences()).map(|index| ids(&corpus, index)).collect();
    assert_eq!(all, [vec![1, 3, 4, 5, 2], vec![1, 7, 2], vec![1, 8, 9, 10, 11, 2], vec![1, 12, 13, 2]]);
}
