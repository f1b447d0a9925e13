//! A hundred thousand tasks of Scheme that wait, each with a stack of its own that moves, take up less than 1 GiB.
//!
//! In a process of their own, which is this test once more: resident memory is the process's.

use std::process::Command;

use barrier_arch::Spacing;

use super::cli::Stacks;
use super::primitives::Primitive;
use super::runtime::run::start;
use super::stacks::runtime;
use super::value::Value;
use super::{Options, build};

/// Set in the other process.
const HERE: &str = "SCHEME_MANY_TASKS_HERE";

/// Each task waits in the middle of a recursion, in a procedure of the library. The collector looks at all of them.
const PROGRAM: &str = "
    (define count 100000)
    (define gate (make-channel))
    (define started (make-channel 1000))
    (define (down n) (if (= n 0) (begin (channel-send started #t) (channel-receive gate)) (+ 1 (down (- n 1)))))
    (define tasks (map (lambda (i) (spawn (lambda () (down 4)))) (iota count)))
    (define (times n thunk) (if (> n 0) (begin (thunk) (times (- n 1) thunk))))
    (times count (lambda () (channel-receive started)))
    (times 1000 yield)
    (collect-garbage)
    (define waiting (resident-bytes))
    (times count (lambda () (channel-send gate 10)))
    (list (apply + (map join tasks)) waiting)";

/// Bytes of this process's memory that are resident.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: usize = statm.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a number");
    pages * 4096
}

fn wait_here() -> String {
    let resident = Primitive::none("resident-bytes", |_| Ok(Value::index(resident())));
    let options = Options { stacks: Stacks::Copy, primitives: vec![resident], ..Options::default() };
    let scheme = build("many.scm", PROGRAM, options).expect("it compiles");
    let runtime =
        runtime(scheme, Spacing::default(), 64 << 20).expect("a size").workers(2).start().expect("threads");
    start(&runtime).expect("a stack").join().expect("no panic").expect("no fault")
}

#[test]
fn a_hundred_thousand_tasks_fit_in_a_gibibyte() {
    if std::env::var_os(HERE).is_some() {
        return println!("answer {}", wait_here());
    }
    let this = std::env::current_exe().expect("a test is a program");
    let name = std::thread::current().name().map(str::to_owned).expect("tests have names");
    let other = Command::new(this).args([&name, "--exact", "--nocapture"]).env(HERE, "1").output();
    let text = String::from_utf8(other.expect("it starts").stdout).expect("text");
    let answer = text.lines().find_map(|line| line.split_once("answer (")).map(|(_, answer)| answer);
    let mut words = answer.unwrap_or_else(|| panic!("{text}")).trim_end_matches(')').split(' ');
    let mut next = || words.next().and_then(|word| word.parse::<usize>().ok()).expect("a number");
    let (sum, resident) = (next(), next());
    println!("{} MiB resident", resident >> 20);
    assert_eq!(sum, 14 * 100_000);
    assert!(resident < 1 << 30, "{resident} bytes");
}
