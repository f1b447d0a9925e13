//! Panics and backtraces across compiled Scheme's frames, with barriers between them.

#[cfg(target_arch = "x86_64")]
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};

use barrier_arch::{Spacing, arch};
use sched::Current;

use super::cli::Stacks;
use super::machine::Machine;
use super::primitives::{Outcome, Primitive};
use super::runtime::run::{run, start};
use super::stacks::runtime;
use super::tests::{MODES, Trial, many, moving_runtime_for, runtime_for, wait_for_barriers};
use super::value::Value;
use super::{Scheme, build};

/// A program of so many frames, none of them a tail call, `(bottom)` at their end; so many `objects` to be marked.
pub(super) const DOWN: &str = "
    (define kept (vector->list (make-vector objects 1)))
    (define (down n)
      (if (= n 0)
          (let ((a (bottom)))
            (let ((b (+ a 1)))
              (- b 1)))
          (+ 1
             (down (- n 1)))))
    (wait-for-barriers)
    (down 100)";

pub(super) const DEPTH: usize = 100;

pub(super) fn program(spacing: Spacing, stacks: Stacks, bottom: Primitive) -> Scheme {
    let mut options = Trial::new(spacing).on(stacks).options;
    options.primitives.push(Primitive::none("wait-for-barriers", |_: &Machine<'_>| Ok(Value::TRUE)));
    options.primitives.push(bottom);
    build("down.scm", &DOWN.replace("objects", &many(100_000).to_string()), options).expect("it compiles")
}

/// `(bottom)`, a panic; with a barrier or more above it, if there are any.
fn panic_of(spacing: Spacing) -> Primitive {
    if spacing == Spacing::Off {
        return Primitive::none("bottom", |_: &Machine<'_>| resume_unwind(Box::new("from below Scheme")));
    }
    Primitive::none("bottom", |machine| {
        assert!(wait_for_barriers(machine).is_ok());
        resume_unwind(Box::new("from below Scheme"))
    })
}

/// The panic crosses compiled frames, and barriers, to where they were entered; what lies above is as it was.
#[test]
fn a_panic_crosses_scheme_frames() {
    for spacing in MODES {
        let scheme = program(spacing, Stacks::Reserve, panic_of(spacing));
        let runtime = runtime_for(spacing, 64 << 20, scheme);
        let caught = |current: &Current<'_, Scheme>| {
            let failure = run(current).expect_err("a panic");
            let left = current.bars(|bars| bars.iter().skip(bars.position()).count());
            (failure.headline(), left)
        };
        let (text, left) = runtime.spawn(caught).expect("a stack").join().expect("it was caught");
        assert_eq!(text, "internal error, please report: from below Scheme", "{spacing:?}");
        // Those above the catch stand, as far as there are any.
        assert!(left <= 4, "{spacing:?}: {left}");
    }
}

/// Two tasks panic below frames of Scheme, with barriers on them; who joins one gets an error, and all others go on.
const TOGETHER: &str = "
    (define kept (vector->list (make-vector 20000 1)))
    (define (down n) (if (= n 0) (bottom) (+ 1 (down (- n 1)))))
    (define (sum n) (if (= n 0) 0 (+ n (sum (- n 1)))))
    (define ch (make-channel))
    (define other (spawn (lambda () (channel-receive ch) (sum 1000))))
    (define (panicked) (guard (e (#t (error-object-message e))) (join (spawn (lambda () (dynamic-wind car (lambda () (down 100)) car))))))
    (define (panicked-far) (guard (e (#t (error-object-message e))) (join (spawn (lambda () (+ 1 (down 3000)))))))
    (define first (panicked))
    (define second (panicked-far))
    (collect-garbage)
    (channel-send ch 'go)
    (list first second (join other) (sum 2000))";

#[test]
fn a_panic_is_the_tasks_own() {
    let source = TOGETHER.replace("car", "(lambda () #f)");
    let text = "\"internal error, please report: from below Scheme\"";
    let kinds = [Stacks::Reserve, Stacks::Copy];
    for (spacing, stacks) in MODES.iter().flat_map(|s| kinds.map(|stacks| (*s, stacks))) {
        for (workers, always_move) in [(1, true), (3, false)] {
            let mut options = Trial::new(spacing).on(stacks).options;
            options.primitives.push(panic_of(spacing));
            let scheme = build("together.scm", &source, options).expect("it compiles");
            let builder = runtime(scheme, spacing, 64 << 20).expect("a stack size").verify(true).oracle(true);
            let runtime = builder.workers(workers).always_move(always_move).start().expect("threads");
            let result = start(&runtime).expect("a stack").join().expect("no panic");
            let expected = format!("({text} {text} 500500 2001000)");
            assert_eq!(result.map_err(|failure| failure.to_string()), Ok(expected), "{spacing:?} {stacks:?}");
        }
    }
}

/// The program's own task panics: that is how the program ends.
#[test]
fn a_panic_of_the_program_ends_it() {
    let kinds = [Stacks::Reserve, Stacks::Copy];
    for (spacing, stacks) in MODES.iter().flat_map(|s| kinds.map(|stacks| (*s, stacks))) {
        let scheme = program(spacing, stacks, panic_of(spacing));
        let runtime = runtime_for(spacing, 64 << 20, scheme);
        let failure = start(&runtime).expect("a stack").join().expect("it was caught").expect_err("a panic");
        assert_eq!(failure.to_string(), "internal error, please report: from below Scheme", "{stacks:?}");
        assert_eq!(runtime.language().ending.wait(), None, "nobody waits for ever");
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
    #[cfg(target_arch = "x86_64")]
    assert_eq!(by_our_tables::count(machine), compiled, "unwind-walk reads the same tables");
    *SEEN.lock().unwrap_or_else(PoisonError::into_inner) = (compiled, ours);
    Ok(Value::FALSE)
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
        let barriers = spacing != Spacing::Off;
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

/// `unwind-walk`'s reader of tables, which knows those of x86-64.
#[cfg(target_arch = "x86_64")]
mod by_our_tables {
    use unwind_walk::cfi::UnwindTables;
    use unwind_walk::{LiveStack, Registers, Walk};

    use super::{ControlFlow, Machine};

    /// The same frames as our own walk finds them, by the tables of this process and of the compiled code; no frame pointers.
    pub(super) fn count(machine: &Machine<'_>) -> usize {
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
}
