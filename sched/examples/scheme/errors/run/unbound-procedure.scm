(define (f x) (if (zero? x) 0 (g (- x 1))))
(f 10)
