(define (f a b) (+ a b))
(display (+ 1 (apply f (list 1 2 3))))
