; Inexact numbers: contagion, rounding, comparison, special values, printing.
(define (show . xs)
  (for-each (lambda (x) (write x) (display " ")) xs)
  (newline))

(show 1.5 .5 -0.25 1e3 100.0 3.14159 -0.0)
(show (+ 1 0.5) (* 2 1.5) (- 0.5) (/ 1.0 4) (/ 6 3) (/ 1 2.0))
(show (floor 2.7) (ceiling 2.2) (truncate -2.7) (round 2.5) (round 3.5) (round -2.5) (round 7))
(show (exact 3.0) (inexact 3) (exact->inexact 1) (inexact->exact 2.0) (exact (floor 2.7)))
(show (= 1 1.0) (eqv? 1 1.0) (equal? 1.5 1.5) (< 1 1.5 2) (max 1 2.0) (min 1 2.0))
(show (sqrt 2.0) (sqrt 16.0) (exp 0.0) (log 1.0) (sin 0.0) (cos 0.0) (atan 1.0))
(show (expt 2.0 0.5) (expt 2 -1.0) (expt 2.0 3))
(show (exact? 1) (exact? 1.0) (inexact? 1.0) (integer? 1.0) (integer? 1.5) (real? 1.5) (number? 'a))
(show (nan? (- +inf.0 +inf.0)) (infinite? -inf.0) (finite? 1.0) (< -inf.0 0 +inf.0))
(show +inf.0 -inf.0)
(show (= +nan.0 +nan.0) (zero? 0.0) (zero? -0.0) (negative? -0.5))
(show (number->string 2.5) (string->number "2.5") (string->number "1e3"))

; Newton's method.
(define (root x)
  (let improve ((guess 1.0) (steps 0))
    (if (= steps 30)
        guess
        (improve (/ (+ guess (/ x guess)) 2) (+ steps 1)))))
(show (< (abs (- (root 2) 1.4142135623730951)) 1e-12))
; Each sum makes a new object.
(define (harmonic n)
  (do ((i 1 (+ i 1)) (sum 0.0 (+ sum (/ 1.0 i)))) ((> i n) sum)))
(show (< 12.09014 (harmonic 100000) 12.09015))
