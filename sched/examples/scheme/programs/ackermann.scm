; Doubly recursive, deep and shallow in turn.
(define (ackermann m n)
  (cond ((= m 0) (+ n 1))
        ((= n 0) (ackermann (- m 1) 1))
        (else (ackermann (- m 1) (ackermann m (- n 1))))))
(display (list (ackermann 0 5) (ackermann 1 5) (ackermann 2 5) (ackermann 3 5))) (newline)
(display (ackermann 2 300)) (newline)
(display (ackermann 3 8)) (newline)
