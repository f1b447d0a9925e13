//! Continuations that are captured and entered again while a cycle is between its first scan and mark termination.

use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::is_barrier;

use crate::scheme::build;
use crate::scheme::machine::Machine;
use crate::scheme::primitives::{Outcome, Primitive};
use crate::scheme::runtime::run::run;
use crate::scheme::tests::{MODES, Trial, many, runtime_for};
use crate::scheme::value::Value;

/// Goes on when the collector marks and has put barriers on this stack, if it does that at all.
fn wait_for_marking(machine: &Machine<'_>) -> Outcome {
    for _ in 0..100_000 {
        machine.current().request_collection();
        machine.current().yield_now();
        // The collector needs a processor, too.
        std::thread::sleep(std::time::Duration::from_micros(20));
        // Where native code has a stack of its own, the program's may be too small for any.
        let small = machine.top() - machine.stack_pointer() < 2 * barrier_arch::Spacing::FIRST;
        let has_barriers =
            machine.current().bars(|bars| bars.capacity() == 0 || bars.len() > bars.position() || small);
        if machine.current().is_marking() && has_barriers {
            return Ok(Value::TRUE);
        }
    }
    Ok(Value::FALSE)
}

/// Barriers that were not hit, below the base, over return addresses that are not theirs: of frames that were overwritten.
fn stale_barriers(machine: &Machine<'_>) -> Outcome {
    let base = machine.base();
    let holds_barrier = |slot: usize| {
        // SAFETY: a word of the stack that we run on.
        is_barrier(unsafe { (slot as *const usize).read_volatile() })
    };
    Ok(Value::index(machine.current().bars(|bars| {
        let pending = bars.iter().skip(bars.position()).map(|record| record.saved_lr_ptr);
        pending.filter(|slot| *slot < base && !holds_barrier(*slot)).count()
    })))
}

/// A program that may wait for the middle of a cycle, run in every mode with each collection verified and the oracle on.
fn check(source: &str, expected: &str) {
    for spacing in MODES {
        let mut trial = Trial::new(spacing);
        trial.options.primitives.push(Primitive::none("wait-for-marking", wait_for_marking));
        trial.options.primitives.push(Primitive::none("stale-barriers", stale_barriers));
        let (_, result) = trial.run("test.scm", source);
        assert_eq!(result.as_deref(), Ok(expected), "{spacing:?}");
    }
}

/// Marking takes a while.
fn large_heap() -> String {
    format!(
        "(define kept (vector->list (make-vector {} 1)))
        (define (churn n) (if (> n 0) (begin (make-vector 100 n) (churn (- n 1)))))",
        many(300_000)
    )
}

#[test]
fn frames_that_are_put_back_in_mid_cycle_are_scanned_again() {
    // The frames of `down` lie in the heap; those of `other`, with barriers among them, where they will be put.
    let source = format!(
        "{}
        (define k #f)
        (define rounds 0)
        (define stale 0)
        (define (down n)
          (if (= n 0)
              (begin (call/cc (lambda (c) (set! k c))) (set! stale (+ stale (stale-barriers))) 0)
              (let ((own (list n))) (+ (down (- n 1)) (car own)))))
        (define (other n)
          (let ((own (vector n n n)))
            (if (= n 0)
                (if (wait-for-marking) (k #f) 'no-cycle)
                (cons own (other (- n 1))))))
        (define (go)
          (let ((sum (down 300)))
            (churn 3000)
            (set! rounds (+ rounds 1))
            (if (< rounds 6) (other 400) (list sum rounds stale))))
        (go)",
        large_heap()
    );
    check(&source, "(45150 6 0)");
}

#[test]
fn frames_that_are_captured_in_mid_cycle_keep_what_they_hold() {
    // What the frames hold is taken out of a vector that the collector comes to last, when it has scanned the stack. Then the frames
    // are dropped: only the continuation knows of it.
    let source = format!(
        "{}
        (define size 20000)
        (define v (make-vector size #f))
        (define (fill i) (if (< i size) (begin (vector-set! v i (list i)) (fill (+ i 1)))))
        (define (take i) (let ((x (vector-ref v i))) (vector-set! v i #f) x))
        (define (down n out)
          (if (= n 0)
              (call/cc (lambda (k) (out k)))
              (let ((own (take (- size n)))) (+ (down (- n 1) out) (car own)))))
        (define (start n out)
          (if (wait-for-marking) (down n out) 'no-cycle))
        (define (deep n out) (if (= n 0) (start 300 out) (+ 0 (deep (- n 1) out))))
        (define (one-round)
          (fill 0)
          (let ((k (call/cc (lambda (out) (deep 500 out)))))
            (if (number? k)
                k
                (begin (churn 1000) (collect-garbage) (churn 3000) (k 0)))))
        (list (one-round) (one-round) (one-round))",
        large_heap()
    );
    check(&source, "(5954850 5954850 5954850)");
}

#[test]
fn frames_with_barriers_are_captured_without_them() {
    // Captured while barriers stand in them, entered after those are gone, and again in the next cycle.
    let source = format!(
        "{}
        (define k #f)
        (define rounds 0)
        (define (down n)
          (if (= n 0)
              (if (wait-for-marking) (begin (call/cc (lambda (c) (set! k c))) 0) 'no-cycle)
              (let ((own (list n))) (+ (down (- n 1)) (car own)))))
        (define (go)
          (let ((sum (down 300)))
            (collect-garbage)
            (set! rounds (+ rounds 1))
            (cond ((= rounds 4) sum)
                  ((even? rounds) (wait-for-marking) (k #f))
                  (else (k #f)))))
        (go)",
        large_heap()
    );
    check(&source, "45150");
}

#[test]
fn nothing_is_lost_when_every_allocation_collects() {
    let source = "
        (define (tree->generator tree)
          (define return #f)
          (define resume #f)
          (define (walk t)
            (cond ((null? t) #f)
                  ((pair? t) (walk (car t)) (walk (cdr t)))
                  (else (call/cc (lambda (next) (set! resume (lambda () (next #f))) (return (list t)))))))
          (set! resume (lambda () (walk tree) (return 'end)))
          (lambda () (call/cc (lambda (k) (set! return k) (resume)))))
        (define g (tree->generator '((1 2) (3 (4 5)))))
        (define (all g) (let ((x (g))) (if (eq? x 'end) '() (cons x (all g)))))
        (define first (all g))
        (define (level n) (if (= n 0) 0 (+ 1 (call/cc (lambda (k) (if (odd? n) (k (level (- n 1))) (level (- n 1))))))))
        (define caught
          (guard (e ((symbol? e) e))
            (dynamic-wind (lambda () (list 1)) (lambda () (guard (e ((string? e) e)) (raise (car (list 'x))))) (lambda () (list 2)))))
        (define message (guard (e (#t (error-object-message e))) (map car (list (list 1) 2))))
        (define k #f)
        (define n 0)
        (define mapped (map (lambda (x) (call/cc (lambda (c) (if (= x 2) (set! k c)) (list x)))) '(1 2 3)))
        (set! n (+ n 1))
        (if (< n 3) (k (list (* n 10))))
        (list first (level 6) caught message mapped)";
    let expected = "(((1) (2) (3) (4) (5)) 6 x \"car: argument 1 must be a pair, not 2\" ((1) (20) (3)))";
    for spacing in MODES {
        let (_, result) = Trial::new(spacing).stress().run("test.scm", source);
        assert_eq!(result.as_deref(), Ok(expected), "{spacing:?}");
    }
}

#[test]
fn one_that_another_task_has_captured_is_refused() {
    let source = "
        (define saved (if (first?) #f saved))
        (if saved
            (guard (e ((error-object? e) (error-object-message e))) (saved 1))
            (+ 1 (call/cc (lambda (k) (set! saved k) 1))))";
    for spacing in MODES {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        RUNS.store(0, Ordering::Relaxed);
        let mut options = Trial::new(spacing).options;
        let first = Primitive::none("first?", |_| Ok(Value::boolean(RUNS.load(Ordering::Relaxed) == 0)));
        options.primitives.push(first);
        let runtime = runtime_for(spacing, 1 << 20, build("test.scm", source, options).expect("it compiles"));
        let results: Vec<_> = (0..2)
            .map(|_| {
                let result = runtime.spawn(run).expect("a stack").join().expect("no panic");
                RUNS.fetch_add(1, Ordering::Relaxed);
                result.expect("no fault")
            })
            .collect();
        assert_eq!(results[0], "2");
        assert!(results[1].starts_with("\"this continuation belongs to another task"), "{}", results[1]);
    }
}

#[test]
fn a_backtrace_goes_on_in_frames_that_were_captured() {
    let source = "(define (inner x) (+ 1 (car x)))
        (define (middle x) (+ 1 (call/cc (lambda (k) (+ 1 (inner x))))))
        (define (outer x) (+ 1 (middle x)))
        (outer 5)";
    for spacing in MODES {
        let failure = Trial::new(spacing).run("test.scm", source).1.expect_err("a fault");
        let names: Vec<&str> =
            failure.lines().filter_map(|l| l.trim().strip_prefix("in ")?.split(' ').next()).collect();
        assert_eq!(names, ["inner", "lambda", "middle", "outer", "top"], "{failure}");
    }
}

#[test]
fn exit_leaves_from_anywhere() {
    let source = "(with-exception-handler (lambda (e) (exit 7)) (lambda () (dynamic-wind void (lambda () (car 1)) void)))";
    for spacing in MODES {
        let failure = Trial::new(spacing).run("test.scm", source).1.expect_err("a code");
        assert!(failure.contains("exit with code 7"), "{failure}");
    }
}
