(define-record-type point (make-point x) point? (x point-x))
(define p (make-point 1))
(+ 1 (point-x 5))
