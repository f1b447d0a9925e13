(define (f n) (make-vector n 0))
(display (f (expt 10 30)))
