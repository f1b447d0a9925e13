(define f (case-lambda ((a) a) ((a b) b)))
(+ 1 (f 1 2 3))
