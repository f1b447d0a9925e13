(define (first-of x)
  (car x))
(display (first-of 5))
