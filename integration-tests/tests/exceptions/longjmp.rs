//! `longjmp` over barriers by code that tells nobody: the records of the frames it drops are dead, and must neither be restored nor shorten a
//! re-scan.

use std::hint::black_box;

use barrier_arch::is_barrier;
use integration_tests::foreign::{Foreign, call_back};
use integration_tests::ground::Ground;

use crate::{Case, Drops, each, rust_descend};

/// `setjmp`, then the leaf: 0, or what was jumped with.
fn guard(foreign: &Foreign, leaf: &mut dyn FnMut()) -> i32 {
    // SAFETY: our own callback.
    call_back(leaf, |call, argument| unsafe { (foreign.guard)(call, argument) })
}

/// C frames only, nothing to drop, then the leaf.
fn descend(foreign: &Foreign, depth: usize, leaf: &mut dyn FnMut()) {
    // SAFETY: our own callback.
    call_back(leaf, |call, argument| unsafe { (foreign.descend)(depth as _, call, argument) });
}

fn jump(foreign: &Foreign, value: i32) {
    // SAFETY: the frames between here and the guard have nothing to drop.
    unsafe { (foreign.jump)(value) }
}

/// Frames that use the memory of the dropped ones and leave part of it unwritten, whatever it holds.
#[inline(never)]
fn over_the_dead(ground: &Ground, depth: usize) -> usize {
    let mut unwritten = std::mem::MaybeUninit::<[usize; 60]>::uninit();
    let address = black_box(&mut unwritten).as_mut_ptr() as usize;
    if depth == 0 {
        ground.scan();
        return address & 7;
    }
    over_the_dead(ground, black_box(depth - 1)) + (black_box(address) & 7)
}

/// `above` frames, a guard, `below` frames with barriers, and a jump; then deeper again over what was dropped, another scan, and all the way
/// back.
fn jump_and_go_on(case: &Case, above: usize, below: usize) {
    case.run(|ground| {
        let drops = Drops::default();
        let frames = rust_descend(above, &drops.rust, &mut || {
            let value = guard(&case.foreign, &mut || {
                descend(&case.foreign, below, &mut || {
                    ground.scan();
                    jump(&case.foreign, 42);
                });
            });
            assert_eq!(value, 42, "{}", case.label());
            // A scan that meets dead records, and stale stubs in the memory of live frames.
            over_the_dead(ground, 20);
            ground.check_exact();
        });
        assert_eq!((frames, drops.rust.get()), (above + 1, above + 1), "{}", case.label());
        ground.check_exact();
    });
}

#[test]
fn further_returns_and_another_scan() {
    each(|case| {
        for (above, below) in [(0, 0), (1, 30), (30, 1), (30, 30), (100, 5)] {
            jump_and_go_on(&case, above, below);
        }
    });
}

/// Jumps, one after the other, each under barriers of its own, none of which is told.
#[test]
fn many_jumps_and_scans() {
    each(|case| {
        case.run(|ground| {
            let drops = Drops::default();
            rust_descend(25, &drops.rust, &mut || {
                for round in 0..50 {
                    let value = guard(&case.foreign, &mut || {
                        descend(&case.foreign, round % 23, &mut || {
                            ground.scan();
                            jump(&case.foreign, round as i32 + 1);
                        });
                    });
                    assert_eq!(value, round as i32 + 1);
                    let standing = ground.bars().iter().skip(ground.bars().position());
                    // SAFETY: words of this very stack.
                    let dead = standing.filter(|r| !is_barrier(unsafe { *(r.saved_lr_ptr as *const usize) }));
                    black_box(dead.count());
                }
            });
            ground.check_exact();
            assert_eq!(drops.rust.get(), 26);
        });
    });
}
