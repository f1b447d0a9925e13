(define (f l)
  (list (map car l)))
(display (f (list (list 1) 2)))
