//! Code that knows nothing of barriers jumps over frames that have some: no `patch::skip`, the position
//! stays behind.
//!
//! The return address says which barrier was hit, so the ones further out are found whatever was left out.

mod support;

use std::hint::black_box;

use barrier_arch::arch::{self, RecoverPoint};
use barrier_arch::{Spacing, StkbarSlice, is_barrier, patch};
use support::{MODES, TestStack, install_here, return_slots};

/// Frames above the point that is jumped to, and below.
struct Jump<'a> {
    bars: &'a StkbarSlice,
    spacing: Spacing,
    below: u64,
    point: RecoverPoint,
    installed: usize,
    /// Position and barriers standing: at the landing, then after each return.
    seen: Vec<(usize, usize)>,
}

#[inline(never)]
fn down_and_jump(jump: &mut Jump<'_>, depth: u64) -> u64 {
    if depth > 0 {
        return down_and_jump(jump, black_box(depth - 1)) + 1;
    }
    jump.installed = install_here(jump.bars, jump.spacing);
    // SAFETY: the point's protect is live, no frame between has a drop; that no barrier is skipped is the
    // test.
    unsafe { arch::recover(&raw const jump.point, 7) }
}

extern "C" fn start(argument: usize) -> usize {
    // SAFETY: the caller's own `Jump`.
    let jump = unsafe { &mut *(argument as *mut Jump<'_>) };
    down_and_jump(jump, jump.below) as usize
}

#[inline(never)]
fn protect_at(jump: &mut Jump<'_>, above: u64, then: fn(&mut Jump<'_>)) -> u64 {
    let result = if above > 0 {
        protect_at(jump, black_box(above - 1), then) + 1
    } else {
        let argument = (&raw mut *jump) as usize;
        // SAFETY: see `down_and_jump`.
        assert_eq!(unsafe { arch::protect(&raw mut jump.point, start, argument) }, 7);
        then(jump);
        black_box(0)
    };
    jump.seen.push((jump.bars.position(), standing(jump.bars)));
    result
}

/// Barriers in the live return slots of the caller and above.
fn standing(bars: &StkbarSlice) -> usize {
    // SAFETY: live slots of this very stack.
    return_slots(bars).into_iter().filter(|&slot| is_barrier(unsafe { *(slot as *const usize) })).count()
}

fn run(spacing: Spacing, above: u64, below: u64, then: fn(&mut Jump<'_>)) -> (usize, Vec<(usize, usize)>) {
    let stack = TestStack::new(1 << 19, spacing);
    stack.run(|bars| {
        let mut jump =
            Jump { bars, spacing, below, point: RecoverPoint::default(), installed: 0, seen: Vec::new() };
        assert_eq!(protect_at(&mut jump, above, then), above, "returned right through the outer barriers");
        (jump.installed, jump.seen)
    })
}

#[test]
fn outer_barriers_are_found_whatever_was_jumped_over() {
    for spacing in MODES {
        let mut behind = 0;
        for (above, below) in [(0, 0), (1, 40), (40, 1), (100, 100), (400, 20), (20, 400)] {
            let (installed, seen) = run(spacing, above, below, |_| ());
            let (first_position, first_standing) = seen[0];
            behind += usize::from(first_position < installed - first_standing);
            for &(position, standing) in &seen {
                let exact = installed - standing;
                assert!(position == exact || (position == 0 && standing == first_standing), "{seen:?}");
            }
            let hit = seen.last().unwrap().0;
            match spacing {
                Spacing::Off => assert_eq!(installed, 0),
                Spacing::Exponential { .. } => assert!(hit > 0 || above < 100, "{seen:?}"),
                Spacing::EveryFrame => assert!(hit as u64 > below && installed - hit < 12 || above == 0),
            }
        }
        // In every-frame mode `protect` itself returns through a barrier, which brings the position up to
        // date at once.
        assert_eq!(
            behind > 2,
            matches!(spacing, Spacing::Exponential { .. }),
            "{behind} jumps left it behind"
        );
    }
}

/// Frames that are called after the jump use the memory of the dead ones, slots and all.
#[inline(never)]
fn reuse_dead_memory(jump: &mut Jump<'_>) {
    #[inline(never)]
    fn fill(bars: &StkbarSlice, dead: &mut usize, depth: u64) -> u64 {
        let here = [0x7e57_0000 + depth as usize; 40];
        let sum = if depth == 0 {
            // SAFETY: this thread is on the stack, and its frames from here on up are live.
            let removed = unsafe { patch::remove(bars, black_box(&here).as_ptr() as usize) };
            *dead = removed.dead;
            0
        } else {
            fill(bars, dead, black_box(depth - 1)) + 1
        };
        assert!(
            black_box(&here).iter().all(|&word| word == 0x7e57_0000 + depth as usize),
            "a live word was written"
        );
        sum
    }
    let mut dead = 0;
    assert_eq!(fill(jump.bars, &mut dead, 60), 60);
    let exponential = matches!(jump.spacing, Spacing::Exponential { .. });
    assert!(dead > 0 || !exponential || jump.below < 100, "what was jumped over is dead");
    assert_eq!((standing(jump.bars), jump.bars.len()), (0, 0));
    install_here(jump.bars, jump.spacing);
}

#[test]
fn removal_after_a_jump_writes_to_no_reused_memory_and_a_new_scan_starts_clean() {
    for spacing in MODES {
        for (above, below) in [(1, 40), (40, 1), (100, 100), (400, 20), (20, 400)] {
            let (_, seen) = run(spacing, above, below, reuse_dead_memory);
            let last = seen.last().unwrap();
            match spacing {
                Spacing::Off => assert_eq!(last.0, 0),
                Spacing::Exponential { .. } => assert!(last.0 > 0 || above < 100, "{seen:?}"),
                Spacing::EveryFrame => assert!(last.0 > 0, "{seen:?}"),
            }
        }
    }
}
