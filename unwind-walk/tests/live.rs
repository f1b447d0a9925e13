//! The real thing: live stacks, with real barriers that are really returned through, walked by their frame pointers.

#[path = "common/task.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod task;

use core::hint::black_box;
use core::ops::ControlFlow;

use unwind_walk::{End, Frame, FramePointers, LiveStack, Registers, Walk};

#[test]
fn a_recursion_is_walked_between_its_returns_through_barriers() {
    task::returns_through_barriers(&FramePointers);
}

/// On the thread's own stack, of which only the current part is known: the walk shows the recursion and then ends somehow.
#[test]
fn the_current_threads_own_frames_are_walked() {
    #[inline(never)]
    fn recurse(depth: usize, top: usize) -> Vec<Frame> {
        let frames = if depth > 0 { recurse(depth - 1, top) } else { own_frames(top) };
        black_box(frames)
    }
    #[inline(never)]
    fn own_frames(top: usize) -> Vec<Frame> {
        let (sp, fp) = barrier_arch::arch::own_frame();
        // SAFETY: from here to the caller's caller, which is above, this thread's stack is in use.
        let live = unsafe { LiveStack::new(sp, top) };
        let mut frames = vec![];
        let registers = Registers { pc: own_frames as *const () as usize, sp, fp };
        let walked = Walk::new(&FramePointers, &live).diagnose(registers, |frame| {
            frames.push(*frame);
            ControlFlow::Continue(())
        });
        assert!(matches!(walked.end, End::Broken(_) | End::Outermost), "{walked:?}");
        frames
    }
    for depth in [1, 2, 30, 500] {
        let anchor = 0_usize;
        let frames = recurse(depth, black_box(&raw const anchor) as usize);
        // own_frames, recurse(0), then `depth` frames at the recursive call; the test's own frame may follow.
        let call = frames[2].pc;
        assert_eq!(frames.iter().filter(|frame| frame.pc == call).count(), depth);
        assert!(frames.len() >= depth + 2 && frames.len() <= depth + 3, "{} frames", frames.len());
    }
}
