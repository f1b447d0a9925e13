(define v (vector 1 2 3))
(display (+ 1 (vector-ref v 3)))
