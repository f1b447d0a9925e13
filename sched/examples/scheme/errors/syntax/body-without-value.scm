(define (f)
  (define x 1))
(f)
