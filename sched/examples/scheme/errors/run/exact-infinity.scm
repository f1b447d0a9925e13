(define (f x) (exact x))
(f (/ 1. 0.))
