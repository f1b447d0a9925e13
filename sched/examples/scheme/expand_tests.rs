//! Expansions as text, and every fault of the expander at its place.

use std::collections::HashSet;

use super::super::core::{self, Program, Span};
use super::super::syntax::{MAX_EXPRESSION_NESTING, MAX_NESTING};
use super::super::syntax_error::Fault;
use super::{core_text, expand};

fn known() -> HashSet<String> {
    ["a", "b", "c", "f", "k", "list", "cons", "+"].map(String::from).into()
}

fn program(source: &str) -> Program {
    expand("t", source, &known()).unwrap_or_else(|error| panic!("{source}\n{error}"))
}

fn text(source: &str) -> String {
    core_text::program_text(&program(source))
}

fn check(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        assert_eq!(text(source), *expected, "{source}");
    }
}

#[test]
fn constants_and_variables() {
    check(&[
        ("+inf.0 -inf.0 +nan.0", "+inf.0\n-inf.0\n+nan.0"),
        ("1 -2.5 #t \"x\" #\\a", "1\n-2.5\n#t\n\"x\"\n#\\x61"),
        ("'a '() '(1 (b . c)) '#(x 1) #(y)", "'a\n'()\n'(1 (b . c))\n'#(x 1)\n'#(y)"),
        ("''a", "'(quote a)"),
        ("a", "a"),
        ("(lambda (x) (set! x a) x)", "(lambda (x.0) (begin (set! x.0 a) x.0))"),
    ]);
}

#[test]
fn procedures() {
    check(&[
        ("(lambda (x y) x)", "(lambda (x.0 y.1) x.0)"),
        ("(lambda x x)", "(lambda x.0 x.0)"),
        ("(lambda (x . y) y)", "(lambda (x.0 . y.1) y.1)"),
        ("(define (g x . y) x)", "(define g (lambda (x.0 . y.1) x.0))"),
        ("(define (g . y) y)", "(define g (lambda y.0 y.0))"),
        ("(define g a)", "(define g a)"),
        ("(begin (define g a) (begin) (g 1))", "(define g a)\n(g 1)"),
        ("((lambda (x) x) 1)", "(let ((x.0 1)) x.0)"),
        ("((lambda (x) x))", "((lambda (x.0) x.0))"),
        ("((lambda x x) 1)", "((lambda x.0 x.0) 1)"),
    ]);
}

#[test]
fn bodies() {
    check(&[
        (
            "(lambda () (define x 1) (define (g) x) (g))",
            "(lambda () (letrec* ((x.0 1) (g.1 (lambda () x.0))) (begin (g.1))))",
        ),
        ("(let () a b)", "(begin a b)"),
        (
            "(let () (begin (define x a)) (f x) (define y b) c)",
            "(letrec* ((x.0 a) (_.2 (f x.0)) (y.1 b)) (begin c))",
        ),
        ("(let ((x 1)) (define x 2) x)", "(let ((x.0 1)) (letrec* ((x.1 2)) (begin x.1)))"),
    ]);
}

#[test]
fn bindings() {
    check(&[
        ("(let ((x 1) (y a)) (f x y))", "(let ((x.0 1) (y.1 a)) (f x.0 y.1))"),
        ("(let ((a a)) a)", "(let ((a.0 a)) a.0)"),
        ("(let* ((x 1) (x x)) x)", "(let ((x.0 1)) (let ((x.1 x.0)) x.1))"),
        ("(let* () a)", "a"),
        ("(letrec ((x (lambda () x))) x)", "(letrec* ((x.0 (lambda () x.0))) x.0)"),
        ("(letrec* () a)", "a"),
        ("(let f ((x f)) (f x))", "(letrec* ((f.0 (lambda (x.1) (f.0 x.1)))) (f.0 f))"),
        ("(let g ((x a) (y b)) (g y x))", "(letrec* ((g.0 (lambda (x.1 y.2) (g.0 y.2 x.1)))) (g.0 a b))"),
        (
            "(do ((i 0 (+ i 1)) (j a)) ((f i) a j) (k i) b)",
            "(letrec* ((do.0 (lambda (i.1 j.2) (if (f i.1) (begin a j.2) (begin (k i.1) b (do.0 (+ i.1 1) j.2)))))) (do.0 0 a))",
        ),
        ("(do () (a))", "(letrec* ((do.0 (lambda () (if a (if #f #f) (begin (do.0)))))) (do.0))"),
    ]);
}

#[test]
fn conditionals() {
    check(&[
        ("(if a b) (if a b c)", "(if a b (if #f #f))\n(if a b c)"),
        ("(and) (and a) (and a b c)", "#t\na\n(if a (if b c #f) #f)"),
        ("(or) (or a) (or a b)", "#f\na\n(let ((value.0 a)) (if value.0 value.0 b))"),
        ("(when a b c) (unless a b)", "(if a (begin b c) (if #f #f))\n(if a (if #f #f) b)"),
        ("(cond (a b c) (else c))", "(if a (begin b c) c)"),
        (
            "(cond (a => f) (b))",
            "(let ((value.0 a)) (if value.0 (f value.0) (let ((value.1 b)) (if value.1 value.1 (if #f #f)))))",
        ),
        ("(cond)", "(if #f #f)"),
        (
            "(case k ((1 x) a b) ((2.5) => f) (() a) (else => f))",
            "(let ((key.0 k)) (if (if (eq? key.0 1) #t (eq? key.0 'x)) (begin a b) \
             (if (eqv? key.0 2.5) (f key.0) (if #f a (f key.0)))))",
        ),
    ]);
}

#[test]
fn quasiquotes() {
    check(&[
        ("`a `(a b) `#(a) `()", "'a\n'(a b)\n'#(a)\n'()"),
        ("`(x ,a y)", "(list 'x a 'y)"),
        ("`(,@a)", "a"),
        ("`(x ,@a y . z)", "(append (list 'x) a '(y . z))"),
        ("`(x . ,a)", "(cons 'x a)"),
        ("`(x y . ,a)", "(append (list 'x 'y) a)"),
        ("`(,a . x)", "(cons a 'x)"),
        ("`(,@a ,@b)", "(append a b)"),
        ("`#(x ,a)", "(list->vector (list 'x a))"),
        ("`#(,@a 1)", "(list->vector (append a '(1)))"),
        ("`(x (y ,a) (z))", "(list 'x (list 'y a) '(z))"),
        ("`(x `(y ,(z ,a)))", "(list 'x (list 'quasiquote (list 'y (list 'unquote (list 'z a)))))"),
        ("`(x `(y ,b))", "'(x (quasiquote (y (unquote b))))"),
        ("`(x . `(y ,b))", "'(x quasiquote (y (unquote b)))"),
        ("``(x ,@(y ,@a))", "(list 'quasiquote (list 'x (list 'unquote-splicing (append (list 'y) a))))"),
        ("``(x . ,(y . ,a))", "(list 'quasiquote (cons 'x (list 'unquote (cons 'y a))))"),
        ("(let ((unquote f)) `(,a))", "(let ((unquote.0 f)) '((unquote a)))"),
    ]);
}

#[test]
fn locals_hide_keywords_and_nothing_else_does() {
    check(&[
        ("(lambda (if) (if a b))", "(lambda (if.0) (if.0 a b))"),
        ("(lambda (define) (define a b))", "(lambda (define.0) (define.0 a b))"),
        ("(lambda (else) (cond (else a)))", "(lambda (else.0) (if else.0 a (if #f #f)))"),
        ("(lambda (=>) (cond (a => b)))", "(lambda (=>.0) (if a (begin =>.0 b) (if #f #f)))"),
        (
            "(let () (define (when x) x) (when a))",
            "(letrec* ((when.0 (lambda (x.1) x.1))) (begin (when.0 a)))",
        ),
        ("(let ((list f)) `(,a ,b))", "(let ((list.0 f)) (list a b))"),
        ("(lambda (quote) 'a)", "(lambda (quote.0) (quote.0 a))"),
    ]);
}

#[test]
fn a_redefined_global_is_the_programs_own() {
    let source = "(define (cons x y) `(,x . ,y)) (cons a b)";
    let expected = "(define |cons (redefined)| cons)\n\
        (define |cons (redefined)| (lambda (x.0 y.1) (cons x.0 y.1)))\n(|cons (redefined)| a b)";
    assert_eq!(text(source), expected);
    let assigned = program(source).assigned_globals;
    assert_eq!(assigned.iter().map(|name| &**name).collect::<Vec<_>>(), ["cons (redefined)"]);
    assert_eq!(text("(set! a 1)"), "(define |a (redefined)| a)\n(set! |a (redefined)| 1)");
}

#[test]
fn what_is_assigned() {
    let program = program("(define g 1) (set! h 2) (lambda (x y) (set! x y) (let ((x 1)) x))");
    let mut assigned: Vec<_> = program.assigned_globals.iter().map(|name| &**name).collect();
    assigned.sort_unstable();
    assert_eq!(assigned, ["g", "h"]);
    let mutated: Vec<_> = program.vars.iter().map(|var| (&*var.name, var.mutated)).collect();
    assert_eq!(mutated, [("x", true), ("y", false), ("x", false)]);
}

#[test]
fn lambdas_are_named_after_what_they_are_bound_to() {
    let source = "(define (g) 1) (define h (lambda () 1)) (let ((p (lambda () 1))) p) (lambda () 1) \
        (let loop () 1) (let () (define q (lambda () 1)) q) (let* ((r (lambda () 1))) r) (set! s (lambda () 1)) (f (lambda () 1))";
    let names = lambda_names(&program(source));
    assert_eq!(names, ["g", "h", "p", "lambda", "loop", "q", "r", "s", "lambda"]);
}

fn lambda_names(program: &Program) -> Vec<String> {
    fn collect(expr: &core::Expr, names: &mut Vec<String>) {
        use core::ExprKind::*;
        match &expr.kind {
            Lambda(lambda) => {
                names.push(lambda.name.to_string());
                collect(&lambda.body, names);
            }
            DefineGlobal(_, value) | SetGlobal(_, value) => collect(value, names),
            Let(bindings, body) | Letrec(bindings, body) => {
                bindings.iter().for_each(|(_, value)| collect(value, names));
                collect(body, names);
            }
            Call(_, args) => args.iter().for_each(|arg| collect(arg, names)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    program.forms.iter().for_each(|form| collect(form, &mut names));
    names
}

#[test]
fn every_expression_has_the_place_of_its_datum() {
    let program = program("(define g\n  (lambda (x)\n    (f x)))");
    let core::ExprKind::DefineGlobal(_, value) = &program.forms[0].kind else { panic!() };
    let core::ExprKind::Lambda(lambda) = &value.kind else { panic!() };
    let core::ExprKind::Call(_, args) = &lambda.body.kind else { panic!() };
    let places = [&program.forms[0], value, &lambda.body, &args[0]].map(|e| (e.span.line, e.span.column));
    assert_eq!(places, [(1, 1), (2, 3), (3, 5), (3, 8)]);
}

#[test]
fn bad_forms_say_what_was_expected() {
    let cases = [
        "(if)",
        "(if a)",
        "(if a b c a)",
        "(quote)",
        "(quote a b)",
        "(set! a)",
        "(set! a b c)",
        "(lambda)",
        "(define)",
        "(define a)",
        "(define a b c)",
        "(define (f))",
        "(define ((f) x) x)",
        "(let)",
        "(let a b)",
        "(let ((x)) a)",
        "(let (x) a)",
        "(let ((x 1 2)) a)",
        "(let* ((x)) a)",
        "(let x)",
        "(letrec a b)",
        "(do)",
        "(do ((i 0)) ())",
        "(do ((i)) (a))",
        "(do ((i 0 1 2)) (a))",
        "(when)",
        "(cond a)",
        "(cond ())",
        "(cond (else))",
        "(cond (else a) (a b))",
        "(case)",
        "(case a b)",
        "(case a (1 b))",
        "(case a (else b) ((1) c))",
        "(case a (else))",
        "(quasiquote)",
        "(quasiquote a b)",
    ];
    for source in cases {
        let error = expand("t", source, &known()).expect_err(source);
        let keyword = &source[1..].split([' ', ')']).next().unwrap_or_default();
        match error.fault {
            Fault::BadForm { form, .. } => assert_eq!(form, *keyword, "{source}"),
            Fault::NotAName("define") => assert_eq!(source, "(define ((f) x) x)"),
            other => panic!("{source}: {other}"),
        }
    }
}

#[test]
fn other_faults_and_their_places() {
    let duplicate = |place| Fault::Duplicate { name: "x".into(), place };
    let cases = [
        ("(lambda (x y x) x)", 14, duplicate("parameter list")),
        ("(lambda (x . x) x)", 14, duplicate("parameter list")),
        ("(let ((x 1) (x 2)) x)", 13, duplicate("list of bindings")),
        ("(do ((x 1) (x 2)) (a))", 12, duplicate("list of bindings")),
        ("(let () (define x 1) (define (x) 2) x)", 31, duplicate("body")),
        ("(lambda (1) a)", 10, Fault::NotAName("lambda")),
        ("(let ((1 2)) a)", 8, Fault::NotAName("let")),
        ("(f (set! 1 2))", 10, Fault::NotAName("set!")),
        ("(lambda (x))", 1, Fault::EmptyBody("lambda")),
        ("(f (begin))", 4, Fault::EmptyBody("begin")),
        ("(let ((x 1)))", 1, Fault::EmptyBody("let")),
        ("(cond (a b) (b))  (when a)", 19, Fault::EmptyBody("when")),
        ("(cond (c => f f))", 10, Fault::OutOfPlace { name: "=>", inside: "cond" }),
        ("(case a ((1)))", 1, Fault::EmptyBody("case")),
        ("(lambda () (define x 1))", 1, Fault::BodyWithoutValue),
        ("(f ())", 4, Fault::EmptyCall),
        ("(f . a)", 1, Fault::DottedExpression),
        ("(f if)", 4, Fault::KeywordAsVariable("if".into())),
        ("(define (when x) x)", 1, Fault::KeywordDefined("when".into())),
        ("(set! if a)", 7, Fault::KeywordDefined("if".into())),
        ("(f else)", 4, Fault::OutOfPlace { name: "else", inside: "cond" }),
        ("(f ,a)", 4, Fault::OutOfPlace { name: "unquote", inside: "quasiquote" }),
        ("`(a ,(f ,b))", 9, Fault::OutOfPlace { name: "unquote", inside: "quasiquote" }),
        ("`,@a", 2, Fault::OutOfPlace { name: "unquote-splicing", inside: "quasiquote" }),
        ("(f (define x 1))", 4, Fault::MisplacedDefine),
        ("(if a (define x 1) 2)", 7, Fault::MisplacedDefine),
        ("(define-syntax m (syntax-rules () ((_ a) 1))) (m)", 47, Fault::NoRule("m".into())),
        ("(f (define-syntax m (syntax-rules ())))", 4, Fault::MisplacedDefine),
        ("(define-syntax m (syntax-rules () ((_) (m)))) (m)", 47, Fault::MacroLoop),
    ];
    for (source, column, fault) in cases {
        let error = expand("t", source, &known()).expect_err(source);
        assert_eq!((error.span, error.fault), (Span { line: 1, column }, fault), "{source}");
    }
}

#[test]
fn globals_that_nobody_defines_are_noted_where_they_are_used_first() {
    let unbound = |source| {
        let unbound = program(source).unbound.into_iter();
        unbound.map(|(name, span)| format!("{name} {}", span.column)).collect::<Vec<_>>()
    };
    assert_eq!(unbound("(f x (lambda () y) x)"), ["x 4", "y 17"]);
    assert_eq!(unbound("(lambda (x) (let ((y y)) x))"), ["y 22"]);
    assert_eq!(unbound("(f x) (define x 1)"), [""; 0]);
    assert_eq!(unbound("(load \"somewhere\") (f x)"), [""; 0], "it may be defined there");
}

#[test]
fn errors_print_file_line_and_column() {
    let error = expand("dir/x.scm", "(f\n  (if))", &known()).expect_err("bad if");
    assert_eq!(error.to_string(), "dir/x.scm:2:3: bad `if`; expected (if TEST THEN [ELSE])");
}

/// Each pattern nested in itself: the deepest that is accepted fits the stack of a test thread
/// all the way to the drop of the program, and one that is much deeper is refused.
#[test]
fn depth_is_limited() {
    let patterns = [
        ("(f ", ")"),
        ("(lambda () ", ")"),
        ("(let ((x 1)) ", " 2)"),
        ("(let f ((x 1)) ", ")"),
        ("(do ((i 0)) (a ", "))"),
        ("(do ((i 0)) (a) 1 ", ")"),
        ("(let () (define x ", ") x)"),
        ("(and a ", ")"),
        ("(or a ", ")"),
        ("(cond (", " b) (else c))"),
        ("(cond (else ", "))"),
        ("(case a ((1) 1 ", "))"),
        ("`(a ,", ")"),
        ("(begin 1 ", ")"),
        ("(if a b ", ")"),
        ("(let* ((x 1) (y 2)) ", ")"),
        ("((lambda (x) ", ") 1)"),
    ];
    for (open, close) in patterns {
        let nested = |depth| format!("{}a{}", open.repeat(depth), close.repeat(depth));
        let accepted = |depth| expand("t", &nested(depth), &known()).ok();
        let deepest = (MAX_NESTING / 4 - 1..=MAX_NESTING).rev().find_map(accepted).expect(open);
        let depth = deepest.forms.iter().map(depth).max();
        assert!(depth.is_some_and(|depth| depth <= MAX_EXPRESSION_NESTING), "{open}: {depth:?}");
        let error = expand("t", &nested(MAX_NESTING + 1), &known()).expect_err(open);
        assert_eq!(error.fault, Fault::TooDeep, "{open}");
    }
}

/// Levels of expressions.
fn depth(expr: &core::Expr) -> usize {
    use core::ExprKind::*;
    let all = |exprs: &[core::Expr]| exprs.iter().map(depth).max().unwrap_or(0);
    let bindings = |list: &[(core::Var, core::Expr)]| list.iter().map(|(_, e)| depth(e)).max().unwrap_or(0);
    1 + match &expr.kind {
        Const(_) | Local(_) | Global(_) => 0,
        SetLocal(_, value) | SetGlobal(_, value) | DefineGlobal(_, value) => depth(value),
        If(test, then, otherwise) => depth(test).max(depth(then)).max(depth(otherwise)),
        Begin(parts) => all(parts),
        Let(list, body) | Letrec(list, body) => bindings(list).max(depth(body)),
        Lambda(lambda) => depth(&lambda.body),
        Call(callee, args) => depth(callee).max(all(args)),
    }
}

/// Forms that fold are nested by their length.
#[test]
fn length_is_limited_where_it_makes_depth() {
    let long = [
        ("(and ", "a ", ")"),
        ("(or ", "a ", ")"),
        ("(cond ", "(a b) ", ")"),
        ("(cond ", "(a) ", ")"),
        ("(let* (", "(x a) ", ") x)"),
        ("(case k ", "((1) a)", ")"),
    ];
    for (open, item, close) in long {
        let of_length = |length| format!("{open}{}{close}", item.repeat(length));
        assert!(expand("t", &of_length(MAX_NESTING / 3), &known()).is_ok(), "{open}");
        let error = expand("t", &of_length(20 * MAX_NESTING), &known()).expect_err(open);
        assert_eq!(error.fault, Fault::TooDeep, "{open}");
    }
    for flat in ["(f ", "(begin ", "(let () ", "`(,a "] {
        let source = format!("{flat}{})", "a ".repeat(4 * MAX_NESTING));
        assert!(expand("t", &source, &known()).is_ok(), "{flat}");
    }
}
