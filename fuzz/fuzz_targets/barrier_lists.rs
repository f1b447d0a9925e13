//! Operations on one list of barriers, see `barrier-arch/tests/support/history.rs`.

#![no_main]
#![allow(dead_code, reason = "the body is shared")]

#[path = "../../barrier-arch/tests/support/history.rs"]
mod history;
#[path = "../../barrier-arch/tests/support/plain.rs"]
mod plain;

use barrier_arch::Spacing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&mode, steps)) = bytes.split_first() else { return };
    let modes = [Spacing::Off, Spacing::Exponential { first: 1024 }, Spacing::EveryFrame];
    history::follow_bytes(modes[usize::from(mode) % 3], steps);
});
