(define (f a b . rest) rest)
(display (+ 1 (f 1)))
