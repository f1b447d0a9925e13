(define (f x) (raise (list 'a "b" x)) 1)
(f 1)
