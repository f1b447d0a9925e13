(define (area width height) (* width height))
(define (f x)
  (+ 1 (area x)))
(display (f 2))
