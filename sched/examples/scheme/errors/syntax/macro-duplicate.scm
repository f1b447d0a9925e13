(define-syntax broken (syntax-rules () ((_ x x) x)))
