//! Texts that are added to a program that runs: the prompt's answers, and the collector among code that comes late.

use super::cli::Stacks;
use super::prompt::{Answer, Inputs, respond};
use super::session::build;
use super::tests::{MODES, Trial, runtime_for};

/// The answers to some inputs at one prompt, whether stacks move or not.
fn answers(trial: Trial, inputs: &[&str]) -> Vec<Answer> {
    let moving = answers_on(trial.on(Stacks::Copy), inputs);
    let reserved = answers_on(trial, inputs);
    assert_eq!(moving, reserved, "on a stack that moves, and on one that does not");
    reserved
}

fn answers_on(trial: Trial, inputs: &[&str]) -> Vec<Answer> {
    let Trial { spacing, stack_limit, options, .. } = trial;
    let runtime = runtime_for(spacing, stack_limit, build("none", "", options).expect("no program"));
    let name = |number| format!("input {number}");
    let mut earlier = Inputs::default();
    inputs
        .iter()
        .zip(1..)
        .map(|(input, number)| respond(&runtime, &name(number), (*input).to_owned(), &mut earlier))
        .collect()
}

/// The first line of an answer.
fn first_line(answer: &Answer) -> &str {
    match answer {
        Answer::Shown(text) => text.lines().next().unwrap_or_default(),
        Answer::Exit(_) => "exit",
    }
}

fn shown(answers: &[Answer]) -> Vec<&str> {
    answers.iter().map(first_line).collect()
}

#[test]
fn inputs_see_what_former_ones_defined() {
    let dialogue = [
        ("(define (f x) (* x 2))", ""),
        ("(define (g x) (f x))", ""),
        ("(g 4)", "8"),
        ("(define (f x) (* x 3))", ""),
        ("(g 4)", "12"),
        ("(define (early) (late 5))", ""),
        ("(early)", "input 6:1:18: unbound variable: late"),
        ("(define (late n) (list n n)) (early)", "(5 5)"),
        ("(define n 0) (define (count!) (set! n (+ n 1)) n) (count!)", "1"),
        ("(count!)", "2"),
        ("(set! n 40)", ""),
        ("(count!)", "41"),
    ];
    for spacing in MODES {
        let inputs = dialogue.map(|(input, _)| input);
        assert_eq!(
            shown(&answers(Trial::new(spacing), &inputs)),
            dialogue.map(|(_, answer)| answer),
            "{spacing:?}"
        );
    }
}

#[test]
fn errors_do_not_leave_the_prompt_and_exit_does() {
    let inputs = ["(car 5)", "(+ 1", "(let)", "no-such-variable", "(raise 'oops)", "(+ 1 2)", "(exit 7)"];
    let answers = answers(Trial::new(MODES[1]), &inputs);
    let shown = shown(&answers);
    assert_eq!(shown[0], "input 1:1:1: car: argument 1 must be a pair, not 5");
    assert!(shown[1].starts_with("input 2:1:1: this `(` is never closed"), "{}", shown[1]);
    assert!(shown[2].starts_with("input 3:1:1: bad `let`"), "{}", shown[2]);
    assert_eq!(shown[3], "input 4:1:1: unbound variable: no-such-variable");
    assert!(shown[4].contains("oops"), "{}", shown[4]);
    assert_eq!(shown[5], "3");
    assert_eq!(answers[6], Answer::Exit(7));
}

#[test]
fn a_library_procedure_that_is_defined_anew_stays_so_and_the_library_keeps_its_own() {
    let inputs = [
        "(define (map f l) 'mine)",
        "(map 1 2)",
        "(define (again) (map 1 2)) (again)",
        "(define (map f l) 'newer)",
        "(again)",
        "(string-map char-upcase \"abc\")",
        "(define old car)",
        "(define (car x) (old (cdr x)))",
        "(car '(1 2))",
        "(cadr '(1 2))",
    ];
    let expected = ["", "mine", "mine", "", "newer", "\"ABC\"", "", "", "2", "2"];
    assert_eq!(shown(&answers(Trial::new(MODES[0]), &inputs)), expected);
}

#[test]
fn late_code_and_its_constants_survive_collections_at_every_allocation() {
    let inputs = [
        "(define (build n) (if (= n 0) '(a \"constant\" 1.5) (cons (vector n (list n)) (build (- n 1)))))",
        "(define kept (build 12))",
        "(define (again n) (if (> n 0) (begin (eval (list 'define 'v (list 'vector n \"text\" 2.5))) (again (- n 1)))))",
        "(again 5)",
        "(eval '(list (vector-ref v 1) (vector-ref v 2) (length kept)))",
        "(eval '(string->symbol \"interned late\"))",
    ];
    for spacing in MODES {
        let trial = Trial::new(spacing).stress();
        let answers = answers(trial, &inputs);
        assert_eq!(shown(&answers)[4..], ["(\"text\" 2.5 15)", "|interned late|"], "{spacing:?}");
    }
}
