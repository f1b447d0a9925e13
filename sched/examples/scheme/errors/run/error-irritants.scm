(define (f x) (error "f: bad value:" x "s") 1)
(f 5)
