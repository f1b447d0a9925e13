; Integers beyond 63 bits: arithmetic, division of all signs, order, text in several radixes.
(define (show . xs)
  (for-each (lambda (x) (write x) (display " ")) xs)
  (newline))

(define (factorial n) (if (= n 0) 1 (* n (factorial (- n 1)))))
(define (fibonacci n)
  (do ((i 0 (+ i 1)) (a 0 b) (b 1 (+ a b))) ((= i n) a)))

(show (factorial 30) (quotient (factorial 30) (factorial 28)))
(show (fibonacci 200))
(define big (expt 10 30))
(define odd (+ big 1))
(show (- big) (- odd big) (- big odd) (* big -3))
(for-each
 (lambda (a)
   (for-each
    (lambda (b)
      (show (quotient a b) (remainder a b) (modulo a b) (floor-quotient a b)))
    (list 7 -7 (expt 10 20) (- (expt 10 20)))))
 (list odd (- odd)))
(show (< big odd) (> big odd) (= big (- odd 1)) (<= (- odd) (- big)) (max 1 big 2) (min 1 (- big)))
(show (even? big) (odd? odd) (zero? (- big big)) (positive? big) (negative? (- big)))
(show (gcd (factorial 20) (expt 6 40)) (lcm (expt 2 40) (expt 6 20)))
(show (number->string (expt 2 100) 16) (number->string (- (expt 3 50)) 2))
(show (string->number "123456789012345678901234567890") #xFFFFFFFFFFFFFFFFFFFF -99999999999999999999)
(show (eq? 'a 'a) (eqv? big (expt 10 30)) (equal? (list big) (list (expt 10 30))) (eqv? big odd))
(show (exact->inexact big) (exact 1e25) (sqrt (* big big)) (exact->inexact (/ big 3)))
(show (expt 2.0 100) (expt -2 101) (exact (floor 1e19)))
(show (bitwise-and (- (expt 2 70) 1) (expt 2 69)) (bitwise-xor -1 big) (arithmetic-shift 1 80) (arithmetic-shift (expt 2 80) -79))
(show (exact-integer? big) (integer? big) (rational? big) (exact? big) (number? big))

; Digits of pi by Gibbons's spigot, all in integers.
(define (pi-digits count)
  (let next ((q 1) (r 0) (t 1) (k 1) (n 3) (l 3) (left count))
    (cond ((= left 0) (newline))
          ((< (- (+ (* 4 q) r) t) (* n t))
           (display n)
           (next (* 10 q) (* 10 (- r (* n t))) t k
                 (- (quotient (* 10 (+ (* 3 q) r)) t) (* 10 n)) l (- left 1)))
          (else
           (next (* q k) (* (+ (* 2 q) r) l) (* t l) (+ k 1)
                 (quotient (+ (* q (+ (* 7 k) 2)) (* r l)) (* t l)) (+ l 2) left)))))
(pi-digits 60)
