(define-syntax m (syntax-rules () ((_) (no-such-thing))))
(m)
