//! Walks over whatever bytes stand for (`common/anything.rs`): from proptest here, from a fuzzer in `fuzz/` (target `walker`).

mod common;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_walk_ends_and_leads_up(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        common::anything::walk(&bytes);
    }
}

/// Bytes that once made a walk go wrong, each in a file whose name says how.
#[test]
fn what_a_fuzzer_found() {
    let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/regressions/walker");
    for file in std::fs::read_dir(found).expect("the fuzzers' directory") {
        common::anything::walk(&std::fs::read(file.unwrap().path()).unwrap());
    }
}
