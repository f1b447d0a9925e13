(define-syntax broken (syntax-rules () ((_ x ...) (+ x))))
(broken 1 2)
