(define x 1)
(display '(1 ,x))
(display (list 1 ,x))
