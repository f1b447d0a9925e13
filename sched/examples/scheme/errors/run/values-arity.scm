(define (three) (values 1 2 3))
(+ 0 (receive (a b) (three) a))
