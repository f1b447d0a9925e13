(define-syntax pairs (syntax-rules () ((_ (a ...) (b ...)) '((a . b) ...))))
(pairs (1 2) (3))
