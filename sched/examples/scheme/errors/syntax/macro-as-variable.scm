(define-syntax twice (syntax-rules () ((_ x) (* 2 x))))
(display twice)
