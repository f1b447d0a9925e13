; options: --heap-limit 16M
(define (grow list) (grow (cons (make-vector 100 0) list)))
(grow (quote ()))
