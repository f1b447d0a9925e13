//! Panics and backtraces across compiled Scheme's frames, with barriers between them.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};

use barrier_arch::arch;
use sched::Current;
use unwind_walk::cfi::UnwindTables;
use unwind_walk::{LiveStack, Registers, Walk};

use super::cli::Stacks;
use super::machine::{Machine, Task};
use super::object::Arity;
use super::primitives::{Outcome, Primitive};
use super::runtime::run::{run, start};
use super::tests::{MODES, Trial, moving_runtime_for, runtime_for, wait_for_barriers};
use super::value::Value;
use super::{Scheme, build};

/// A program of so many frames, none of them a tail call, `(bottom)` at their end.
const DOWN: &str = "
    (define kept (vector->list (make-vector 100000 1)))
    (define (down n) (if (= n 0) (bottom) (+ 1 (down (- n 1)))))
    (wait-for-barriers)
    (down 100)";

const DEPTH: usize = 100;

fn program(spacing: barrier_arch::Spacing, stacks: Stacks, bottom: Primitive) -> Scheme {
    let mut options = Trial::new(spacing).on(stacks).options;
    options.primitives.push(Primitive::none("wait-for-barriers", |_: &Machine<'_>| Ok(Value::TRUE)));
    options.primitives.push(bottom);
    build("down.scm", DOWN, options).expect("it compiles")
}

/// `(bottom)`, in Rust: a barrier or more above it, then a panic.
extern "C-unwind" fn panics(task: *const Task) -> Value {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    assert!(wait_for_barriers(&machine).is_ok());
    resume_unwind(Box::new("from below Scheme"));
}

#[test]
fn a_panic_crosses_scheme_frames() {
    for spacing in MODES {
        let bottom =
            Primitive { name: "bottom", arity: Arity::Exactly(0), code: panics as *const () as usize };
        let runtime = runtime_for(spacing, 64 << 20, program(spacing, Stacks::Reserve, bottom));
        let caught = |current: &Current<'_, Scheme>| {
            let drops = Arc::new(());
            let held = Arc::clone(&drops);
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let _held = held;
                run(current).is_ok()
            }));
            let text = result.err().and_then(|panic| panic.downcast::<&str>().ok()).map(|text| *text);
            let left = current.bars(|bars| bars.iter().skip(bars.position()).count());
            (text, Arc::strong_count(&drops), left)
        };
        let (text, count, left) = runtime.spawn(caught).expect("a stack").join().expect("it was caught");
        assert_eq!((text, count), (Some("from below Scheme"), 1), "{spacing:?}");
        // Those above the catch stand, as far as there are any.
        assert!(left <= 4, "{spacing:?}: {left}");
        // And one that nobody catches ends the task.
        let error = runtime.spawn(|current| run(current).is_ok()).expect("a stack").join();
        assert_eq!(error.expect_err("a panic").message(), Some("from below Scheme"));
    }
}

/// Frames of compiled code, and of the trampoline, in the last backtrace.
static SEEN: Mutex<(usize, usize)> = Mutex::new((0, 0));

/// `(bottom)`: a backtrace by the process's unwinder.
fn looks(machine: &Machine<'_>) -> Outcome {
    wait_for_barriers(machine)?;
    let (mut compiled, mut ours) = (0, 0);
    unwinder::each_frame(|pc| {
        compiled += usize::from(
            machine.scheme().frames.function_at(pc.wrapping_sub(1)).is_some_and(|f| &*f.name == "down"),
        );
        ours += usize::from(arch::is_trampoline(pc));
    });
    assert_eq!(by_our_tables(machine), compiled, "unwind-walk reads the same tables");
    *SEEN.lock().unwrap_or_else(PoisonError::into_inner) = (compiled, ours);
    Ok(Value::FALSE)
}

/// The same frames as our own walk finds them, by the tables of this process and of the compiled code; no frame pointers.
fn by_our_tables(machine: &Machine<'_>) -> usize {
    // SAFETY: no library is unloaded.
    let mut tables = unsafe { UnwindTables::of_this_process() };
    tables.add_code(machine.scheme().unwind_table()).expect("an .eh_frame section");
    let from = machine.current().waits_at().unwrap_or_else(here);
    machine.current().bars(|bars| {
        // SAFETY: the task's own stack, from where its compiled code waits, or from here.
        let live = unsafe { LiveStack::new(from.sp, bars.top()) };
        let (walk, mut compiled) = (Walk::new(&tables, &live).barriers(bars), 0);
        let walked = walk.strict(bars.stack_hi() - 16, from, |frame| {
            let function = machine.scheme().frames.function_at(frame.lookup_pc());
            compiled += usize::from(function.is_some_and(|f| &*f.name == "down"));
            ControlFlow::Continue(())
        });
        walked.unwrap_or_else(|error| panic!("{error}"));
        compiled
    })
}

/// The registers of the caller's frame, roughly.
#[inline(always)]
fn here() -> Registers {
    let (pc, sp, fp): (usize, usize, usize);
    // SAFETY: reads registers.
    unsafe {
        std::arch::asm!("lea {}, [rip]", "mov {}, rsp", "mov {}, rbp", out(reg) pc, out(reg) sp, out(reg) fp);
    }
    Registers { pc, sp, fp }
}

/// Where stacks move, this one has moved at each call, and the unwinder begins on another one.
#[test]
fn the_unwinder_sees_every_scheme_frame() {
    for (spacing, stacks) in MODES.iter().flat_map(|s| [(*s, Stacks::Reserve), (*s, Stacks::Copy)]) {
        let scheme = program(spacing, stacks, Primitive::none("bottom", looks));
        let runtime = moving_runtime_for(spacing, 64 << 20, true, scheme);
        let result = start(&runtime).expect("a stack").join().expect("no panic");
        assert!(result.is_err(), "(+ 1 #f)");
        let (compiled, ours) = *SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        let barriers = spacing != barrier_arch::Spacing::Off;
        assert_eq!((compiled, ours > 0), (DEPTH + 1, barriers), "{spacing:?} {stacks:?}");
    }
}

/// `_Unwind_Backtrace`.
mod unwinder {
    use std::ffi::{c_int, c_void};

    type Context = *mut c_void;

    unsafe extern "C-unwind" {
        fn _Unwind_Backtrace(
            trace: unsafe extern "C-unwind" fn(Context, *mut c_void) -> c_int,
            argument: *mut c_void,
        ) -> c_int;
        fn _Unwind_GetIP(context: Context) -> usize;
    }

    /// Shows the return address of each frame, from the caller's on.
    pub(super) fn each_frame(mut visit: impl FnMut(usize)) {
        unsafe extern "C-unwind" fn trace(context: Context, visit: *mut c_void) -> c_int {
            // SAFETY: `each_frame` passes its closure; the context is the unwinder's.
            unsafe { (*visit.cast::<&mut dyn FnMut(usize)>())(_Unwind_GetIP(context)) };
            0
        }
        let mut visit: &mut dyn FnMut(usize) = &mut visit;
        // SAFETY: as above.
        unsafe { _Unwind_Backtrace(trace, (&raw mut visit).cast()) };
    }
}
