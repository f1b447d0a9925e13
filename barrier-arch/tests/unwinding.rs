//! Panics across real barriers: every drop runs once, every barrier crossed is hit, nothing stays behind.

mod support;

use std::cell::Cell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use barrier_arch::{Spacing, StkbarSlice, is_barrier, patch};
use support::{MODES, TestStack, install_here, return_slots};

/// Counts its drops, and notes how many barriers were hit by then.
struct Counts<'a>(&'a Cell<u64>);

impl Drop for Counts<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[inline(never)]
fn throw_at_the_bottom(depth: u64, bars: &StkbarSlice, spacing: Spacing, drops: &Cell<u64>) -> u64 {
    let _counts = Counts(drops);
    if depth == 0 {
        install_here(bars, spacing);
        resume_unwind(Box::new(42_u64));
    }
    throw_at_the_bottom(black_box(depth - 1), bars, spacing, drops) + 1
}

#[test]
fn a_panic_from_any_depth_drops_each_frame_once() {
    for spacing in MODES {
        let stack = TestStack::new(1 << 18, spacing);
        for depth in 0..=64 {
            stack.run(|bars| {
                let drops = Cell::new(0);
                let caught =
                    catch_unwind(AssertUnwindSafe(|| throw_at_the_bottom(depth, bars, spacing, &drops)));
                assert_eq!(*caught.unwrap_err().downcast::<u64>().unwrap(), 42);
                assert_eq!(drops.get(), depth + 1, "{spacing:?}");
                // SAFETY: live slots of this very stack.
                let words = return_slots(bars).into_iter().map(|slot| unsafe { *(slot as *const usize) });
                let standing = words.filter(|&word| is_barrier(word)).count();
                assert_eq!(
                    bars.len() - bars.position(),
                    standing,
                    "those crossed are hit, the others stand: {bars}"
                );
            });
        }
    }
}

/// libgcc tells frames apart by their CFA, and a barrier has that of the handler frame above it.
#[test]
fn a_handler_directly_above_each_barrier() {
    #[inline(never)]
    fn rethrow(depth: u64, bars: &StkbarSlice, spacing: Spacing, caught: &Cell<u64>) {
        let below = catch_unwind(AssertUnwindSafe(|| {
            if depth == 0 {
                install_here(bars, spacing);
                resume_unwind(Box::new(()));
            }
            rethrow(black_box(depth - 1), bars, spacing, caught);
        }));
        caught.set(caught.get() + 1);
        resume_unwind(below.unwrap_err());
    }
    for spacing in MODES {
        let stack = TestStack::new(1 << 18, spacing);
        for depth in 0..40 {
            let caught = Cell::new(0);
            let out =
                catch_unwind(AssertUnwindSafe(|| stack.run(|bars| rethrow(depth, bars, spacing, &caught))));
            assert!(out.is_err());
            assert_eq!(caught.get(), depth + 1);
        }
    }
}

#[test]
fn a_panic_that_leaves_the_stack_comes_out_of_run() {
    for spacing in MODES {
        let stack = TestStack::new(1 << 18, spacing);
        for _ in 0..3 {
            let drops = Cell::new(0);
            let out = catch_unwind(AssertUnwindSafe(|| {
                stack.run(|bars| throw_at_the_bottom(100, bars, spacing, &drops))
            }));
            assert!(out.is_err());
            assert_eq!(drops.get(), 101);
            assert!(stack.bars.is_empty(), "the stack ended: an empty array (I12)");
        }
    }
}

/// `std::backtrace` sees the same functions in the same order, with at most one frame more per barrier.
#[test]
fn a_backtrace_shows_the_frames_it_would_show_without() {
    #[inline(never)]
    fn recurse(depth: u64, bars: &StkbarSlice, spacing: Spacing) -> String {
        if depth == 0 {
            install_here(bars, spacing);
            return black_box(std::backtrace::Backtrace::force_capture().to_string());
        }
        black_box(recurse(black_box(depth - 1), bars, spacing))
    }
    let frames = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.trim_start().split_once(": "));
        let names =
            lines.filter(|(n, _)| n.bytes().all(|b| b.is_ascii_digit())).map(|(_, name)| name.to_owned());
        names.filter(|name| !name.contains("stack_barrier")).collect()
    };
    let mut seen = Vec::new();
    for spacing in MODES {
        let stack = TestStack::new(1 << 21, spacing);
        let text = stack.run(|bars| recurse(30, bars, spacing));
        let barriers = text.matches("stack_barrier").count();
        assert_eq!(barriers > 0, spacing != Spacing::Off, "{text}");
        let frames = frames(&text);
        assert!(frames.iter().filter(|name| name.contains("recurse")).count() >= 31, "{text}");
        assert!(
            frames.iter().any(|name| name.contains("a_backtrace_shows")),
            "goes on where the stack was resumed: {text}"
        );
        seen.push(frames);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

/// As when the collector runs in a destructor: barriers are removed and installed anew between two steps of
/// an exception on its way up.
#[test]
fn a_scan_and_a_panic_in_a_drop_while_another_is_under_way() {
    struct PanicsAndCatches<'a>(&'a StkbarSlice, Spacing, &'a Cell<u64>);
    impl Drop for PanicsAndCatches<'_> {
        fn drop(&mut self) {
            let inner = catch_unwind(AssertUnwindSafe(|| deep(20, self.0, self.1)));
            assert!(inner.is_err());
            self.2.set(self.2.get() + 1);
        }
    }
    #[inline(never)]
    fn deep(depth: u64, bars: &StkbarSlice, spacing: Spacing) -> u64 {
        if depth == 0 {
            let own_slots = return_slots(bars);
            // SAFETY: this thread is on the stack, and its slots from here up are live.
            unsafe { patch::remove(bars, own_slots[0]) };
            install_here(bars, spacing);
            resume_unwind(Box::new(()));
        }
        deep(black_box(depth - 1), bars, spacing) + 1
    }
    #[inline(never)]
    fn outer(depth: u64, bars: &StkbarSlice, spacing: Spacing, drops: &Cell<u64>) -> u64 {
        let _guard = PanicsAndCatches(bars, spacing, drops);
        if depth == 0 {
            install_here(bars, spacing);
            resume_unwind(Box::new(()));
        }
        outer(black_box(depth - 1), bars, spacing, drops) + 1
    }
    for spacing in MODES {
        let stack = TestStack::new(1 << 18, spacing);
        let drops = Cell::new(0);
        let out = catch_unwind(AssertUnwindSafe(|| stack.run(|bars| outer(20, bars, spacing, &drops))));
        assert!(out.is_err());
        assert_eq!(drops.get(), 21);
        assert!(stack.bars.is_empty());
    }
}
