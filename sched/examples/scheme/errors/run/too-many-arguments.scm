(define (f x) x)
(display (list 1 (f 1 2)))
