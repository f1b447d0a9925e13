; A small language of macros: state machines, unless, a loop with an exit.
(define-syntax automaton
  (syntax-rules (: ->)
    ((_ init (state : response ...) ...)
     (let-syntax ((process (syntax-rules (accept ->)
                             ((_ accept) (lambda (stream) (null? stream)))
                             ((_ (label -> target) (... ...))
                              (lambda (stream)
                                (cond ((null? stream) #f)
                                      (else (case (car stream) ((label) (target (cdr stream))) (... ...) (else #f)))))))))
       (letrec ((state (process response ...)) ...) init)))))
(define cdar-machine
  (automaton init
    (init : (c -> more))
    (more : (a -> more) (d -> more) (r -> end))
    (end : accept)))
(display (map cdar-machine '((c a d a d r) (a c a d r) (c r) (c a r r)))) (newline)
(define-syntax loop-with-exit
  (syntax-rules () ((_ exit body ...) (call/cc (lambda (exit) (let again () body ... (again)))))))
(display (let ((n 0)) (loop-with-exit stop (set! n (+ n 1)) (if (> n 9) (stop n))))) (newline)
(define-syntax my-cond
  (syntax-rules (else =>)
    ((_ (else r ...)) (begin r ...))
    ((_ (t => f) more ...) (let ((v t)) (if v (f v) (my-cond more ...))))
    ((_ (t)) t)
    ((_ (t) more ...) (or t (my-cond more ...)))
    ((_ (t r ...)) (if t (begin r ...)))
    ((_ (t r ...) more ...) (if t (begin r ...) (my-cond more ...)))))
(display (let ((v 5)) (list (my-cond (#f 1) ((assv v '((5 . five))) => cdr) (else 'no)) (my-cond (#f 1) (v)) (my-cond (#f 2) (else 3))))) (newline)
(define-syntax struct
  (syntax-rules () ((_ make (field get) ...) (begin (define (make field ...) (list (cons 'field field) ...)) (define (get s) (cdr (assq 'field s))) ...))))
(struct make-person (name person-name) (age person-age))
(display (let ((p (make-person "Ann" 30))) (list (person-name p) (person-age p)))) (newline)
(define-syntax reverse-args (syntax-rules () ((_ (f x ...)) (reverse-args f () x ...)) ((_ f (y ...)) (f y ...)) ((_ f (y ...) x r ...) (reverse-args f (x y ...) r ...))))
(display (reverse-args (list 1 2 3))) (newline)
(define-syntax matrix (syntax-rules () ((_ (x ...) ...) (vector (vector x ...) ...))))
(display (matrix (1 2) (3 4))) (newline)
