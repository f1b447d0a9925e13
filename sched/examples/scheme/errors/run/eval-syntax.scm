(define (run x) (list (eval x)))
(run '(let ((a)) a))
