//! Shared by the tests: deeds that kill or cripple a process, and a look at its maps.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod model;

use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, exit};
use std::sync::{Mutex, MutexGuard, PoisonError};

use barrier_arch::{Spacing, StkbarSlice};
use stack_alloc::Stack;

const CHILD: &str = "STACK_ALLOC_TEST_CHILD";

/// The three modes that everything is to work in.
pub(crate) const SPACINGS: [Spacing; 3] =
    [Spacing::Off, Spacing::Exponential { first: Spacing::FIRST }, Spacing::EveryFrame];

static LARGEST: Mutex<()> = Mutex::new(());

/// For a test that takes the largest stacks: in 32 bits of address there is room for one at a time, which takes twice as much until it is aligned.
pub(crate) fn one_at_a_time() -> MutexGuard<'static, ()> {
    LARGEST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does `deed` in a process of its own, which has no other thread: this very test, run again by its full name.
pub(crate) fn in_child(test: &str, deed: impl FnOnce()) -> Output {
    if env::var(CHILD).is_ok_and(|name| name == test) {
        deed();
        exit(0);
    }
    again(test, test)
}

/// [`in_child`] for each of the three modes, each in a process of its own.
pub(crate) fn in_each_mode(test: &str, deed: impl Fn(Spacing)) -> Vec<(Spacing, Output)> {
    let in_mode = |index: usize| {
        let name = format!("{test} {index}");
        if env::var(CHILD).is_ok_and(|child| child == name) {
            deed(SPACINGS[index]);
            exit(0);
        }
        (SPACINGS[index], again(test, &name))
    };
    (0..SPACINGS.len()).map(in_mode).collect()
}

/// Runs `test` alone in a process that knows itself by `name`. One test thread: the harness then runs it on the main thread.
fn again(test: &str, name: &str) -> Output {
    let me = env::current_exe().expect("the test has a path");
    let mut child = Command::new(me);
    child.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, name);
    child.output().expect("it can be run")
}

/// Does QEMU's user mode run this process, and not Linux? It passes itself off as the program under `/proc/self`, but not under this name.
pub(crate) fn emulated() -> bool {
    let [claimed, real] = ["self", "thread-self"].map(|who| fs::read_link(format!("/proc/{who}/exe")));
    claimed.expect("/proc is mounted") != real.expect("Linux 3.17 or later")
}

/// The child did its deed.
pub(crate) fn assert_done(output: &Output) {
    assert!(output.status.success(), "{output:?}");
    assert!(!text(output).contains("running 0 tests"), "no such test: {output:?}");
}

/// The child said `last_words`, and the next access killed it.
pub(crate) fn assert_faulted(output: &Output, last_words: &str) {
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
    assert!(text(output).trim_end().ends_with(last_words), "died elsewhere: {output:?}");
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Mappings of this process.
pub(crate) fn maps() -> usize {
    fs::read_to_string("/proc/self/maps").expect("Linux").lines().count()
}

/// Address space of this process, in bytes: under an emulator the emulator's, which may be more than its program can address.
pub(crate) fn address_space() -> libc::rlim_t {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').next().and_then(|pages| pages.parse::<libc::rlim_t>().ok());
    pages.expect("pages").saturating_mul(4096)
}

/// Writes a word that only this stack has at both ends of what frames may use.
pub(crate) fn tag(stack: &Stack, stkbars: &StkbarSlice) {
    for address in ends(stack, stkbars) {
        poke(address, stack.base() ^ 0x7a6);
    }
}

/// Are the words of [`tag`] still there?
pub(crate) fn assert_tagged(stack: &Stack, stkbars: &StkbarSlice) {
    for address in ends(stack, stkbars) {
        assert_eq!(peek(address), stack.base() ^ 0x7a6, "{stack:?} at {address:#x}");
    }
}

fn ends(stack: &Stack, stkbars: &StkbarSlice) -> [usize; 2] {
    [stack.limit(), stkbars.stack_hi() - size_of::<usize>()]
}

/// Reads the word at `address`.
pub(crate) fn peek(address: usize) -> usize {
    // SAFETY: the tests pass addresses of their own stacks, or mean to fault.
    unsafe { (address as *const usize).read_volatile() }
}

/// Writes the word at `address`.
pub(crate) fn poke(address: usize, word: usize) {
    // SAFETY: as `peek`.
    unsafe { (address as *mut usize).write_volatile(word) }
}
