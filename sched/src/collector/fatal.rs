//! The end of the process when the collector's own invariants are broken: going on would corrupt memory.

use std::fmt::Display;

use barrier_arch::StkbarSlice;

use crate::language::Language;
use crate::task::Task;

/// Says what is wrong with which task's stack, with all of its barriers, and aborts.
pub(crate) fn die<L: Language>(task: &Task<L>, what: &dyn Display) -> ! {
    // SAFETY: nothing runs on from here; if somebody else has the stack, the dump may be torn.
    let bars = unsafe { task.stack() }.map(|stack| stack.bars.to_string());
    eprintln!(
        "fatal: the collector found task {} broken: {what}\nits barriers: {}",
        task.id(),
        bars.unwrap_or_default()
    );
    std::process::abort()
}

/// Says what the marking lost, and aborts.
pub(crate) fn die_unsound(cycle: u64, what: &dyn Display) -> ! {
    eprintln!("fatal: verification of gc {cycle} failed: {what}");
    std::process::abort()
}

/// Says which write barrier was left out, and aborts.
pub(crate) fn die_accused<L: Language>(cycle: u64, task: &Task<L>, what: &dyn Display) -> ! {
    eprintln!("fatal: gc {cycle}, stack of task {}: {what}", task.id());
    std::process::abort()
}

/// For the trampoline, when it finds no record for the slot it was popped from.
pub(crate) fn barrier_lost(sp: usize, bars: Option<&StkbarSlice>) {
    let bars = bars.map_or_else(|| "no array there".to_owned(), ToString::to_string);
    eprintln!(
        "fatal: stack barrier lost: no record for the return that left the stack pointer at {sp:#x}: {bars}"
    );
}
