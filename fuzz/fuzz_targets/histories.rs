//! Lives of stacks, see `gc-mark/tests/simulated/life.rs`.

#![no_main]

#[path = "../../gc-mark/tests/simulated/mod.rs"]
mod simulated;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((&whose, history)) = bytes.split_first() {
        simulated::decode::live(whose, history);
    }
});
