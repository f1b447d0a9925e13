//! The whole life of a stack by the rules of every architecture that is described: where its return slots lie, how its frames are linked, what its
//! trampoline can know and heals. In memory, the lists, installs, walks and scans being the real ones; so operations on barriers go by this machine's
//! rules, too, and one with a linkage area keeps only those of machines whose area is no smaller.
//!
//! The same body runs under `cargo fuzz` (`fuzz/`, target `histories`).

mod simulated;

use barrier_arch::description;
use barrier_arch::reference::Machine;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use simulated::MODES;
use simulated::decode::{self, machines};
use simulated::generate::{descents, lives};
use simulated::life::{Event, Life};

/// By all rules in all modes; returns how many cycles were completed.
fn everywhere(events: &[Event]) -> usize {
    let lives = machines().flat_map(|arch| MODES.map(|spacing| Life::new(arch, spacing)));
    lives.map(|life| life.through(events).cycles).sum()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/every_architecture.proptest-regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_life_agrees_with_the_model(descent in descents(60), events in lives(300)) {
        let descent = descent.into_iter().map(Event::Mutate);
        everywhere(&descent.chain(events).collect::<Vec<_>>());
    }
}

/// What is generated does what it is for.
#[test]
fn lives_come_to_collections() {
    let bytes: Vec<u8> = (0..8000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert!(everywhere(&decode::events(&bytes)) > 20 * machines().count());
    assert!(machines().any(|arch| arch.link_register.is_some()));
    let linkage_bytes = Machine::of(description::host().unwrap()).linkage_bytes();
    assert_eq!(machines().count() == description::ALL.len(), linkage_bytes == 0);
}

/// Bytes that once showed something wrong, each in a file whose name says what.
#[test]
fn what_a_fuzzer_found() {
    let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/regressions/histories");
    for file in std::fs::read_dir(found).expect("the fuzzers' directory") {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.split_first().into_iter().for_each(|(&whose, history)| decode::live(whose, history));
    }
}
