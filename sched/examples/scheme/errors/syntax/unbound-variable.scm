(display "never printed")
(define (f x)
  (+ x undefined-name))
