//! Random histories of one stack against a simple model.

mod support;

use proptest::prelude::*;
use support::MODES;
use support::history::{Step, follow, follow_bytes};

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (2..60_usize).prop_map(Step::Call),
        4 => (1..6_usize).prop_map(Step::Return),
        3 => Just(Step::Scan),
        1 => Just(Step::Remove),
        2 => (1..12_usize).prop_map(Step::Recover),
        2 => (1..12_usize).prop_map(Step::ForeignLongjmp),
        2 => Just(Step::Scribble),
        1 => (0..8_usize).prop_map(Step::Unwind),
        1 => (0..8_usize).prop_map(Step::SetCaller),
        1 => (14..18_u32).prop_map(Step::Move),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_agrees_with_the_model(steps in prop::collection::vec(step(), 1..120)) {
        for spacing in MODES {
            follow(spacing, &steps);
        }
    }
}

/// Bytes that once showed something wrong, each in a file whose name says what.
#[test]
fn what_a_fuzzer_found() {
    let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/regressions/barrier_lists");
    for file in std::fs::read_dir(found).expect("the fuzzers' directory") {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        MODES.into_iter().for_each(|spacing| follow_bytes(spacing, bytes.get(1..).unwrap_or_default()));
    }
}
