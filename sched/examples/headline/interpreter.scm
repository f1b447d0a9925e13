; A Scheme interpreter in Scheme: environments are association lists, so nearly every step allocates, and a call of
; the interpreted program is several calls of this one. Deep recursion there is several times as deep here.

; ---- values -----------------------------------------------------------------------------------------------------

(define (make-closure parameters body environment) (vector 'closure parameters body environment))
(define (closure-parameters closure) (vector-ref closure 1))
(define (closure-body closure) (vector-ref closure 2))
(define (closure-environment closure) (vector-ref closure 3))

; What programs are given. The list grows with their definitions.
(define globals
  (list (cons '+ (lambda (a b) (+ a b)))
        (cons '- (lambda (a b) (- a b)))
        (cons '* (lambda (a b) (* a b)))
        (cons 'quotient (lambda (a b) (quotient a b)))
        (cons '= (lambda (a b) (= a b)))
        (cons '< (lambda (a b) (< a b)))
        (cons 'cons (lambda (a b) (cons a b)))
        (cons 'car (lambda (pair) (car pair)))
        (cons 'cdr (lambda (pair) (cdr pair)))
        (cons 'null? (lambda (value) (null? value)))))

; ---- environments -----------------------------------------------------------------------------------------------

(define (look-up name environment)
  (let ((local (assq name environment)))
    (if local
        (cdr local)
        (let ((global (assq name globals)))
          (if global
              (cdr global)
              (error "the interpreted program names what is not defined" name))))))

(define (bind names values environment)
  (if (null? names)
      environment
      (cons (cons (car names) (car values))
            (bind (cdr names) (cdr values) environment))))

; ---- evaluation -------------------------------------------------------------------------------------------------

(define (evaluate expression environment)
  (cond ((symbol? expression) (look-up expression environment))
        ((not (pair? expression)) expression)
        (else
         (let ((form (car expression)))
           (cond ((eq? form 'quote) (cadr expression))
                 ((eq? form 'if)
                  (if (evaluate (cadr expression) environment)
                      (evaluate (caddr expression) environment)
                      (evaluate (cadddr expression) environment)))
                 ((eq? form 'lambda)
                  (make-closure (cadr expression) (caddr expression) environment))
                 ((eq? form 'let)
                  (evaluate-let (cadr expression) (caddr expression) environment))
                 (else
                  (call (evaluate form environment)
                        (evaluate-all (cdr expression) environment))))))))

(define (evaluate-let bindings body environment)
  (evaluate body
            (bind (map car bindings)
                  (evaluate-all (map cadr bindings) environment)
                  environment)))

(define (evaluate-all expressions environment)
  (if (null? expressions)
      '()
      (let ((first (evaluate (car expressions) environment)))
        (cons first (evaluate-all (cdr expressions) environment)))))

(define (call procedure arguments)
  (if (vector? procedure)
      (evaluate (closure-body procedure)
                (bind (closure-parameters procedure) arguments (closure-environment procedure)))
      (apply procedure arguments)))

; ---- programs ---------------------------------------------------------------------------------------------------

; (define (name parameter …) body) …, then one expression, whose value it is.
(define (interpret program)
  (let ((form (car program)))
    (if (null? (cdr program))
        (evaluate form '())
        (let ((name (car (cadr form))) (parameters (cdr (cadr form))) (body (caddr form)))
          (set! globals (cons (cons name (make-closure parameters body '())) globals))
          (interpret (cdr program))))))

(define (ack n)
  (list '(define (ack m n)
           (if (= m 0)
               (+ n 1)
               (if (= n 0)
                   (ack (- m 1) 1)
                   (ack (- m 1) (ack m (- n 1))))))
        (list 'ack 1 n)))

; A list of n elements halved by a recursion as deep as the result is long.
(define (divrec n)
  (list '(define (list-of n tail)
           (if (= n 0) tail (list-of (- n 1) (cons n tail))))
        '(define (halve list)
           (if (null? list)
               (quote ())
               (cons (car list) (halve (cdr (cdr list))))))
        '(define (length-of list n)
           (if (null? list) n (length-of (cdr list) (+ n 1))))
        (list 'length-of (list 'halve (list 'list-of (* 2 n) ''())) 0)))

; Not a tail call: the recursion is as deep as the list is long.
(define (map-over n)
  (list '(define (list-of n tail)
           (if (= n 0) tail (list-of (- n 1) (cons n tail))))
        '(define (map-one f list)
           (if (null? list)
               (quote ())
               (let ((first (f (car list))))
                 (cons first (map-one f (cdr list))))))
        '(define (sum list total)
           (if (null? list) total (sum (cdr list) (+ total (car list)))))
        (list 'sum (list 'map-one '(lambda (x) (* 2 x)) (list 'list-of n ''())) 0)))

; How many carbon trees there are: rooted ones of n atoms, each atom with at most three below it, sub-trees in order of size.
; Counts them by listing them.
(define (paraffins n)
  (list '(define (append-two a b)
           (if (null? a) b (cons (car a) (append-two (cdr a) b))))
        '(define (length-of list n)
           (if (null? list) n (length-of (cdr list) (+ n 1))))
        ; every (x . rest) with x of xs
        '(define (each xs make tail)
           (if (null? xs) tail (append-two (make (car xs) xs) (each (cdr xs) make tail))))
        '(define (trees n)
           (if (= n 0) (quote (())) (triples (- n 1) 0)))
        ; three sub-trees with n atoms together, the first of a atoms, sizes rising
        '(define (triples n a)
           (if (< n (* 3 a))
               (quote ())
               (append-two (pairs (trees a) n a a) (triples n (+ a 1)))))
        '(define (pairs firsts n a b)
           (let ((rest (- (- n a) b)))
             (if (< rest b)
                 (quote ())
                 (append-two (combine firsts a (trees b) b (trees rest) rest)
                             (pairs firsts n a (+ b 1))))))
        '(define (combine as a bs b cs c)
           (each as
                 (lambda (x xs)
                   (each (if (= a b) xs bs)
                         (lambda (y ys)
                           (each (if (= b c) ys cs)
                                 (lambda (z zs) (cons (cons x (cons y (cons z (quote ())))) (quote ())))
                                 (quote ())))
                         (quote ())))
                 (quote ())))
        (list 'length-of (list 'trees n) 0)))
