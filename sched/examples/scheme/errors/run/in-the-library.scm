(define (f l)
  (list (list-ref l 5)))
(display (f (list 1 2)))
