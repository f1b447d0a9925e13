(define (grow n k) (if (= k 0) n (grow (* n 10) (- k 1))))
(display (grow 1 30))
