(define (f x)
  (+ x undefined-name))
(f 1)
