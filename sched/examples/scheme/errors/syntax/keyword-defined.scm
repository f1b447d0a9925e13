(define (when x) x)
