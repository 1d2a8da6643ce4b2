//! Any text is a manifest or an error, and a manifest means the same when it is written and read again.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use reldistill_loader::{Error, Manifest, ShardEntry};
use xxhash_rust::xxh3::xxh3_64;

fuzz_target!(|text: &str| {
    if let Some(manifest) = accepted(text) {
        assert_eq!(accepted(&manifest.to_json()), Some(manifest));
    }
    // A checksum is not hit upon by chance: what lies behind it is reached by somebody who sets it right.
    if let Ok(mut manifest) = serde_json::from_str::<Manifest>(text) {
        manifest.checksum = String::new();
        manifest.checksum = format!("{:016x}", xxh3_64(manifest.to_json().as_bytes()));
        let Some(manifest) = accepted(&manifest.to_json()) else { return };
        let sum = |count: fn(&ShardEntry) -> u64| manifest.shards.iter().map(count).sum::<u64>();
        assert_eq!(sum(|shard| shard.sequences), manifest.totals.sequences);
        assert_eq!(sum(|shard| shard.tokens), manifest.totals.tokens);
    }
});

fn accepted(text: &str) -> Option<Manifest> {
    let path = Path::new("corpus/manifest.json");
    match Manifest::from_json(text, path) {
        Ok(manifest) => Some(manifest),
        Err(Error::Manifest { path: named, .. } | Error::NewerFormat { path: named, .. }) if named == path => None,
        Err(other) => panic!("not an error of the manifest: {other}"),
    }
}
