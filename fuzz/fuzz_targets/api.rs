//! A pool of stacks and what is asked of it, see `stack-alloc/tests/common/model.rs`.

#![no_main]

#[path = "../../stack-alloc/tests/common/mod.rs"]
mod common;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| common::model::run(bytes));
