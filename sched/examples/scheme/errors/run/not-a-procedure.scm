(define x 5)
(display (list 1 (x 2)))
