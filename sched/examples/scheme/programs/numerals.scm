; Numbers as text, in every notation.
(define (show . xs)
  (for-each (lambda (x) (write x) (display " ")) xs)
  (newline))

(show 1. .5 -.5 +1.5 1e3 1E3 12e-2 1e21 1e-7 1e-8 123456789.125 100000000000000000000.0)
(show 0.1 (+ 0.1 0.2) (/ 1.0 3) 1.7976931348623157e308 5e-324 -0.0 (- 0.0) 4.35 2e22)
(show #e1.5 #i3/4 #x-FF #b1010 #o777 #d10 #e1e3 #x#e10 #i#b101 #e-0.125)
(show (/ 1.0 0.) (/ -1.0 0.) (- (/ 0. 0.)) +inf.0 -inf.0)
(for-each
 (lambda (text) (write (string->number text)) (display " "))
 '("" "+" "-" "." "12" "-12" "1/2" "1.5" "1e2" "#xff" "#xfg" "1a" "abc" "+inf.0" "1/0" "--1" "1e" "1.2.3" "#e1.2" "0x10"))
(newline)
(show (string->number "ff" 16) (string->number "zz" 36) (string->number "102" 2) (string->number "777" 8))
(for-each
 (lambda (radix) (write (number->string 255 radix)) (display " ") (write (number->string -1/10 radix)) (display " "))
 '(2 8 10 16 36))
(newline)
(show (number->string 1.5) (number->string -0.001) (number->string 1e100))
(show (exact->inexact 123456789012345678) (inexact 1/7) (sqrt 2) (exp 1) (atan 1 1) (log 100 10))
(show (exp 0) (sin 0.0) (expt 2 0.5) (expt 2.5 2) (exact (round 2.5)) (round 3.5) (round -2.5) (truncate -2.7))
(show (nan? +nan.0) (infinite? -inf.0) (finite? 1.5) (= +nan.0 +nan.0) (eqv? 0.0 -0.0) (= 0.0 -0.0))
