(define (run x) (eval x))
(run '(let ((a)) a))
