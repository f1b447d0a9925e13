(define-syntax twice (syntax-rules () ((_ x) (* 2 x))))
(+ (twice 1)
  (twice 1 2))
