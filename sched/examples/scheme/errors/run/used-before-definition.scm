(define (f) later)
(display (f))
(define later 1)
