; Closures keep the variables they capture; captured variables that are assigned are shared.
(define (show . xs)
  (for-each (lambda (x) (write x) (display " ")) xs)
  (newline))
(define (adder n) (lambda (x) (+ x n)))
(define add3 (adder 3))
(define add10 (adder 10))
(show (add3 1) (add10 1) ((adder 100) 1))

(define (make-counter)
  (let ((n 0))
    (lambda () (set! n (+ n 1)) n)))
(define c1 (make-counter))
(define c2 (make-counter))
(c1)
(c1)
(show (c1) (c2))

(define (make-account balance)
  (define (deposit! amount) (set! balance (+ balance amount)) balance)
  (define (withdraw! amount)
    (if (> amount balance) 'refused (begin (set! balance (- balance amount)) balance)))
  (lambda (message . args)
    (case message
      ((deposit) (apply deposit! args))
      ((withdraw) (apply withdraw! args))
      ((balance) balance)
      (else 'unknown))))
(define mine (make-account 100))
(show (mine 'deposit 50) (mine 'withdraw 30) (mine 'withdraw 1000) (mine 'balance) (mine 'rob))

; Two closures over one variable.
(define (shared)
  (let ((x 0))
    (cons (lambda () x) (lambda (y) (set! x y)))))
(define pair (shared))
((cdr pair) 42)
(show ((car pair)))

; Each round of a loop has its own variable.
(define thunks (do ((i 0 (+ i 1)) (l '() (cons (lambda () i) l))) ((= i 5) l)))
(show (map (lambda (f) (f)) thunks))

; An assigned parameter, captured from three levels further in.
(define (deep x)
  (lambda ()
    (lambda ()
      (lambda () (set! x (+ x 1)) x))))
(define bump (((deep 10))))
(bump)
(show (bump))

; Church numerals.
(define zero (lambda (f) (lambda (x) x)))
(define (succ n) (lambda (f) (lambda (x) (f ((n f) x)))))
(define (plus a b) (lambda (f) (lambda (x) ((a f) ((b f) x)))))
(define (times a b) (lambda (f) (a (b f))))
(define (number n) ((n (lambda (x) (+ x 1))) 0))
(define three (succ (succ (succ zero))))
(show (number three) (number (plus three three)) (number (times three (times three three))))
