//! Switches between stacks, the first entry of one, and recovers in the middle of one.

mod support;

use std::hint::black_box;

use barrier_arch::arch::{self, Context, RecoverPoint, own_frame};
use barrier_arch::description::{self, FrameRecord};
use barrier_arch::{Spacing, StkbarSlice, is_barrier, patch};
use support::target::{protect_watched, switch_watched};
use support::{MODES, TestStack, code_of, install_here, return_slots, step};

/// Stacks that switch among each other as a small generator says; index 0 is the thread's own.
struct Ring {
    contexts: Vec<Context>,
    turns: Vec<usize>,
    damaged: usize,
    left: usize,
    seed: u64,
}

impl Ring {
    /// A switch from stack `own` to a random one; back on the thread's own stack when there were enough.
    /// `false` then.
    unsafe fn hop(ring: *mut Ring, own: usize) -> bool {
        // SAFETY: one thread, and no reference lives across the switch.
        let (save, load) = unsafe {
            let ring = &mut *ring;
            ring.left -= 1;
            ring.seed ^= ring.seed << 13;
            ring.seed ^= ring.seed >> 7;
            ring.seed ^= ring.seed << 17;
            let other = (own + 1 + ring.seed as usize % (ring.contexts.len() - 1)) % ring.contexts.len();
            let next = if ring.left == 0 { 0 } else { other };
            ring.turns[own] += 1;
            let contexts = ring.contexts.as_mut_ptr();
            (contexts.add(own), contexts.add(next).cast_const())
        };
        // SAFETY: every context but the own one was left by such a switch, or is prepared.
        unsafe {
            if save.cast_const() != load {
                (*ring).damaged += switch_watched(save, load, 0x1234_0000 + own * 0x100);
            }
            (*ring).left > 0
        }
    }
}

extern "C" fn hopper(argument: usize) -> ! {
    // SAFETY: the test passes a pair that outlives the stack.
    let (ring, own) = unsafe { *(argument as *const (*mut Ring, usize)) };
    loop {
        // SAFETY: this is stack `own`.
        unsafe { Ring::hop(ring, own) };
    }
}

#[test]
fn thousands_of_switches_keep_every_callee_saved_register() {
    const HOPS: usize = 20_000;
    let stacks: Vec<TestStack> = (0..7).map(|_| TestStack::new(1 << 14, Spacing::Off)).collect();
    let mut ring = Ring {
        contexts: (0..=stacks.len()).map(|_| Context::default()).collect(),
        turns: vec![0; stacks.len() + 1],
        damaged: 0,
        left: HOPS,
        seed: 0x9e37_79b9_7f4a_7c15,
    };
    let mut arguments: Vec<(*mut Ring, usize)> =
        (0..=stacks.len()).map(|own| (std::ptr::null_mut(), own)).collect();
    for (i, stack) in stacks.iter().enumerate() {
        let argument = (&raw const arguments[i + 1]) as usize;
        // SAFETY: nobody uses the stack; the argument outlives it.
        ring.contexts[i + 1] = unsafe { arch::prepare(stack.bars.stack_hi(), hopper, argument) }.context;
    }
    let ring = &raw mut ring;
    arguments.iter_mut().for_each(|argument| argument.0 = ring);
    // SAFETY: the thread's own stack is number 0; all others were prepared.
    let ring = unsafe {
        while Ring::hop(ring, 0) {}
        &*ring
    };
    assert_eq!(ring.damaged, 0);
    assert_eq!(ring.turns.iter().sum::<usize>(), HOPS);
    assert!(ring.turns.iter().all(|&n| n > HOPS / 20), "{:?}", ring.turns);
}

/// What a stack's first function finds.
#[derive(Default)]
struct FirstEntry {
    argument: usize,
    frame: (usize, usize),
    slots: Vec<usize>,
    bars: Option<StkbarSlice>,
    own: Context,
    back: Context,
}

extern "C" fn look_around(argument: usize) -> ! {
    let frame = own_frame();
    // SAFETY: the test passes its own `FirstEntry`, which outlives the stack.
    unsafe {
        let seen = &mut *(argument as *mut FirstEntry);
        seen.argument = argument;
        seen.frame = frame;
        seen.slots = return_slots(seen.bars.as_ref().unwrap());
        arch::switch(&raw mut seen.own, &raw const seen.back);
    }
    unreachable!("nobody resumes it")
}

#[test]
fn the_first_entry_gets_its_argument_on_an_aligned_stack_that_ends_there() {
    for log2 in 13..20 {
        for spacing in MODES {
            let stack = TestStack::new(1 << log2, spacing);
            // SAFETY: the alias is dropped before the stack.
            let mut seen = FirstEntry { bars: Some(unsafe { stack.bars.alias() }), ..FirstEntry::default() };
            let argument = (&raw mut seen) as usize;
            // SAFETY: nobody uses the stack.
            let prepared = unsafe { arch::prepare(stack.bars.stack_hi(), look_around, argument) };
            // SAFETY: just prepared.
            let registers = unsafe { prepared.context.registers() };
            assert_eq!(registers.sp, prepared.outermost_sp);
            assert_eq!(step((registers.sp, registers.fp)), None, "the outermost frame has no caller");
            assert!(registers.saved_from < registers.sp && registers.saved_from >= stack.bars.base());
            // SAFETY: as above; it comes back.
            unsafe { arch::switch(&raw mut seen.back, &prepared.context) };
            assert_eq!(seen.argument, argument);
            let (sp, fp) = seen.frame;
            let host = description::host().unwrap();
            assert_eq!(sp % host.stack_alignment, 0, "the ABI's alignment at a call");
            let last = *seen.slots.last().unwrap();
            assert!(arch::is_popped(last, prepared.outermost_sp), "the chain ends with the first function");
            assert!(arch::sp_after(last) + 256 > prepared.outermost_sp);
            // SAFETY: it left its stack by `switch`.
            let parked = unsafe { seen.own.registers() };
            let chained = matches!(host.frame_record, FrameRecord::AtStackPointer { .. });
            assert!(chained || parked.fp == fp, "the saved frame pointer is that of the frame that switched");
            assert!((code_of(look_around as *const ())..).contains(&parked.pc));
        }
    }
}

#[test]
fn a_prepared_stack_may_be_copied_before_it_starts() {
    let (old, new) = (TestStack::new(1 << 13, Spacing::Off), TestStack::new(1 << 15, Spacing::Off));
    // SAFETY: the alias is dropped before the stack.
    let mut seen = FirstEntry { bars: Some(unsafe { new.bars.alias() }), ..FirstEntry::default() };
    let argument = (&raw mut seen) as usize;
    let delta = new.bars.stack_hi().wrapping_sub(old.bars.stack_hi());
    // SAFETY: both stacks are unused; what `prepare` wrote is copied to the same distance from the top.
    unsafe {
        let prepared = arch::prepare(old.bars.stack_hi(), look_around, argument);
        let from = prepared.context.registers().saved_from;
        let bytes = old.bars.stack_hi() - from;
        std::ptr::copy_nonoverlapping(from as *const u8, from.wrapping_add(delta) as *mut u8, bytes);
        arch::switch(&raw mut seen.back, &prepared.context.moved(delta));
    }
    assert_eq!(seen.argument, argument);
    assert!((new.bars.base()..new.bars.stack_hi()).contains(&seen.frame.0));
}

fn backtrace() -> String {
    std::backtrace::Backtrace::force_capture().to_string()
}

#[test]
fn a_backtrace_goes_on_where_each_of_nested_stacks_was_resumed() {
    #[inline(never)]
    fn innermost(bars: &StkbarSlice, spacing: Spacing) -> String {
        install_here(bars, spacing);
        black_box(backtrace())
    }
    #[inline(never)]
    fn middle(inner: &TestStack, spacing: Spacing) -> String {
        black_box(inner.run(|bars| innermost(bars, spacing)))
    }
    #[inline(never)]
    fn outer(inner: &TestStack, around: &TestStack, spacing: Spacing) -> String {
        black_box(around.run(|_| middle(inner, spacing)))
    }
    for spacing in MODES {
        let (inner, around) = (TestStack::new(1 << 20, spacing), TestStack::new(1 << 20, spacing));
        let text = outer(&inner, &around, spacing);
        let position = |name: &str| text.find(name).unwrap_or_else(|| panic!("{name} is missing: {text}"));
        let order = ["innermost\n", "middle\n", "outer\n"].map(position);
        assert!(order.is_sorted(), "{text}");
        assert_eq!(text.matches("stack_base").count(), 2, "{text}");
    }
}

/// A task that parks and is resumed from elsewhere.
struct Generator {
    text: String,
    own: Context,
    caller: Context,
}

extern "C" fn generate(argument: usize) -> ! {
    let generator = argument as *mut Generator;
    loop {
        // SAFETY: the resumer's generator, which it does not touch while this stack runs.
        unsafe {
            (*generator).text = backtrace();
            arch::switch(&raw mut (*generator).own, &raw const (*generator).caller);
        }
    }
}

#[test]
fn the_parent_is_whoever_resumed_last() {
    #[inline(never)]
    fn from_the_left(generator: *mut Generator) {
        // SAFETY: the generator's stack is parked or prepared.
        unsafe { arch::switch(&raw mut (*generator).caller, &raw const (*generator).own) };
        black_box(());
    }
    #[inline(never)]
    fn from_the_right(generator: *mut Generator) {
        // SAFETY: as above.
        unsafe { arch::switch(&raw mut (*generator).caller, &raw const (*generator).own) };
        black_box((generator, 1));
    }
    let stack = TestStack::new(1 << 20, Spacing::Off);
    let mut generator =
        Generator { text: String::new(), own: Context::default(), caller: Context::default() };
    let generator = &raw mut generator;
    // SAFETY: nobody uses the stack, and the generator outlives it.
    let text = unsafe {
        let prepared = arch::prepare(stack.bars.stack_hi(), generate, generator as usize);
        let parent = &raw const (*generator).caller;
        (*generator).own = prepared.context;
        move |resume: fn(*mut Generator), resumed_from_here: bool| {
            let parent = if resumed_from_here { parent } else { std::ptr::null() };
            arch::set_parent(prepared.outermost_sp, parent);
            resume(generator);
            (*generator).text.clone()
        }
    };
    let from_here = text(from_the_left, true);
    assert!(from_here.contains("from_the_left\n") && !from_here.contains("from_the_right\n"), "{from_here}");
    let from_there = text(from_the_right, true);
    assert!(
        from_there.contains("from_the_right\n") && !from_there.contains("from_the_left\n"),
        "{from_there}"
    );
    let from_nowhere = text(from_the_left, false);
    assert!(from_nowhere.contains("generate") && !from_nowhere.contains("from_the_left\n"), "{from_nowhere}");
}

extern "C" fn double(x: usize) -> usize {
    2 * x
}

#[test]
fn protect_passes_results_and_recover_restores_registers() {
    let mut point = RecoverPoint::default();
    // SAFETY: nothing between needs a drop.
    unsafe {
        assert_eq!(arch::protect(&raw mut point, double, 21), 42);
        assert_eq!(protect_watched(&raw mut point), 77);
    }
}

#[test]
fn nested_protects_recover_to_the_one_that_was_meant() {
    struct Points([RecoverPoint; 8], usize);
    extern "C" fn nest(argument: usize) -> usize {
        // SAFETY: the points of the protects that are live, below.
        unsafe {
            let points = &raw mut *(argument as *mut Points);
            let depth = (*points).1;
            if depth == (*points).0.len() {
                arch::recover(&raw const (*points).0[3], 1000);
            }
            (*points).1 += 1;
            let result = arch::protect(&raw mut (*points).0[depth], nest, argument);
            result + (1 << depth)
        }
    }
    let mut points = Points(Default::default(), 0);
    let result = nest((&raw mut points) as usize);
    // The protects of depths 4 to 7 never returned; 3 returned 1000, and it and those outside added their
    // bits.
    assert_eq!(result, 1000 + 0b1111);
    assert!(points.0.windows(2).all(|pair| pair[0].sp() > pair[1].sp()));
}

/// What a recover across barriers needs to know, and what it saw.
struct Dive<'a> {
    bars: &'a StkbarSlice,
    spacing: Spacing,
    point: RecoverPoint,
    depth: u64,
    installed: usize,
    skipped: usize,
}

/// Goes `depth` frames down, puts barriers there, skips those of the frames it is about to drop, and
/// recovers.
#[inline(never)]
fn dive(dive_: &mut Dive<'_>, depth: u64) -> u64 {
    if depth > 0 {
        return dive(dive_, black_box(depth - 1)) + 1;
    }
    dive_.installed = install_here(dive_.bars, dive_.spacing);
    // SAFETY: this thread is on the stack and goes on at the point, whose protect is live; no frame between
    // has a drop.
    unsafe {
        dive_.skipped = patch::skip(dive_.bars, dive_.point.sp());
        arch::recover(&raw const dive_.point, 4242);
    }
}

extern "C" fn start_dive(argument: usize) -> usize {
    // SAFETY: the caller's `Dive`.
    let dive_ = unsafe { &mut *(argument as *mut Dive<'_>) };
    dive(dive_, dive_.depth) as usize
}

/// `above` frames, below them a dive that recovers, then barriers anew, and returns through those.
#[inline(never)]
fn frames_above(above: u64, dive_: &mut Dive<'_>, standing: &mut Vec<usize>) -> u64 {
    if above > 0 {
        return frames_above(black_box(above - 1), dive_, standing) + 1;
    }
    let argument = (&raw mut *dive_) as usize;
    // SAFETY: see `dive`.
    let value = unsafe { arch::protect(&raw mut dive_.point, start_dive, argument) };
    assert_eq!(value, 4242);
    standing.push(standing_barriers(dive_.bars));
    assert_eq!(dive_.bars.len() - dive_.bars.position(), *standing.last().unwrap(), "{}", dive_.bars);
    black_box(0)
}

/// Barriers in the live return slots above the caller.
fn standing_barriers(bars: &StkbarSlice) -> usize {
    // SAFETY: live slots of this very stack.
    return_slots(bars).into_iter().filter(|&slot| is_barrier(unsafe { *(slot as *const usize) })).count()
}

#[test]
fn recover_across_barriers_then_more_returns_and_a_new_install() {
    for spacing in MODES {
        let stack = TestStack::new(1 << 19, spacing);
        for (above, depth) in [(0, 0), (0, 400), (1, 1), (30, 0), (30, 5), (30, 1000), (500, 700)] {
            stack.run(|bars| {
                let point = RecoverPoint::default();
                let mut dive_ = Dive { bars, spacing, point, depth, installed: 0, skipped: 0 };
                let mut standing = Vec::new();
                assert_eq!(frames_above(above, &mut dive_, &mut standing), above, "returns through the rest");
                match spacing {
                    Spacing::Off => assert_eq!(dive_.installed, 0),
                    Spacing::Exponential { .. } => assert_eq!(dive_.skipped > 2, depth >= 400, "{bars}"),
                    Spacing::EveryFrame => assert!(dive_.skipped as u64 >= depth, "{bars}"),
                }
                // `protect` itself returned after the recover: through a barrier, if it had one.
                let by_protect = dive_.installed - dive_.skipped - standing[0];
                assert!(
                    by_protect <= 1 && (by_protect == 1 || spacing != Spacing::EveryFrame),
                    "{by_protect}"
                );
                // A second cycle on the same array.
                // SAFETY: this thread is on the stack; the slots below this frame are dead.
                let removed = unsafe { patch::remove(bars, dive_.point.sp()) };
                assert_eq!(removed.dead, 0, "all that are gone were hit or skipped: {removed:?}");
                assert_eq!(standing_barriers(bars), 0);
                assert_eq!(frames_above(above, &mut dive_, &mut standing), above);
                assert_eq!(standing[0], standing[1], "as many as the first time");
            });
            assert!(stack.bars.is_empty(), "a task that ended leaves an empty array (I12)");
        }
    }
}
