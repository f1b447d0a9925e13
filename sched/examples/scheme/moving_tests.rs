//! Stacks of Scheme that move between the first scan of a cycle and its end, barriers and all (I11).

use barrier_arch::Spacing;

use super::build;
use super::cli::Stacks;
use super::machine::Machine;
use super::primitives::{Outcome, Primitive};
use super::runtime::run::start;
use super::tests::{MODES, Trial, many, runtime_for, wait_until};
use super::value::Value;

/// Each round descends, waits for barriers, descends further, so that the stack must grow under them, and stays there until the cycle has ended. Then it
/// returns through all of it. In between, collections at the bottom of the stack make it small again.
const ROUNDS: &str = "
    (define kept (vector->list (make-vector objects 1)))
    (define moved 0)
    (define (down n at-the-end)
      (if (= n 0)
          (at-the-end)
          (let ((own (list n))) (+ (down (- n 1) at-the-end) (car own)))))
    (define (grow)
      (let ((before (stack-bytes)))
        (down 3000 (lambda ()
          (if (and (barriers-stand?) (> (stack-bytes) before)) (set! moved (+ moved 1)))
          (wait-for-the-end)
          0))))
    (define (small-again) (if (> (stack-bytes) 8192) (begin (collect-garbage) (small-again))))
    (define (round)
      (let ((sum (down 1000 (lambda () (wait-for-barriers) (grow)))))
        (small-again)
        (if (not (= sum 5002000)) (error \"lost\" sum))))
    (define (rounds n) (if (and (> n 0) (< moved 3)) (begin (round) (rounds (- n 1)))))
    (rounds wanted)
    moved";

/// Goes on when there are barriers in the younger half of this stack: it was scanned as deep as it is, or nearly.
fn wait_for_barriers_here(machine: &Machine<'_>) -> Outcome {
    let sp = machine.stack_pointer();
    wait_until(machine, |bars| {
        let lowest = bars.get(bars.position());
        lowest.is_some_and(|record| record.saved_lr_ptr - sp < (bars.stack_hi() - sp) / 2)
    })
}

fn questions() -> [Primitive; 4] {
    [
        Primitive::none("wait-for-barriers", wait_for_barriers_here),
        Primitive::none("wait-for-the-end", wait_for_the_end),
        Primitive::none("barriers-stand?", |machine| {
            let stand = machine.current().bars(|bars| bars.len() > bars.position());
            Ok(Value::boolean(stand && machine.current().is_marking()))
        }),
        Primitive::none("stack-bytes", |machine| {
            Ok(Value::index(machine.current().bars(|bars| bars.class().bytes())))
        }),
    ]
}

/// Goes on when the collector does not mark any more.
fn wait_for_the_end(machine: &Machine<'_>) -> Outcome {
    while machine.current().is_marking() {
        machine.current().yield_now();
    }
    Ok(Value::UNSPECIFIED)
}

/// The oracle compares what the re-scan skips with what it was before the move, so it would see a frame that ran without hitting its barrier; and
/// a frame whose barrier was left behind returns to nowhere.
#[test]
fn a_stack_that_moves_in_mid_cycle_is_still_scanned_once() {
    for spacing in MODES {
        let mut options = Trial::new(spacing).on(Stacks::Copy).options;
        options.primitives.extend(questions());
        // Without barriers, one round: there is nothing to wait for.
        let source = ROUNDS.replace("wanted", if spacing == Spacing::Off { "0" } else { "300" });
        let source = source.replace("objects", &many(200_000).to_string());
        let runtime =
            runtime_for(spacing, 16 << 20, build("rounds.scm", &source, options).expect("it compiles"));
        let result = start(&runtime).expect("a stack").join().expect("no panic");
        let moved: usize = result.expect("no fault").parse().expect("a number");
        if spacing == Spacing::Off {
            continue;
        }
        assert_eq!(moved, 3, "{spacing:?}");
        // So many frames that were skipped held what the oracle remembered, on the stack that they had moved to.
        let cycles = runtime.cycles();
        assert!(
            cycles.iter().all(|cycle| cycle.first.stacks <= cycle.tasks),
            "each in its own cycle: {cycles:?}"
        );
        let compared = cycles.iter().filter(|cycle| cycle.compared.is_some_and(|words| words > 500)).count();
        assert!(compared >= moved, "{spacing:?}: {compared} of {cycles:?}");
    }
}

/// What is captured on one stack is put back on others, at the same distance from the top.
#[test]
fn frames_come_back_wherever_the_stack_is() {
    let source = "
        (define k #f)
        (define times 0)
        (define (down n)
          (if (= n 0)
              (call/cc (lambda (c) (set! k c) 0))
              (let ((own (list n))) (+ (down (- n 1)) (car own)))))
        (define (small-again) (if (> (stack-bytes) 8192) (begin (collect-garbage) (small-again))))
        (define (go)
          (let ((sum (down 5000)))
            (small-again)
            (set! times (+ times 1))
            (if (< times 4) (k times) (list sum times))))
        (go)";
    for spacing in MODES {
        let mut options = Trial::new(spacing).on(Stacks::Copy).options;
        options.primitives.extend(questions());
        let runtime =
            runtime_for(spacing, 16 << 20, build("again.scm", source, options).expect("it compiles"));
        let result = start(&runtime).expect("a stack").join().expect("no panic");
        assert_eq!(
            result.map_err(|failure| failure.to_string()).as_deref(),
            Ok("(12502503 4)"),
            "{spacing:?}"
        );
    }
}
