; These names are not reserved: a program may have its own.
(define (select x) (* 2 x))
(define (send x) (list 'sent x))
(define (timeout) 'mine)
(define join string-append)
(define (spawn f) (f))
(write (list (select 4) (send 1) (timeout) (join "a" "b") (spawn (lambda () 'here)))) (newline)
(let ((yield (lambda (x) x)) (box vector)) (write (list (yield 3) (box 1 2)))) (newline)
