//! One test for each way in which a manifest can be wrong.

mod number_words;

use std::fs;
use std::path::{Path, PathBuf};

use number_words::{corpus, message, open};
use reldistill_loader::Manifest;
use serde_json::Value;
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

fn made() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path(), 300);
    let path = folder.path().join("corpus/manifest.json");
    (folder, path)
}

/// Opens a corpus whose manifest was altered by somebody who also set the checksum right.
fn opened_after(alter: impl FnOnce(&mut Value)) -> String {
    let (folder, path) = made();
    let mut content: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    alter(&mut content);
    // Value sorts keys; only the typed manifest has the canonical order.
    if let Ok(mut manifest) = serde_json::from_value::<Manifest>(content.clone()) {
        manifest.checksum = String::new();
        manifest.checksum = format!("{:016x}", xxh3_64(manifest.to_json().as_bytes()));
        fs::write(&path, manifest.to_json()).unwrap();
    } else {
        fs::write(&path, content.to_string()).unwrap();
    }
    let message = message(open(path.parent().unwrap()));
    message.replace(&format!("{}/", folder.path().display()), "")
}

fn assert_says(message: &str, expected: &str) {
    assert!(message.contains(expected), "{message:?} does not say {expected:?}");
}

#[test]
fn a_missing_folder_is_no_corpus() {
    assert_says(&message(open(Path::new("/no/such/folder"))), "\"/no/such/folder\" is not a corpus: there is no such");
}

#[test]
fn a_folder_without_manifest_is_not_finished() {
    let (folder, path) = made();
    fs::remove_file(path).unwrap();
    assert_says(&message(open(&folder.path().join("corpus"))), "not a finished corpus: it has no manifest.json");
}

#[test]
fn broken_json_is_named_with_its_line() {
    let (folder, path) = made();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    let message = message(open(&folder.path().join("corpus")));
    assert_says(&message, "corpus/manifest.json: not the JSON of a manifest: EOF while parsing");
    assert_says(&message, "build the corpus again");
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let (folder, path) = made();
    fs::write(&path, b"\xff").unwrap();
    assert_says(&message(open(&folder.path().join("corpus"))), "manifest.json: not UTF-8");
}

#[test]
fn a_manifest_of_something_else_is_refused() {
    assert_says(&opened_after(|content| content["format"] = "recipe".into()), "its format is \"recipe\"");
}

#[test]
fn a_newer_version_asks_for_an_upgrade() {
    let message = opened_after(|content| {
        content["version"] = 2.into();
        content["unheard_of"] = true.into();
    });
    assert_says(&message, "corpus format 2 is newer than 1, the newest this version reads; upgrade reldistill");
}

#[test]
fn an_unknown_key_is_refused() {
    assert_says(&opened_after(|content| content["colour"] = 1.into()), "unknown field `colour`");
}

#[test]
fn a_missing_key_is_refused() {
    let message = opened_after(|content| drop(content.as_object_mut().unwrap().remove("totals")));
    assert_says(&message, "missing field `totals`");
}

#[test]
fn an_unknown_dtype_is_refused() {
    assert_says(&opened_after(|content| content["dtype"] = "int8".into()), "unknown variant `int8`");
}

#[test]
fn a_dtype_that_does_not_fit_the_vocabulary_is_refused() {
    let message = opened_after(|content| content["dtype"] = "uint32".into());
    assert_says(&message, "dtype uint32 does not fit largest_id 999");
}

#[test]
fn an_edited_value_breaks_the_seal() {
    let (folder, path) = made();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"pad\": 0", "\"pad\": 5")).unwrap();
    assert_says(&message(open(&folder.path().join("corpus"))), "it was altered: its checksum is");
}

#[test]
fn a_shard_name_that_leads_elsewhere_is_refused() {
    let message = opened_after(|content| content["shards"][0]["name"] = "../shard-00000.arrow".into());
    assert_says(&message, "\"../shard-00000.arrow\" is not the name of a shard");
}

#[test]
fn a_shard_lies_in_the_folder_or_in_that_of_a_part() {
    let opened = |name: &str| {
        opened_after(|content| {
            content["shards"].as_array_mut().unwrap().truncate(1);
            content["shards"][0]["name"] = name.into();
            content["totals"]["sequences"] = content["shards"][0]["sequences"].clone();
            content["totals"]["tokens"] = content["shards"][0]["tokens"].clone();
        })
    };
    let missing = opened("part-00002-of-00012/shard-00000.arrow");
    assert_says(&missing, "corpus/part-00002-of-00012/shard-00000.arrow: it is missing");
    for name in [
        "part-00013-of-00012/shard-00000.arrow",
        "part-2-of-12/shard-00000.arrow",
        "part-00002-of-00012/../shard-00000.arrow",
        "part-00002-of-00012/part-00002-of-00012/shard-00000.arrow",
        "part-00002-of-00012//shard-00000.arrow",
        "part-00002-of-00012/",
        "./shard-00000.arrow",
        "elsewhere/shard-00000.arrow",
        "/shard-00000.arrow",
    ] {
        assert_says(&opened(name), &format!("{name:?} is not the name of a shard"));
    }
}

#[test]
fn a_part_that_cannot_be_is_refused() {
    let part = serde_json::json!({"number": 3, "of": 2, "inputs": ""});
    assert_says(&opened_after(|content| content["part"] = part), "there is no part 3 of 2");
}

#[test]
fn shards_out_of_order_are_refused() {
    let message = opened_after(|content| content["shards"][1]["name"] = "shard-00000.arrow".into());
    assert_says(&message, "shard shard-00000.arrow is out of order");
}

#[test]
fn a_shard_without_sequences_is_refused() {
    let message = opened_after(|content| content["shards"][0]["sequences"] = 0.into());
    assert_says(&message, "shard shard-00000.arrow has no sequence");
}

#[test]
fn a_checksum_that_is_no_number_is_refused() {
    let message = opened_after(|content| content["shards"][0]["xxh3_64"][0] = "+123456789abcdef".into());
    assert_says(&message, "shard shard-00000.arrow: \"+123456789abcdef\" is not a checksum");
}

#[test]
fn too_few_checksums_are_refused() {
    let message = opened_after(|content| content["shards"][0]["xxh3_64"] = Value::Array(vec![]));
    assert_says(&message, "need 1 checksums, it has 0");
}

#[test]
fn sums_that_do_not_add_up_are_refused() {
    let message = opened_after(|content| content["totals"]["sequences"] = 7.into());
    assert_says(&message, "its shards do not add up to 7 sequences");
    let message = opened_after(|content| content["totals"]["tokens"] = 7.into());
    assert_says(&message, "its shards do not add up to 7 tokens");
    let message = opened_after(|content| content["shards"][0]["sequences"] = u64::MAX.into());
    assert_says(&message, "its shards do not add up to 300 sequences");
}

#[test]
fn no_shards_at_all_are_refused() {
    let message = opened_after(|content| {
        content["shards"] = Value::Array(vec![]);
        content["totals"]["sequences"] = 0.into();
    });
    assert_says(&message, "its shards do not add up to 0 sequences");
}

#[test]
fn a_record_batch_of_no_sequences_is_refused() {
    let message = opened_after(|content| content["sequences_per_record_batch"] = 0.into());
    assert_says(&message, "sequences_per_record_batch is 0");
}

#[test]
fn the_manifest_names_no_path_of_the_machine() {
    let (folder, path) = made();
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains("\"text.txt\"") && !text.contains(folder.path().to_str().unwrap()), "{text}");
}
