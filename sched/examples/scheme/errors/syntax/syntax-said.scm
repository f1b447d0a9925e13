(define-syntax swap!
  (syntax-rules () ((_ a b) (let ((t a)) (set! a b) (set! b t)))
                   ((_ x ...) (syntax-error "swap! needs two variables, not" (x ...)))))
(swap! a b c)
