(define v (vector 1 2 3))
(vector-copy! v 2 #(4 5))
