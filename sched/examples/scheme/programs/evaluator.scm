; An evaluator for a small Scheme, running programs of its own.
(define (lookup name env)
  (cond ((null? env) (error "no such variable:" name))
        ((assq name (car env)) => cdr)
        (else (lookup name (cdr env)))))

(define (bind names values)
  (cond ((null? names) '())
        ((symbol? names) (list (cons names values)))
        (else (cons (cons (car names) (car values)) (bind (cdr names) (cdr values))))))

(define (evaluate x env)
  (cond ((symbol? x) (lookup x env))
        ((not (pair? x)) x)
        (else
         (case (car x)
           ((quote) (cadr x))
           ((if) (if (evaluate (cadr x) env) (evaluate (caddr x) env) (evaluate (cadddr x) env)))
           ((lambda) (lambda args (evaluate-body (cddr x) (cons (bind (cadr x) args) env))))
           ((let)
            (evaluate `((lambda ,(map car (cadr x)) ,@(cddr x)) ,@(map cadr (cadr x))) env))
           ((begin) (evaluate-body (cdr x) env))
           ((define) (define! (cadr x) (evaluate (caddr x) env) env))
           ((set!) (set-cdr! (find-binding (cadr x) env) (evaluate (caddr x) env)))
           (else
            (let ((values (map (lambda (part) (evaluate part env)) x)))
              (apply (car values) (cdr values))))))))

(define (evaluate-body body env)
  (if (null? (cdr body))
      (evaluate (car body) env)
      (begin
        (evaluate (car body) env)
        (evaluate-body (cdr body) env))))

(define (find-binding name env)
  (or (assq name (car env)) (find-binding name (cdr env))))

(define (define! name value env)
  (set-car! env (cons (cons name value) (car env)))
  name)

(define globals
  (list (list (cons '+ +) (cons '- -) (cons '* *) (cons '= =) (cons '< <) (cons 'cons cons) (cons 'car car)
              (cons 'cdr cdr) (cons 'null? null?) (cons 'list list))))

(define (run program)
  (let ((env (cons '() globals)))
    (for-each (lambda (form) (write (evaluate form env)) (newline)) program)))

(run
 '((+ 1 2)
   (define fact (lambda (n) (if (= n 0) 1 (* n (fact (- n 1))))))
   (fact 12)
   (define map (lambda (f l) (if (null? l) '() (cons (f (car l)) (map f (cdr l))))))
   (map (lambda (x) (* x x)) '(1 2 3 4))
   (define fib (lambda (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))))
   (fib 18)
   (let ((x 1) (y 2)) (begin (set! x 10) (list x y)))
   ((lambda (a . rest) (list a rest)) 1 2 3)
   (define counter ((lambda (n) (lambda () (begin (set! n (+ n 1)) n))) 0))
   (begin (counter) (counter))
   (define deep (lambda (n) (if (= n 0) 0 (+ 1 (deep (- n 1))))))
   (deep 10000)))
