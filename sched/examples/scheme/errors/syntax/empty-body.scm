(define f (lambda (x)))
