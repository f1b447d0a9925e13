(define (len l) (+ 1 (len (cdr l))))
(display (len (list 1 2 3)))
