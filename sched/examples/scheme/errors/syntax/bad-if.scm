(define (f x)
  (if x))
