//! Each core form, each in-line primitive, and the stack maps.

use crate::scheme::build;
use crate::scheme::frame_table::FrameTable;
use crate::scheme::tests::{MODES, Trial, value_in};

fn check(cases: &[(&str, &str)]) {
    for spacing in MODES {
        for (source, expected) in cases {
            assert_eq!(value_in(spacing, source), *expected, "{source} {spacing:?}");
        }
    }
}

#[test]
fn constants_and_variables() {
    check(&[
        ("'(1 2.5 #t #\\a \"s\" sym () #(1 (2)))", "(1 2.5 #t #\\a \"s\" sym () #(1 (2)))"),
        ("(define x 1) (set! x (+ x 1)) x", "2"),
        ("(let ((x 1)) (set! x (+ x 1)) x)", "2"),
        ("((lambda (x) (set! x (+ x 1)) x) 1)", "2"),
        ("(define f (let ((n 0)) (lambda () (set! n (+ n 1)) n))) (f) (f)", "2"),
        ("(let ((x 1) (y 2)) (let ((x y) (y x)) (list x y)))", "(2 1)"),
        ("(begin 1 2 3)", "3"),
    ]);
}

#[test]
fn conditions_branch_on_everything_but_false() {
    check(&[
        ("(map (lambda (x) (if x 1 2)) (list #f #t 0 '()))", "(2 1 1 1)"),
        ("(map (lambda (x) (if (not x) 1 2)) (list #f #t 0))", "(1 2 2)"),
        ("(map (lambda (x y) (and x y)) '(1 #f 3) '(4 5 #f))", "(4 #f #f)"),
        ("(map (lambda (x y) (or x y)) '(1 #f #f) '(4 5 #f))", "(1 5 #f)"),
        (
            "(map (lambda (x) (if (or (null? x) (and (pair? x) (eq? (car x) 1))) 'y 'n)) '(() (1) (2) 3))",
            "(y y n n)",
        ),
        ("(list (if #t 1 2) (if #f 1 2) (if (if #t #f #t) 1 2))", "(1 2 2)"),
    ]);
}

#[test]
fn letrec_orders_its_initialisers() {
    check(&[
        ("(letrec ((a (lambda () (b))) (b (lambda () 7))) (a))", "7"),
        ("(define (f n) (define (g m) (if (= m 0) n (h (- m 1)))) (define (h m) (g m)) (g 9)) (f 5)", "5"),
        ("(define (f) (define (a) b) (define b 3) (a)) (f)", "3"),
        ("(define (f) (define b 3) (define (a) (set! b (+ b 1)) b) (a)) (f)", "4"),
        ("(letrec ((a (lambda () b)) (b (a))) b)", "test.scm:1:24: variable b is used before it has a value"),
    ]);
}

#[test]
fn calls_with_any_number_of_arguments() {
    check(&[
        ("((lambda (a b c d e f g) (list g f e d c b a)) 1 2 3 4 5 6 7)", "(7 6 5 4 3 2 1)"),
        ("((lambda (a b c d e . r) (list a e r)) 1 2 3 4 5 6 7)", "(1 5 (6 7))"),
        ("((lambda r r) 1 2 3 4 5 6)", "(1 2 3 4 5 6)"),
        ("((lambda r r))", "()"),
        ("(apply + 1 2 '(3 4 5 6 7))", "28"),
        ("(apply (lambda (a b c d e f) (list f a)) '(1 2 3 4 5 6))", "(6 1)"),
        ("(length (apply list (iota 5000)))", "5000"),
        (
            "(define (swap a b c d e f n) (if (= n 0) (list a b c d e f) (swap f e d c b a (- n 1)))) (swap 1 2 3 4 5 6 7)",
            "(6 5 4 3 2 1)",
        ),
        ("(map car (list (cons 1 2)))", "(1)"),
    ]);
}

#[test]
fn tail_calls_take_no_stack() {
    let even =
        "(define (ev? n) (if (= n 0) #t (od? (- n 1)))) (define (od? n) (if (= n 0) #f (ev? (- n 1))))";
    let loops = [
        format!("{even} (ev? 300001)"),
        "(define (f n g) (cond ((= n 0) #f) (else (g (- n 1) g)))) (f 300000 f)".into(),
        "(define (f a b c d e n) (if (= n 0) #f (f b c d e a (- n 1)))) (f 1 2 3 4 5 300000)".into(),
        "(define (f n) (if (= n 0) #f (apply f (list (- n 1))))) (f 300000)".into(),
        "(let loop ((n 300000)) (and (> n 0) (or #f (begin 1 (loop (- n 1))))))".into(),
    ];
    for spacing in MODES {
        for source in &loops {
            let mut trial = Trial::new(spacing);
            trial.stack_limit = 64 << 10;
            assert_eq!(trial.run("test.scm", source).1, Ok("#f".into()), "{source}");
        }
    }
}

#[test]
fn fixnum_arithmetic_goes_over_into_bignums_and_back() {
    let max = (1_i64 << 62) - 1;
    check(&[
        (&format!("(+ {} 1)", max - 1), &max.to_string()),
        (&format!("(- {} 1)", -max), &(-max - 1).to_string()),
        (&format!("(+ {max} 1)"), &(max as i128 + 1).to_string()),
        (&format!("(- (+ {max} 1) 1)"), &max.to_string()),
        (&format!("(- {} 2)", -max), &(-max as i128 - 2).to_string()),
        ("(* 2147483648 2147483647)", "4611686016279904256"),
        ("(* -2147483648 2147483648)", "-4611686018427387904"),
        ("(* 2147483648 2147483648)", "4611686018427387904"),
        ("(- -4611686018427387904)", "4611686018427387904"),
        ("(abs -4611686018427387904)", "4611686018427387904"),
        ("(quotient -4611686018427387904 -1)", "4611686018427387904"),
        ("(fixnum? (- (expt 2 62) 1))", "#t"),
        ("(fixnum? (expt 2 62))", "#f"),
        ("(- 5)", "-5"),
        ("(list (+) (*) (+ 1 2 3) (- 10 1 2) (* 1 2 3 4))", "(0 1 6 7 24)"),
        ("(list (+ 1 0.5) (- 1.5 1) (* 2 0.25) (/ 1 4) (/ 8 4))", "(1.5 0.5 0.5 1/4 2)"),
    ]);
}

#[test]
fn in_line_primitives_agree_with_the_called_ones() {
    let arguments = [
        "1 1",
        "1 2",
        "2 1",
        "1 1.0",
        "1.5 1",
        "-3 -3.5",
        "0 -0.0",
        "4611686018427387903 4.611686018427388e18",
        "4611686018427387903 4611686018427387903",
        "1/3 0.3333333333333333",
        "1/2 4611686018427387904",
    ];
    for name in ["+", "-", "=", "<", ">", "<=", ">="] {
        for pair in arguments {
            let source = format!(
                "(let ((p (car (list {name})))) (let ((a ({name} {pair})) (b (p {pair}))) (equal? a b)))"
            );
            assert_eq!(value_in(MODES[1], &source), "#t", "{source}");
        }
    }
    check(&[
        ("(list (car '(1 . 2)) (cdr '(1 . 2)) (vector-ref #(1 2 3) 2))", "(1 2 3)"),
        ("(car 5)", "test.scm:1:1: car: argument 1 must be a pair, not 5"),
        ("(car \"s\")", "test.scm:1:1: car: argument 1 must be a pair, not \"s\""),
        ("(vector-ref (vector 1 2) 2)", "test.scm:1:1: vector-ref: index 2 is out of range for length 2"),
        ("(vector-ref (vector 1 2) -1)", "test.scm:1:1: vector-ref: index -1 is out of range for length 2"),
        (
            "(list (zero? 0) (zero? 0.0) (zero? 1) (null? '()) (pair? 1) (eq? 'a 'a) (eq? 1 2))",
            "(#t #t #f #t #f #t #f)",
        ),
        ("(define car cdr) (car '(1 . 2))", "2"),
        ("(define (map f l) 'mine) (list (map 1 2) (vector-map (lambda (x) x) #(1)))", "(mine #(1))"),
    ]);
}

#[test]
fn data_primitives_in_line_agree_with_the_called_ones() {
    let numbers = [
        "7",
        "-7",
        "0",
        "3",
        "-3",
        "4611686018427387903",
        "-4611686018427387904",
        "4611686018427387904",
        "2.0",
    ];
    for name in ["quotient", "remainder", "modulo"] {
        let pairs = numbers.iter().flat_map(|a| numbers.iter().map(move |b| (a, b)));
        let terms: String = pairs
            .filter(|(_, b)| **b != "0")
            .map(|(a, b)| format!("(equal? ({name} {a} {b}) (called {a} {b}))"))
            .collect();
        assert_eq!(
            value_in(MODES[0], &format!("(define called (car (list {name}))) (and {terms})")),
            "#t",
            "{name}"
        );
    }
    let things = ["1", "1.0", "#\\a", "\"s\"", "'s", "'(1)", "(vector 1)", "#t", "(expt 2 70)", "1/2", "car"];
    for name in ["vector?", "string?", "symbol?", "char?", "pair?"] {
        let terms: String = things.iter().map(|x| format!("(eq? ({name} {x}) (called {x}))")).collect();
        assert_eq!(
            value_in(MODES[0], &format!("(define called (car (list {name}))) (and {terms})")),
            "#t",
            "{name}"
        );
    }
    for name in ["eqv?", "equal?"] {
        let pairs = things.iter().flat_map(|a| things.iter().map(move |b| (a, b)));
        let terms: String =
            pairs.map(|(a, b)| format!("(let ((a {a}) (b {b})) (eq? ({name} a b) (called a b)))")).collect();
        assert_eq!(
            value_in(MODES[0], &format!("(define called (car (list {name}))) (and {terms})")),
            "#t",
            "{name}"
        );
    }
    check(&[
        ("(let ((v (vector 1 2 3))) (vector-set! v 1 'x) v)", "#(1 x 3)"),
        ("(let ((p (cons 1 2))) (set-car! p 'a) (set-cdr! p 'b) p)", "(a . b)"),
        ("(list (string-ref \"aλ\" 1) (string-length \"aλ\") (vector-length #(1 2)))", "(#\\λ 2 2)"),
        (
            "(list (char<? #\\a #\\b) (char<? #\\b #\\a) (char=? #\\a #\\a) (char>=? #\\a #\\λ))",
            "(#t #f #t #f)",
        ),
        (
            "(list (even? 4) (odd? 4) (even? -3) (odd? -3) (even? (expt 2 70)) (odd? 3.0))",
            "(#t #f #f #t #t #t)",
        ),
        ("(quotient 5 0)", "test.scm:1:1: quotient: division by zero"),
        ("(vector-set! #(1) 1 2)", "test.scm:1:1: vector-set!: index 1 is out of range for length 1"),
        ("(set-car! 5 1)", "test.scm:1:1: set-car!: argument 1 must be a pair, not 5"),
        ("(string-ref \"abc\" 3)", "test.scm:1:1: string-ref: index 3 is out of range for length 3"),
        ("(char<? #\\a 5)", "test.scm:1:1: char<?: argument 2 must be a character, not 5"),
        ("(even? 1.5)", "test.scm:1:1: even?: argument 1 must be an integer, not 1.5"),
        ("(vector-length '())", "test.scm:1:1: vector-length: argument 1 must be a vector, not ()"),
    ]);
}

#[test]
fn too_many_arguments_in_one_call_are_refused() {
    let source = format!("(list {})", "1 ".repeat(300));
    assert!(value_in(MODES[0], &source).contains("more than 250 arguments"));
    let parameters: String = (0..300).map(|i| format!("p{i} ")).collect();
    assert!(value_in(MODES[0], &format!("(define (f {parameters}) 1)")).contains("more than 250 parameters"));
}

fn frames_of(source: &str) -> FrameTable {
    build("test.scm", source, Trial::new(MODES[0]).options).expect("it compiles").frames.as_ref().clone()
}

/// Numbers of roots at the calls of `name` in line 2, in order of the calls' columns. Behind each call of a primitive stands the one
/// that raises its fault, which keeps nothing.
fn roots(source: &str, name: &str) -> Vec<usize> {
    let mut sites = frames_of(source).sites_of(name);
    sites.retain(|(span, _)| span.line == 2);
    sites.sort_by_key(|(span, _)| span.column);
    sites.into_iter().map(|(_, roots)| roots).collect()
}

#[test]
fn a_call_keeps_what_is_used_later_and_nothing_else() {
    let first = "(define (f a b c)\n";
    assert_eq!(roots(&format!("{first} (newline) (newline) a)"), "f"), [1, 0, 1, 0]);
    assert_eq!(roots(&format!("{first} (newline) (display a) (newline) b)"), "f"), [2, 0, 1, 0, 1, 0]);
    assert_eq!(roots(&format!("{first} (newline) (display b) (display c) 1)"), "f"), [2, 0, 1, 0, 0, 0]);
    assert_eq!(roots(&format!("{first} (newline) 1)"), "f"), [0, 0], "arguments that are dead are no roots");
    let capture = "(define (f a)\n (lambda () (newline) (newline) a))";
    assert_eq!(
        roots(capture, "lambda"),
        [0, 0, 1, 0, 1, 0],
        "no roots at the stack check; then the closure, for what it captured"
    );
}

#[test]
fn garbage_goes_and_the_rest_stays() {
    let source = "(define (vectors n) (if (= n 0) '() (cons (make-vector 100000 n) (vectors (- n 1)))))
                  (define kept (vectors 3))
                  (define (churn n) (if (> n 0) (begin (vectors 10) (churn (- n 1)))))
                  (churn 30)
                  (map (lambda (v) (vector-ref v 99999)) kept)";
    for spacing in MODES {
        let mut trial = Trial::new(spacing);
        trial.options.heap_limit = 32 << 20;
        assert_eq!(
            trial.run("test.scm", source).1,
            Ok("(3 2 1)".into()),
            "240 MB through 32 MiB, {spacing:?}"
        );
    }
}
