//! What ends the process without barriers ends it with them, in the same way and with the same words.
//!
//! The test runs its own executable, which dies in [`victim`].

use std::ffi::c_long;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use integration_tests::foreign::BOTH;
use integration_tests::ground::{By, Ground};
use integration_tests::mode;

use crate::{Drops, mixed_descend};

const WHAT: &str = "EXCEPTIONS_VICTIM";
const MODE: &str = "EXCEPTIONS_MODE";

struct PanicsAgain;

impl Drop for PanicsAgain {
    fn drop(&mut self) {
        panic!("while unwinding");
    }
}

fn die(what: &str, ground: &Ground) {
    let foreign = BOTH[1];
    let drops = Drops::default();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        mixed_descend(&foreign, 10, &drops, &mut || {
            let _again = (what == "panic in a drop of a panic").then(|| PanicsAgain);
            ground.scan();
            match what {
                "panic in a drop of a panic" => panic!("first"),
                // SAFETY: C++ that does not return.
                "C++ exception at catch_unwind" => unsafe { (foreign.cpp_throw)(1 as c_long) },
                // SAFETY: as above.
                "pthread_exit" => unsafe { (foreign.pthread_exit)() },
                _ => unreachable!(),
            }
        });
    }));
    println!("SURVIVED {}", caught.is_err());
}

/// What the other tests run; by itself, nothing.
#[test]
fn victim() {
    let Ok(what) = std::env::var(WHAT) else { return };
    let spacing = mode::from_environment(MODE).expect("set by `death`");
    Ground::run(1 << 20, spacing, By::UnwindTables, |ground| die(&what, ground));
}

/// Is it neither of the lines that a backtrace has for a frame, nor the number of a thread?
fn is_word(line: &&str) -> bool {
    let line = line.trim_start();
    !(line.starts_with("thread '")
        || line.starts_with("at ")
        || line.starts_with(|c: char| c.is_ascii_digit()))
}

/// Signal and last words, without addresses and numbers.
fn death(what: &str, mode: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "aborts::victim", "--nocapture", "--test-threads=1"])
        .env(WHAT, what)
        .env(MODE, mode)
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    assert!(!output.status.success(), "{what}, {mode}: {output:?}");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let told = words.lines().filter(is_word).collect::<Vec<_>>().join("\n");
    let survived = String::from_utf8_lossy(&output.stdout).contains("SURVIVED");
    format!("{}, survived: {survived}\n{told}", output.status)
}

fn same_death(what: &str, part: &str) {
    let [off, others @ ..] = mode::NAMES;
    let plain = death(what, off);
    assert!(plain.contains(part) && plain.contains("survived: false"), "{plain}");
    for mode in others {
        assert_eq!(death(what, mode), plain, "{what}, {mode}");
    }
}

#[test]
fn a_panic_in_a_drop_of_a_panic_aborts() {
    same_death("panic in a drop of a panic", "panic in a destructor during cleanup");
}

#[test]
fn a_cpp_exception_that_reaches_catch_unwind_aborts() {
    same_death("C++ exception at catch_unwind", "Rust cannot catch foreign exceptions");
}

/// A thread must not exit from a stack that is not its own: the `catch_unwind` at that stack's end refuses.
#[test]
fn pthread_exit_below_catch_unwind_aborts() {
    same_death("pthread_exit", "SIGABRT");
}
