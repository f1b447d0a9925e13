//! What no single crate can show: the crates together, on real stacks with a real collector.
//!
//! [`native`] is the smallest language that uses all of them: Rust functions as its code, scanned conservatively. The tests are
//! in `tests/`, one file per subject; `mode` names the modes that each runs in. `compiled` is one of compiled code, whose stacks can move; `levels` knows what a walk of them must show, and
//! `on_thread` which task a signal has interrupted.
//!
//! For the tests that look at every instruction: `stage`, code on a stack of its own that can be moved, and `stepper`, which shows an
//! observer the registers between two instructions. `profiler` is a sampling profiler as a runtime would have it.
//!
//! For those that bring in other people's code: `ground`, a stack for a closure, and `foreign`, C and C++.
//!
//! These, and what looks at single instructions, are x86-64's. Compiled code is where [`sched`] has tasks of it
//! (`cfg(has_compiled_tasks)`).

pub mod by;
#[cfg(has_compiled_tasks)]
pub mod compiled;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
pub mod foreign;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
pub mod ground;
#[cfg(has_compiled_tasks)]
pub mod levels;
pub mod mode;
pub mod native;
#[cfg(has_compiled_tasks)]
pub mod on_thread;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
pub mod profiler;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
pub mod stage;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
pub mod stepper;

use barrier_arch::Spacing;

/// The three modes in which every mechanism is tested.
pub const MODES: [Spacing; 3] =
    [Spacing::Off, Spacing::Exponential { first: Spacing::FIRST }, Spacing::EveryFrame];

/// `full` rounds on x86-64; a fifth of them elsewhere, where the processor is an emulated one as a rule, and a round takes as long as many.
pub const fn rounds(full: usize) -> usize {
    if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) { full } else { full / 5 }
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_is_compiled_code_where_there_are_tasks_of_it() {
        let is_listed = sched::COMPILED_TASK_ARCHITECTURES.contains(&std::env::consts::ARCH);
        assert_eq!(cfg!(has_compiled_tasks), is_listed && cfg!(target_pointer_width = "64"));
    }
}
