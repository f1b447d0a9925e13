//! Whole programs: those in `programs/` and `errors/`, with barriers off, at doubling distances and at every frame, each
//! collection verified.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use barrier_arch::{Spacing, StkbarSlice};
use sched::Runtime;

use super::cli::{Stacks, bytes};
use super::machine::{Current, Machine};
use super::primitives::{Outcome, Primitive};
use super::runtime::run::{run, start};
use super::stacks::runtime;
use super::value::Value;
use super::{Options, Scheme, build};

/// The three modes in which everything must give the same results.
pub const MODES: [Spacing; 3] =
    [Spacing::Off, Spacing::Exponential { first: Spacing::FIRST }, Spacing::EveryFrame];

/// Output kept for a test.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    /// All that was written.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Is `SCHEME_TESTS=brief` in the environment? It is for emulated processors, which are slow.
fn are_brief() -> bool {
    std::env::var_os("SCHEME_TESTS").is_some_and(|tests| tests == "brief")
}

/// If tests are to be brief: which turn this is. Of the ways to run a program one is taken then, and another one the next time.
pub fn turn() -> Option<usize> {
    static TURNS: AtomicUsize = AtomicUsize::new(0);
    are_brief().then(|| TURNS.fetch_add(1, Ordering::Relaxed))
}

/// How many objects there are to be for marking to take a while, if it takes `objects` on a fast processor.
pub fn many(objects: usize) -> usize {
    if are_brief() { objects / 20 } else { objects }
}

/// How a test runs its program.
pub struct Trial {
    pub spacing: Spacing,
    pub stack_limit: usize,
    pub options: Options,
    /// Where stacks move: at each prologue check, too.
    pub always_move: bool,
    output: Kept,
}

impl Trial {
    /// 256 MiB of stack and heap, nothing special.
    pub fn new(spacing: Spacing) -> Trial {
        let output = Kept::default();
        let options =
            Options { heap_limit: 256 << 20, output: Box::new(output.clone()), ..Options::default() };
        Trial { spacing, stack_limit: 256 << 20, options, always_move: false, output }
    }

    /// Collects at every allocation.
    pub fn stress(mut self) -> Trial {
        self.options.gc_stress = true;
        self
    }

    /// With the limits on the first line of `source`, if it says any: `; options: --stack-limit 512K --heap-limit 16M`.
    pub fn sized(mut self, source: &str) -> Trial {
        let line =
            source.lines().next().and_then(|line| line.strip_prefix("; options: ")).unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.chunks_exact(2) {
            let bytes = bytes(pair[1]).expect("a size");
            match pair[0] {
                "--stack-limit" => self.stack_limit = bytes,
                "--heap-limit" => self.options.heap_limit = bytes,
                option => panic!("{option} is no limit"),
            }
        }
        self
    }

    /// Runs `source`, on a reserved stack and on one that moves: what it wrote, and the last value or the failure, which must be the same on both.
    ///
    /// If tests take [turns](turn), on one of them, on the other one the next time.
    pub fn run(self, file: &str, source: &str) -> (String, Result<String, String>) {
        if let Some(turn) = turn() {
            return if turn.is_multiple_of(2) { self.on(Stacks::Copy) } else { self }.run_once(file, source);
        }
        let moving = self.on(Stacks::Copy).run_once(file, source);
        let reserved = self.run_once(file, source);
        // Frames are not equally large: backtraces of an overflow leave out different numbers of them.
        let shape = |(output, result): &(String, Result<String, String>)| {
            let failure = result.as_ref().err();
            let words = failure.map(|text| text.replace(|c: char| c.is_ascii_digit(), ""));
            (output.clone(), result.as_ref().ok().cloned(), words)
        };
        assert_eq!(
            shape(&moving),
            shape(&reserved),
            "{file}: on a stack that moves, and on one that does not"
        );
        reserved
    }

    /// The same trial for code of another kind.
    pub fn on(&self, stacks: Stacks) -> Trial {
        let mut trial = Trial::new(self.spacing);
        (trial.stack_limit, trial.always_move) = (self.stack_limit, self.always_move);
        let (ours, options) = (&self.options, &mut trial.options);
        (options.heap_limit, options.gc_stress, options.stacks) = (ours.heap_limit, ours.gc_stress, stacks);
        (options.primitives, options.command_line) = (ours.primitives.clone(), ours.command_line.clone());
        trial
    }

    /// Runs `source` on a stack of the kind that the options say.
    pub fn run_once(self, file: &str, source: &str) -> (String, Result<String, String>) {
        let Trial { spacing, stack_limit, options, always_move, output } = self;
        let result = match build(file, source, options) {
            Err(error) => Err(error.to_string()),
            Ok(scheme) => {
                let runtime = moving_runtime_for(spacing, stack_limit, always_move, scheme);
                start(&runtime)
                    .expect("a stack")
                    .join()
                    .expect("no panic")
                    .map_err(|failure| failure.to_string())
            }
        };
        (output.text(), result)
    }
}

/// A runtime that verifies each collection.
pub fn runtime_for(spacing: Spacing, stack_limit: usize, scheme: Scheme) -> Runtime<Scheme> {
    moving_runtime_for(spacing, stack_limit, false, scheme)
}

/// The same; if stacks move, and `always_move`, they do so at each prologue check.
pub fn moving_runtime_for(
    spacing: Spacing,
    stack_limit: usize,
    always_move: bool,
    scheme: Scheme,
) -> Runtime<Scheme> {
    let builder = runtime(scheme, spacing, stack_limit).expect("a stack size");
    builder.workers(1).verify(true).oracle(true).always_move(always_move).start().expect("threads")
}

/// The last value of `source` in each mode, or the first line of its failure.
pub fn value_in(spacing: Spacing, source: &str) -> String {
    let (_, result) = Trial::new(spacing).run("test.scm", source);
    result.unwrap_or_else(|failure| failure.lines().next().unwrap_or_default().to_owned())
}

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scheme").join(name)
}

/// Every program of a directory with the text beside it.
pub fn programs(name: &str, beside: &str) -> Vec<(String, String, String)> {
    let read =
        |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let entries = std::fs::read_dir(directory(name)).expect("the directory");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "scm"));
    paths.sort();
    let file = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    paths.iter().map(|path| (file(path), read(path), read(&path.with_extension(beside)))).collect()
}

#[test]
fn programs_write_what_they_should_in_every_mode() {
    let programs = programs("programs", "out");
    assert!(programs.len() >= 25);
    for (file, source, expected) in &programs {
        for spacing in MODES {
            let (output, result) = Trial::new(spacing).sized(source).run(file, source);
            assert_eq!(result.err(), None, "{file} {spacing:?}");
            assert_eq!(&output, expected, "{file} {spacing:?}");
        }
    }
}

/// Each holds a pair that only it refers to; all are made on the way down and read on the way up.
#[test]
fn a_million_frames_keep_what_they_hold_in_every_mode() {
    let frames = many(1_000_000);
    let source = format!(
        "(define (hold n)
           (if (= n 0)
               0
               (let ((mine (cons n 1)))
                 (let ((below (hold (- n 1))))
                   (if (= (car mine) n) (+ (cdr mine) below) (error \"lost\" n mine))))))
         (hold {frames})"
    );
    for spacing in MODES {
        let (_, result) = Trial::new(spacing).run("deep.scm", &source);
        assert_eq!(result, Ok(frames.to_string()), "{spacing:?}");
    }
}

/// `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut open = false;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        open = part.is_empty();
    }
    rest.is_empty() || open
}

#[test]
fn errors_are_reported_in_every_mode() {
    // Those of texts are the same everywhere.
    let of_texts = if are_brief() { vec![] } else { programs("errors/syntax", "err") };
    for (file, source, expected) in programs("errors/run", "err").iter().chain(&of_texts) {
        for spacing in MODES {
            let (_, result) = Trial::new(spacing).sized(source).run(file, source);
            let failure = result.expect_err(file);
            let first = failure.lines().next().unwrap_or_default();
            let pattern = expected.lines().next().unwrap_or_default();
            assert!(matches(pattern, first), "{file} {spacing:?}\n  {first}\nwanted\n  {pattern}");
        }
    }
}

const STRESSED: &str = "
    (define (build n) (if (= n 0) '() (cons (vector n (* 1.5 n)) (build (- n 1)))))
    (define (total l) (if (null? l) 0 (+ (vector-ref (car l) 1) (total (cdr l)))))
    (define counter (let ((n 0)) (lambda () (set! n (+ n 1)) n)))
    (define (seven a b c d e f . g) (list a b c d e f g))
    (display (total (build 20)))
    (counter) (display (counter))
    (display (map + '(1 2 3) '(4 5 6)))
    (define (two n) (let ((a (build n)) (b (build (+ n 1)))) (list (total a) (total b) (total a))))
    (display (two 3))
    (define (either x) (let ((a (if x (build 2) (build 3)))) (build 9) (total a)))
    (display (either #t))
    (define (deep n) (if (= n 0) 0 (let ((own (vector n (list n)))) (+ (deep (- n 1)) (car (vector-ref own 1))))))
    (display (deep 10))
    (display (seven (list 1) (list 2) (list 3) (list 4) (list 5) (list 6) (list 7)))
    (display (apply seven (build 8)))
    (define (rotate v i n)
      (if (> n 0)
          (let ((old (vector-ref v i)))
            (vector-set! v i (list n))
            (rotate v (modulo (+ i 3) 8) (- n 1)))
          (total (map (lambda (l) (vector 0 (car l))) (vector->list v)))))
    (display (rotate (make-vector 8 '(0)) 0 24))
    (letrec ((even? (lambda (n) (if (= n 0) (list counter) (odd? (- n 1)))))
             (odd? (lambda (n) (if (= n 0) '() (even? (- n 1))))))
      (display (length (even? 10))))
    (display (string->symbol (string-append \"ab\" (number->string 1.5))))";

#[test]
fn nothing_is_lost_when_every_allocation_collects() {
    let (expected, result) = Trial::new(Spacing::Off).run("stress.scm", STRESSED);
    assert!(
        result.is_ok() && expected.starts_with("315.02(5 7 9)(9.0 15.0 9.0)4.555((1) (2)"),
        "{expected} {result:?}"
    );
    for spacing in MODES {
        let (output, result) = Trial::new(spacing).stress().run("stress.scm", STRESSED);
        assert_eq!(result.err(), None, "{spacing:?}");
        assert_eq!(output, expected, "{spacing:?}");
    }
}

/// Objects move from the end of a large vector, which the collector comes to last, to its beginning, which it has
/// seen already.
const MOVING: &str = "
    (define size 60000)
    (define v (make-vector size #f))
    (define (fill i) (if (< i size) (begin (vector-set! v i (list i)) (fill (+ i 1)))))
    (define (move n)
      (if (< n (quotient size 2))
          (let ((x (vector-ref v (- size n 1))))
            (vector-set! v (- size n 1) #f)
            (vector-set! v n x)
            (vector n n n n n n n n)
            (move (+ n 1)))))
    (define (sum i s) (if (= i size) s (sum (+ i 1) (if (vector-ref v i) (+ s (car (vector-ref v i))) s))))
    (define (rounds n) (if (> n 0) (begin (fill 0) (move 0) (rounds (- n 1)))))
    (rounds 30)
    (sum 0 0)";

#[test]
fn stores_into_what_was_marked_are_seen() {
    for spacing in MODES {
        let mut trial = Trial::new(spacing);
        trial.options.heap_limit = 24 << 20;
        assert_eq!(trial.run("moving.scm", MOVING).1, Ok("1349985000".into()), "{spacing:?}");
    }
}

/// Each call of a procedure moves the stack, and each collection, of which there are plenty.
#[test]
fn programs_run_on_stacks_that_move_at_every_call() {
    for (file, source, expected) in &programs("programs", "out") {
        for spacing in MODES {
            let mut trial = Trial::new(spacing).on(Stacks::Copy);
            trial.always_move = true;
            let (output, result) = trial.run_once(file, source);
            assert_eq!(result.err(), None, "{file} {spacing:?}");
            assert_eq!(&output, expected, "{file} {spacing:?}");
        }
    }
}

#[test]
fn nothing_is_lost_when_every_allocation_collects_and_every_call_moves() {
    let (expected, _) = Trial::new(Spacing::Off).run_once("stress.scm", STRESSED);
    for spacing in MODES {
        let mut trial = Trial::new(spacing).stress().on(Stacks::Copy);
        trial.always_move = true;
        let (output, result) = trial.run_once("stress.scm", STRESSED);
        assert_eq!(result.err(), None, "{spacing:?}");
        assert_eq!(output, expected, "{spacing:?}");
    }
}

/// Goes on when the collector has put barriers on this stack; at once if it never does.
pub fn wait_for_barriers(machine: &Machine<'_>) -> Outcome {
    wait_until(machine, |bars| bars.len() > bars.position())
}

/// Asks for collections until the barriers of this stack are as `condition` says; at once if there is no room for any.
pub fn wait_until(machine: &Machine<'_>, condition: impl Fn(&StkbarSlice) -> bool) -> Outcome {
    let current = machine.current();
    let mut tries = if current.bars(StkbarSlice::capacity) == 0 { 0..0 } else { 0..100_000 };
    let comes_true = tries.any(|_| {
        current.request_collection();
        current.yield_now();
        // The collector's threads need a processor, too.
        std::thread::sleep(Duration::from_micros(20));
        current.bars(&condition)
    });
    Ok(Value::boolean(comes_true))
}

/// A program of 20,000 frames that faults at the bottom, with barriers installed.
const FAR: &str = "
    (define kept (vector->list (make-vector 300000 1)))
    (define (down n) (if (= n 0) (if (wait-for-barriers) (car 5) (cdr 5)) (+ 1 (down (- n 1)))))
    (+ 1 (down 20000))";

#[test]
fn a_fault_far_up_the_stack_leaves_no_barrier_behind() {
    for spacing in [Spacing::default(), Spacing::EveryFrame] {
        let mut options = Trial::new(spacing).options;
        options.primitives.push(Primitive::none("wait-for-barriers", wait_for_barriers));
        let runtime = runtime_for(spacing, 64 << 20, build("far.scm", FAR, options).expect("it compiles"));
        let task = runtime.spawn(|current| {
            let faults: Vec<_> = (0..3).map(|_| (run(current), barriers_on_dead_frames(current))).collect();
            current.collect();
            faults
        });
        for (result, left) in task.expect("a stack").join().expect("no panic") {
            let failure = result.expect_err("a fault").to_string();
            assert!(failure.contains("... 19990 more"), "{failure}");
            assert!(failure.contains("car: argument 1"), "there were barriers: {failure}");
            assert_eq!(left, 0, "{spacing:?}");
        }
    }
}

/// Barriers not marked hit whose frames are gone.
fn barriers_on_dead_frames(current: &Current<'_>) -> usize {
    let here = 0_usize;
    let sp = (&raw const here) as usize;
    current.bars(|bars| {
        let left = bars.iter().skip(bars.position()).filter(|record| record.saved_lr_ptr < sp);
        left.count()
    })
}
