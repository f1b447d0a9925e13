; Integer division in all its forms, with several results.
(define (show . xs) (for-each (lambda (x) (write x) (display " ")) xs) (newline))
(for-each
 (lambda (a b)
   (call-with-values (lambda () (floor/ a b)) show)
   (call-with-values (lambda () (truncate/ a b)) show)
   (show (quotient a b) (remainder a b) (modulo a b)))
 '(7 -7 7 -7 0 7.0 -7 100000000000000000000) '(2 2 -2 -2 5 2 2.0 -7))
(for-each (lambda (n) (call-with-values (lambda () (exact-integer-sqrt n)) show))
          (list 0 1 2 15 16 17 (- (expt 2 62) 1) (expt 2 62) (expt 10 41)))
(show (rationalize 3/10 1/10) (rationalize .3 1/10) (rationalize -3/10 1/10) (rationalize 1/3 1/100))
(show (gcd 0 0) (gcd 0 -5) (gcd 2.0 4) (lcm 0 3) (lcm 3 -4) (bitwise-and 12 10) (bitwise-or 12 10) (bitwise-xor 12 10) (bitwise-not 5) (arithmetic-shift -5 -1) (bit-count 255) (integer-length 256))
(show (even? 2.0) (odd? -3.0) (integer? 2.5) (exact-integer? 5) (exact 5.0) (number->string 6.0))
(show (truncate 2.5) (round 7/2) (floor -1/2) (ceiling -1/2) (exact (truncate 1e15)) (numerator 0.5))
