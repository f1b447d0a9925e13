; options: --stack-limit 1M
(define (forever n)
  (+ 1 (forever (+ n 1))))
(display (forever 0))
