; options: --stack-limit 4M --heap-limit 16M
; What the machine refuses is an exception like any other.
(define (endless n) (+ 1 (endless (+ n 1))))
(define (short-of what thunk)
  (guard (e ((error-object? e) (string=? what (substring (error-object-message e) 0 (string-length what)))))
    (thunk)))
(display (short-of "stack overflow" (lambda () (endless 0)))) (newline)
(display (short-of "stack overflow" (lambda () (endless 0)))) (newline)
; The handler runs in the place of the raise: it has room to do something.
(display (call/cc (lambda (k) (with-exception-handler (lambda (e) (k (length (map (lambda (x) x) (iota 100))))) (lambda () (endless 0)))))) (newline)
(define (hoard l) (hoard (cons (make-vector 100000 0) l)))
(display (short-of "out of memory" (lambda () (hoard '())))) (newline)
(display (short-of "out of memory" (lambda () (make-vector 1000000000000 0)))) (newline)
(display (length (iota 1000))) (newline)
