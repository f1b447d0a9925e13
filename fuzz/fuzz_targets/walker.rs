//! Walks over anything, see `unwind-walk/tests/common/anything.rs`.

#![no_main]

#[path = "../../unwind-walk/tests/common/mod.rs"]
mod common;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| common::anything::walk(bytes));
