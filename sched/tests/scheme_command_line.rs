//! The Scheme as its users start it: each option, what is written where, and the codes that it ends with.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

/// The example's binary, beside this test's: built if `cargo test` was asked for this test only.
static SCHEME: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().expect("a path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/test");
    let name = |path: Option<&std::path::Path>| {
        path.and_then(|path| path.file_name()).unwrap_or_default().to_string_lossy().into_owned()
    };
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "sched", "--example", "scheme"]);
    if name(Some(profile)) == "release" {
        build.arg("--release");
    }
    let target = name(profile.parent());
    if target.contains("-linux-") {
        build.args(["--target", &target]);
    }
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(build.status().expect("cargo").success());
    profile.join("examples/scheme")
});

/// What came of a program.
#[derive(Debug)]
struct Ended {
    out: String,
    err: String,
    code: Option<i32>,
}

/// Runs `program`, given on the standard input, with these options.
fn run(options: &[&str], program: &str) -> Ended {
    feed(Command::new(&*SCHEME).args(options).arg("-"), program)
}

fn feed(command: &mut Command, input: &str) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the example");
    // It may have refused its options and ended before it read anything.
    match child.stdin.take().expect("a pipe").write_all(input.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("it does not read: {error}"),
        _ => {}
    }
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended { out: text(stdout), err: text(stderr), code: status.code() }
}

const DEEP: &str = "(define (deep n) (if (= n 0) 0 (+ 1 (deep (- n 1)))))";

#[test]
fn time_says_where_it_went_and_nothing_else_does() {
    let ended = run(&["--time"], "(collect-garbage) (display 1)");
    assert_eq!((ended.out.as_str(), ended.code), ("1", Some(0)));
    assert!(
        ended.err.starts_with("compiled in ") && ended.err.contains("; 1 collections, "),
        "{}",
        ended.err
    );
    assert_eq!(run(&[], "(collect-garbage) (display 1)").err, "");
}

#[test]
fn gc_trace_writes_a_line_for_each_collection() {
    let ended = run(&["--gc-trace"], "(collect-garbage) (collect-garbage) (display 'done)");
    assert_eq!((ended.out.as_str(), ended.code), ("done", Some(0)));
    assert_eq!(ended.err.lines().count(), 2, "{}", ended.err);
    assert!(ended.err.lines().all(|line| line.contains("pause")), "{}", ended.err);
}

/// Barriers that each of the collections has installed and taken away, as the trace tells.
#[test]
fn barriers_are_put_where_the_option_says() {
    let program = format!(
        "{DEEP} (define (down n) (if (= n 0) (begin (collect-garbage) 0) (+ 1 (down (- n 1))))) (display (down 2000))"
    );
    let installed = |mode: &str| {
        let ended = run(&["--barriers", mode, "--gc-trace", "--verify"], &program);
        assert_eq!((ended.out.as_str(), ended.code), ("2000", Some(0)), "{}", ended.err);
        let words: Vec<&str> = ended.err.split_whitespace().collect();
        let at = words.iter().position(|word| word.starts_with("barrier")).expect("a number of barriers");
        words[at - 1].parse::<usize>().expect("a number")
    };
    let (off, on, every) = (installed("off"), installed("on"), installed("every-frame"));
    assert_eq!(off, 0);
    assert!((3..30).contains(&on) && every > 1000, "{on} {every}");
}

#[test]
fn stack_and_heap_have_limits() {
    let deep = format!("{DEEP} (display (deep 100000))");
    let keep = "(define (keep n l) (if (= n 0) (length l) (keep (- n 1) (cons (make-vector 100 n) l)))) (display (keep 30000 '()))";
    for (options, program, expected) in [
        (["--stack-limit", "256K"], deep.as_str(), Err("stack overflow")),
        (["--stack-limit", "64M"], &deep, Ok("100000")),
        (["--heap-limit", "8M"], keep, Err("heap limit of 8388608 bytes")),
        (["--heap-limit", "256m"], keep, Ok("30000")),
    ] {
        for stacks in ["reserve", "copy"] {
            let ended = run(&[&options[..], &["--stacks", stacks]].concat(), program);
            match expected {
                Ok(out) => {
                    assert_eq!((ended.out.as_str(), ended.code), (out, Some(0)), "{options:?} {}", ended.err)
                }
                Err(message) => {
                    assert_eq!(ended.code, Some(1), "{options:?}");
                    assert!(ended.err.contains(message), "{options:?} {stacks} {}", ended.err);
                }
            }
        }
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for options in [
        ["--stack-limit", "much"],
        ["--heap-limit", "0"],
        ["--barriers", "some"],
        ["--jobs", "many"],
        ["--jobs", "0"],
        ["--stacks", "paper"],
    ] {
        let ended = run(&options, "(display 1)");
        assert_eq!((ended.out.as_str(), ended.code), ("", Some(2)), "{options:?}");
        assert!(ended.err.contains(options[0]), "{options:?} {}", ended.err);
    }
}

#[test]
fn jobs_share_the_work() {
    let program = "(define ch (make-channel 3))
        (define b (box 0))
        (define (add! n) (let ((v (unbox b))) (if (not (box-cas! b v (+ v n))) (add! n))))
        (define (worker) (let ((n (channel-receive ch))) (if (eof-object? n) 'done (begin (add! n) (worker)))))
        (define workers (map (lambda (i) (spawn worker)) (iota 8)))
        (do ((i 1 (+ i 1))) ((> i 1000)) (channel-send ch i))
        (channel-close ch)
        (display (map join workers))
        (display (unbox b))";
    for jobs in ["1", "2", "5"] {
        for stacks in ["reserve", "copy"] {
            let ended = run(&["--jobs", jobs, "--stacks", stacks, "--verify"], program);
            assert_eq!(ended.out, "(done done done done done done done done)500500", "{jobs} {}", ended.err);
            assert_eq!(ended.code, Some(0));
        }
    }
}

#[test]
fn it_ends_with_the_code_that_the_program_says() {
    for (program, code) in [
        ("(exit)", 0),
        ("(exit #t)", 0),
        ("(exit 7)", 7),
        ("(exit #f)", 1),
        ("(car 1)", 1),
        ("(spawn (lambda () (exit 5))) (channel-receive (make-channel))", 5),
        ("(spawn (lambda () (exit 0))) (channel-receive (make-channel))", 0),
        ("(spawn (lambda () (sleep 3600000))) (display 'over)", 0),
        ("(", 1),
    ] {
        for jobs in ["1", "3"] {
            assert_eq!(run(&["--jobs", jobs], program).code, Some(code), "{program}");
        }
    }
}

#[test]
fn a_deadlock_is_reported_and_not_hung() {
    let program = "(define ch (make-channel))\n(define (wait) (+ 1 (channel-receive ch)))\n(spawn wait)\n(display 'so-far)\n(wait)";
    for jobs in ["1", "3"] {
        let ended = run(&["--jobs", jobs], program);
        assert_eq!((ended.out.as_str(), ended.code), ("so-far", Some(1)));
        let expected = "standard input:2:21: deadlock: nobody can go on; the program waits for (channel-receive #<channel 1>)
    2 | (define (wait) (+ 1 (channel-receive ch)))
      |                     ^
  in wait (standard input:2:21)
  in top level (standard input:5:1)
task 1 waits for (channel-receive #<channel 1>)
  in wait (standard input:2:21)
";
        assert_eq!(ended.err, expected);
    }
}

#[test]
fn errors_that_nobody_joined_are_told_and_the_program_ends_as_it_would() {
    let program = "(define t (spawn (lambda () (error \"lost:\" 'it))))\n(spawn (lambda () (guard (e (#t 1)) (join t))))\n(define u (spawn (lambda () (+ 1 (car 2)))))\n(sleep 20)\n(display 'fine)\n(exit 3)";
    let ended = run(&[], program);
    assert_eq!((ended.out.as_str(), ended.code), ("fine", Some(3)));
    let expected =
        "task 3 failed, and nobody has joined it: standard input:3:34: car: argument 1 must be a pair, not 2
    3 | (define u (spawn (lambda () (+ 1 (car 2)))))
      |                                  ^
  in lambda (standard input:3:34)
";
    assert_eq!(ended.err, expected);
}

/// The program is a file, and what it reads comes from the standard input; the rest of the line is its own.
#[test]
fn files_get_their_arguments_and_their_input() {
    let file = std::env::temp_dir().join(format!("scheme-command-line-{}.scm", std::process::id()));
    std::fs::write(
        &file,
        "(write (cdr (command-line))) (write (read)) (write (read-line)) (write (eof-object? (read)))",
    )
    .expect("a file");
    let mut command = Command::new(&*SCHEME);
    let ended = feed(command.arg("--jobs").arg("1").arg(&file).args(["--", "one", "--two"]), "(1 . 2) rest");
    std::fs::remove_file(&file).expect("it was there");
    assert_eq!(
        (ended.out.as_str(), ended.code),
        ("(\"one\" \"--two\")(1 . 2)\" rest\"#t", Some(0)),
        "{}",
        ended.err
    );
    let missing = feed(Command::new(&*SCHEME).arg("/no/such/file.scm"), "");
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("/no/such/file.scm"), "{}", missing.err);
}

/// What an input writes does not run into the next prompt, nor into what the input gives.
#[test]
fn output_at_the_prompt_ends_with_its_line() {
    let dialogue = "(display \"one\")\n(begin (display 'two) (newline) 3)\n(begin (display 'four) 5)\n(write-string \"\")\n'six\n";
    for stacks in ["reserve", "copy"] {
        let mut command = Command::new(&*SCHEME);
        command.args(["--prompt", "--stacks", stacks]).env("SCHEME_HISTORY", "/dev/null");
        let ended = feed(&mut command, dialogue);
        let lines: Vec<&str> = ended.out.lines().map(|line| line.trim_start_matches("> ")).collect();
        assert_eq!(
            (lines, ended.code),
            (vec!["one", "two", "3", "four", "5", "six"], Some(0)),
            "{}",
            ended.err
        );
    }
}

/// An error in what an earlier input has defined shows the line of that input.
#[test]
fn errors_at_the_prompt_quote_the_input_that_they_are_in() {
    let dialogue = "(define (f x)\n  (+ 1 (car x)))\n(define (g) (+ 1 (f 'a)))\n(g)\n(begin (spawn (lambda () (+ 1 (f 'b)))) (sleep 5))\n";
    let mut command = Command::new(&*SCHEME);
    let ended = feed(command.arg("--prompt").env("SCHEME_HISTORY", "/dev/null"), dialogue);
    let quoted = "input 1:2:8: car: argument 1 must be a pair, not a\n    2 |   (+ 1 (car x)))\n      |        ^\n  in f (input 1:2:8)\n  in g (input 2:1:18)\n";
    assert!(ended.out.contains(quoted), "{}", ended.out);
    assert!(ended.err.contains("not b\n    2 |   (+ 1 (car x)))\n"), "{}", ended.err);
}

#[test]
fn a_negative_number_has_a_complex_root() {
    let ended = run(&[], "(display (list (sqrt -4.0) (sqrt (- 4)))) (< 1 (sqrt -4))");
    let expected = "standard input:1:43: <: argument 2 must be a real number, not +2i\n";
    assert!(ended.out == "(+2.0i +2i)" && ended.err.starts_with(expected), "{} {}", ended.out, ended.err);
}

#[test]
fn a_name_that_nobody_defines_is_told_first_and_an_error_when_it_is_used() {
    let ended = run(&[], "(define (f x) (if x (nowhere x) 1))\n(display (f #f)) (f #t)");
    let warning = "standard input:1:22: warning: nobody defines nowhere; check its spelling\n";
    assert!(ended.out == "1" && ended.code == Some(1) && ended.err.starts_with(warning), "{}", ended.err);
    assert!(ended.err.contains("standard input:1:22: unbound variable: nowhere\n"), "{}", ended.err);
    let loads =
        run(&[], "(define (f x) (if x (nowhere x) 1))\n(eval '(define (nowhere x) x)) (display (f 5))");
    assert_eq!((loads.out.as_str(), loads.err.as_str()), ("5", ""));
}
