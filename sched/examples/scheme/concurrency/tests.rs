//! Programs with several tasks: those in `concurrent/`, with one worker and more, with barriers off, at doubling distances and at every frame,
//! each collection verified; those whose first line says `; stress` with a collection at each allocation, too.

use barrier_arch::Spacing;

use crate::scheme::cli::Stacks;
use crate::scheme::fault::{Failure, Fault};
use crate::scheme::runtime::run::start;
use crate::scheme::stacks::runtime;
use crate::scheme::tests::{Kept, MODES, programs, turn};
use crate::scheme::{Options, build};

/// Of each task's stack, in bytes.
const STACK_LIMIT: usize = 16 << 20;

/// How a test runs its program.
#[derive(Clone, Copy, Debug)]
struct Way {
    spacing: Spacing,
    stacks: Stacks,
    workers: usize,
    stress: bool,
}

/// Every way, the stressful ones apart; if tests take [turns](turn), with one kind of stacks and workers in each mode.
fn ways(stress: bool) -> impl Iterator<Item = Way> {
    let kinds = [(Stacks::Reserve, 1), (Stacks::Copy, 1), (Stacks::Reserve, 3), (Stacks::Copy, 3)];
    let these = move || turn().map_or(kinds.to_vec(), |turn| vec![kinds[turn % kinds.len()]]);
    let way = move |spacing, (stacks, workers)| Way { spacing, stacks, workers, stress };
    MODES.into_iter().flat_map(move |spacing| these().into_iter().map(move |kind| way(spacing, kind)))
}

/// What came of a program.
struct Ended {
    output: String,
    result: Result<String, Box<Failure>>,
    exit: Option<i32>,
    forgotten: Vec<(usize, String)>,
}

fn run_in(way: Way, file: &str, source: &str) -> Ended {
    let kept = Kept::default();
    let options = Options {
        heap_limit: 256 << 20,
        gc_stress: way.stress,
        stacks: way.stacks,
        output: Box::new(kept.clone()),
        ..Options::default()
    };
    let scheme = build(file, source, options).unwrap_or_else(|error| panic!("{file}: {error}"));
    let builder = runtime(scheme, way.spacing, STACK_LIMIT).expect("a stack size");
    let runtime = builder.workers(way.workers).verify(true).oracle(true).start().expect("threads");
    let task = start(&runtime).expect("a stack");
    let ending = &runtime.language().ending;
    let exit = ending.wait();
    let result = if exit.is_some() { Ok(String::new()) } else { task.join().expect("no panic") };
    let forgotten = ending.take_failures().into_iter().map(|(task, failure)| (task, failure.headline()));
    Ended { output: kept.text(), result, exit, forgotten: forgotten.collect() }
}

#[test]
fn programs_with_tasks_write_what_they_should() {
    let programs = programs("concurrent", "out");
    assert!(programs.len() >= 20);
    for (file, source, expected) in &programs {
        let is_stressed = source.starts_with("; stress");
        let stressed = ways(true).filter(|_| is_stressed);
        for way in ways(false).chain(stressed) {
            let ended = run_in(way, file, source);
            assert_eq!(ended.result.map_err(|failure| failure.to_string()).err(), None, "{file} {way:?}");
            assert_eq!(&ended.output, expected, "{file} {way:?}");
            assert_eq!(ended.forgotten, [], "{file} {way:?}");
        }
    }
}

/// Everything that can wait, waits: for a receiver, a sender, a task, one of several, itself.
const DEADLOCK: &str = "(define a (make-channel)) (define self (make-channel))
(define b (make-channel))
(define (receiver) (+ 1 (channel-receive a)))
(define t1 (spawn receiver))
(define t2 (spawn (lambda () (list (channel-send b 1)))))
(define t3 (spawn (lambda () (list (join t1)))))
(define t4 (spawn (lambda () (list (select ((receive a x) x) ((join t2) 2))))))
(define t5 (spawn (lambda () (list (join (channel-receive self))))))
(channel-send self t5) (sleep 3)
(display \"before\")
(list (join t3))
(display \"after\")";

#[test]
fn a_deadlock_tells_of_each_task_where_it_waits() {
    for way in ways(false).chain(ways(true)) {
        let ended = run_in(way, "d.scm", DEADLOCK);
        let failure = ended.result.expect_err("a deadlock");
        assert!(matches!(failure.fault, Fault::Deadlock { .. }), "{failure}");
        let text = failure.to_string();
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("in join")).collect();
        assert_eq!(
            lines,
            [
                "d.scm:11:7: deadlock: nobody can go on; the program waits for (join #<task 3>)",
                "  in top level (d.scm:11:7)",
                "task 1 waits for (channel-receive #<channel 1>)",
                "  in receiver (d.scm:3:25)",
                "task 2 waits for (channel-send #<channel 3> ...)",
                "  in lambda (d.scm:5:36)",
                "task 3 waits for (join #<task 1>)",
                "  in lambda (d.scm:6:36)",
                "task 4 waits for one of (channel-receive #<channel 1>), (join #<task 2>)",
                "  in lambda (d.scm:7:36)",
                "task 5 waits for (join #<task 5>)",
                "  in lambda (d.scm:8:36)",
            ],
            "{way:?}"
        );
        assert_eq!(ended.output, "before");
    }
}

/// A hundred tasks that wait for each other: the report shows the first twenty, and says how many there are.
#[test]
fn a_deadlock_of_many_tasks_is_told_in_short() {
    let source = "(define ch (make-channel)) (do ((i 0 (+ i 1))) ((= i 100)) (spawn (lambda () (list (channel-receive ch))))) (list (channel-receive ch))";
    for way in ways(false) {
        let failure = run_in(way, "d.scm", source).result.expect_err("a deadlock").to_string();
        assert_eq!(failure.matches("waits for (channel-receive").count(), 21, "{way:?}");
        assert!(failure.ends_with("... and 80 tasks more"), "{failure}");
    }
}

/// It is no deadlock while somebody sleeps, runs, or waits with a timeout; nor can it be handled.
#[test]
fn what_may_still_go_on_is_no_deadlock() {
    for (source, expected) in [
        (
            "(define ch (make-channel)) (spawn (lambda () (sleep 20) (channel-send ch 'slept))) (channel-receive ch)",
            "slept",
        ),
        ("(define t (spawn (lambda () (channel-receive (make-channel) 20 'late)))) (join t)", "late"),
        (
            "(define ch (make-channel)) (spawn (lambda () (let loop ((i 0)) (if (< i 100000) (loop (+ i 1)))) (channel-send ch 'counted))) (channel-receive ch)",
            "counted",
        ),
        (
            "(guard (e (#t 'handled)) (channel-receive (make-channel)))",
            "t.scm:1:1: deadlock: nobody can go on; the program waits for (channel-receive #<channel 1>)",
        ),
        (
            "(join (spawn (lambda () (channel-receive (make-channel) 1))))",
            "t.scm:1:1: channel-receive: timed out after milliseconds: 1",
        ),
    ] {
        for way in ways(false) {
            let result = run_in(way, "t.scm", source).result.map_err(|failure| failure.headline());
            assert_eq!(result.unwrap_or_else(|headline| headline), expected, "{source} {way:?}");
        }
    }
}

#[test]
fn errors_that_nobody_asks_for_are_kept_to_the_end() {
    let source = "(define t1 (spawn (lambda () (car 1))))
(define t2 (spawn (lambda () (error \"second\" 2))))
(define t3 (spawn (lambda () (raise 'third))))
(sleep 5)
(guard (e (#t 'joined)) (join t2))
'done";
    for way in ways(false) {
        let ended = run_in(way, "f.scm", source);
        assert_eq!(ended.result.expect("the program's own end"), "done", "{way:?}");
        let expected = [
            (1, "f.scm:1:30: car: argument 1 must be a pair, not 1".to_owned()),
            (3, "f.scm:3:19: uncaught: third".to_owned()),
        ];
        assert_eq!(ended.forgotten, expected, "{way:?}");
    }
}

/// The object of a task that nobody else has is kept by the task: it is needed at the end, when other objects of its size have been made and
/// dropped in plenty. With one worker, the program goes on when the task has ended.
#[test]
fn a_task_keeps_its_own_object() {
    let source =
        "(define (garbage n) (if (> n 0) (begin (make-vector 50 n) (make-vector 7 n) (garbage (- n 1)))))
(begin (spawn (lambda () (garbage 100000) (raise 'lost))) #f)
(sleep 1)
'done";
    for way in ways(false).filter(|way| way.workers == 1) {
        let ended = run_in(way, "k.scm", source);
        assert_eq!(ended.result.expect("the program's own end"), "done", "{way:?}");
        assert_eq!(ended.forgotten, [(1, "k.scm:2:15: uncaught: lost".to_owned())], "{way:?}");
    }
}

#[test]
fn any_task_may_end_the_program() {
    let source = "(spawn (lambda () (dynamic-wind (lambda () #f) (lambda () (display \"in\") (exit 7)) (lambda () (display \"out\")))))
(channel-receive (make-channel) 3600000)";
    for way in ways(false) {
        let ended = run_in(way, "e.scm", source);
        assert_eq!((ended.exit, ended.output.as_str()), (Some(7), "inout"), "{way:?}");
    }
}

/// A task whose stack overflows fails alone; its joiner gets the error.
#[test]
fn a_stack_overflow_is_the_tasks_own() {
    let source = "(define (deep n) (+ 1 (deep n)))
(define t (spawn (lambda () (deep 0))))
(define message (guard (e (#t (error-object-message e))) (join t)))
(substring message 0 14)";
    for way in ways(false) {
        let ended = run_in(way, "o.scm", source);
        assert_eq!(ended.result.expect("a value"), "\"stack overflow\"", "{way:?}");
    }
}
