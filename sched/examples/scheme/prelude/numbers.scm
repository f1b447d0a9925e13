; Numbers and booleans: what is made of the primitives.

(define (positive? x) (> x 0))
(define (negative? x) (< x 0))
(define (square x) (* x x))
(define (cube x) (* x x x))
(define (1+ x) (+ x 1))
(define (-1+ x) (- x 1))
(define (add1 x) (+ x 1))
(define (sub1 x) (- x 1))
(define (nan? x) (not (= x x)))
(define (infinite? x) (or (= x +inf.0) (= x -inf.0)))
(define (finite? x) (not (or (nan? x) (infinite? x))))
(define (div a b) (floor-quotient a b))
(define (mod a b) (modulo a b))
(define (exact-round x) (exact (round x)))
(define (exact-floor x) (exact (floor x)))
(define (exact-ceiling x) (exact (ceiling x)))
(define (exact-truncate x) (exact (truncate x)))

(define (bitwise-or . all) (apply bitwise-ior all))
(define (shift-left n k) (arithmetic-shift n k))
(define (shift-right n k) (arithmetic-shift n (- k)))
(define (bit-and . all) (apply bitwise-and all))
(define (bit-or . all) (apply bitwise-ior all))
(define (bit-xor . all) (apply bitwise-xor all))

; The simplest fraction between two: that with the smallest denominator.
(define (%simplest low high)
  (let ((whole (floor low)))
    (cond ((= whole low) whole)
          ((< whole (floor high)) (+ whole 1))
          (else (+ whole (/ 1 (%simplest (/ 1 (- high whole)) (/ 1 (- low whole)))))))))

(define (rationalize x tolerance)
  (let ((low (- x (abs tolerance))) (high (+ x (abs tolerance))))
    (cond ((or (nan? low) (infinite? x)) x)
          ((infinite? tolerance) 0.0)
          ((positive? low) (%simplest low high))
          ((negative? high) (- (%simplest (- high) (- low))))
          ((and (exact? x) (exact? tolerance)) 0)
          (else 0.0))))

; Does related? hold between neighbours?
(define (%ordered? related? first rest)
  (or (null? rest)
      (and (related? first (car rest))
           (%ordered? related? (car rest) (cdr rest)))))

(define (%check-all type? all message)
  (if (not (every type? all)) (apply error message all)))

(define (boolean=? a b . more)
  (%check-all boolean? (cons* a b more) "boolean=?: not all arguments are booleans:")
  (%ordered? eq? a (cons b more)))

(define (symbol=? a b . more)
  (%check-all symbol? (cons* a b more) "symbol=?: not all arguments are symbols:")
  (%ordered? eq? a (cons b more)))

(define (assert true . irritants)
  (if (not true) (apply error "assertion failed" irritants)))

;; Names for one kind of number, as older collections have them.

(define (fx+ a b) (+ a b))
(define (fx- a b) (- a b))
(define (fx* a b) (* a b))
(define (fx= a b) (= a b))
(define (fx< a b) (< a b))
(define (fx> a b) (> a b))
(define (fx<= a b) (<= a b))
(define (fx>= a b) (>= a b))
(define (fxquotient a b) (quotient a b))
(define (fxremainder a b) (remainder a b))
(define (fxmodulo a b) (modulo a b))
(define (fxzero? a) (= a 0))
(define (fl+ a b) (+ a b))
(define (fl- a b) (- a b))
(define (fl* a b) (* a b))
(define (fl/ a b) (/ a b))
(define (fl= a b) (= a b))
(define (fl< a b) (< a b))
(define (fl> a b) (> a b))
(define (fl<= a b) (<= a b))
(define (fl>= a b) (>= a b))

;; Two results at a time

(define (exact-integer-sqrt n)
  (let ((root (%integer-sqrt n)))
    (values root (- n (* root root)))))

(define (floor/ a b) (values (floor-quotient a b) (floor-remainder a b)))
(define (truncate/ a b) (values (quotient a b) (remainder a b)))
(define (div-and-mod a b) (floor/ a b))
