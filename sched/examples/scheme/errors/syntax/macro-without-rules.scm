(define-syntax broken (lambda (x) x))
